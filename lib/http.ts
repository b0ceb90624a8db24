/** Our HTTP, which only ever tells: `/status`, and how others ask for it. */
import * as v from "valibot";
import { UnavailableError } from "./errors.ts";
import { type MemberStatus, STAGES } from "./progress.ts";
import type { PeerStatus } from "./world.ts";

/** What listens; disposing of it closes it. */
export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

/**
 * Serves `/status` as JSON.
 *
 * @param listen An IP address and a port, 0 for any free one.
 * @param status What it says now.
 * @throws {UnavailableError} The port is taken or the address is not ours.
 */
export function serveHttp(
  listen: { readonly host: string; readonly port: number },
  status: () => MemberStatus,
): HttpServer {
  const answer = (request: Request): Response => {
    const { pathname } = new URL(request.url);
    if (request.method !== "GET" && request.method !== "HEAD") {
      return new Response("Only GET and HEAD are answered\n", {
        status: 405,
        headers: { allow: "GET, HEAD" },
      });
    }
    if (pathname === "/status") return Response.json(status());
    return new Response(`Nothing is at ${pathname}; /status is\n`, { status: 404 });
  };
  try {
    const server = Deno.serve({
      hostname: listen.host,
      port: listen.port,
      onListen: () => {},
      onError: () => new Response("Something failed here\n", { status: 500 }),
    }, answer);
    return {
      port: server.addr.port,
      [Symbol.asyncDispose]: () => server.shutdown(),
    };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new UnavailableError(
      `Cannot serve HTTP on ${listen.host}:${listen.port}: ${why}; give another --http HOST:PORT`,
      { cause: error },
    );
  }
}

/** How long a registered member may take to answer, in milliseconds. */
const ANSWER_MS = 2000;

const peerStatus = v.object({
  v: v.literal(1),
  member: v.string(),
  datadirId: v.nullable(v.string()),
  uuid: v.nullable(v.string()),
  primary: v.boolean(),
});

const text = v.string();
const wait = v.object({
  kind: v.literal("wait"),
  rule: v.number(),
  reason: text,
  waitsFor: v.array(text),
  person: v.nullable(text),
});

const transfer = v.optional(
  v.nullable(v.object({
    kind: v.picklist(["SST", "IST"]),
    role: v.picklist(["joiner", "donor"]),
    peer: v.nullable(text),
    done: v.number(),
    total: v.nullable(v.number()),
    rate: v.nullable(v.number()),
    remainingSeconds: v.nullable(v.number()),
    startedAt: text,
    endedAt: v.nullable(text),
    phase: v.exactOptional(text),
    failure: v.exactOptional(text),
  })),
  null,
);

/** All of it; what a keeper of another version may not say yet has a default. */
const memberStatus = v.object({
  ...peerStatus.entries,
  held: v.optional(
    v.nullable(v.variant("kind", [
      v.object({ kind: v.picklist(["empty", "fresh", "standalone", "torn"]) }),
      v.object({ kind: v.literal("at"), position: text, safeToBootstrap: v.boolean() }),
    ])),
    null,
  ),
  attempt: v.optional(v.nullable(text), null),
  size: v.optional(v.nullable(v.number()), null),
  address: text,
  synced: v.boolean(),
  stage: v.picklist(STAGES),
  doing: text,
  decision: v.nullable(v.variant("kind", [
    v.object({ kind: v.literal("bootstrap"), rule: v.number(), reason: text }),
    v.object({ kind: v.literal("join"), rule: v.number(), reason: text, donors: v.array(text) }),
    wait,
  ])),
  seqno: v.nullable(text),
  clusterSize: v.nullable(v.number()),
  serverId: v.nullable(v.number()),
  session: v.picklist(["connected", "suspended", "lost", "none"]),
  since: text,
  startedAt: text,
  readyAt: v.nullable(text),
  certificateExpiresAt: v.optional(v.nullable(text), null),
  transfer,
  lastTransfer: transfer,
});

/**
 * Asks a member for its status, as much of it as others decide on.
 *
 * @param http Where, `host:port`.
 * @throws {Error} No answer in time, or not such an answer; the message says which in a few words.
 */
export async function askStatus(http: string, signal: AbortSignal): Promise<PeerStatus> {
  const { v: _, ...status } = await ask(http, peerStatus, signal);
  return status;
}

/** Asks a member for all of its status. @throws {Error} As {@link askStatus}. */
export function askMember(http: string, signal: AbortSignal): Promise<MemberStatus> {
  return ask(http, memberStatus, signal);
}

async function ask<T extends v.GenericSchema>(
  http: string,
  schema: T,
  signal: AbortSignal,
): Promise<v.InferOutput<T>> {
  let response: Response;
  try {
    response = await fetch(`http://${http}/status`, {
      signal: AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]),
      redirect: "error",
      headers: { connection: "close" },
    });
  } catch (error) {
    signal.throwIfAborted();
    const late = error instanceof DOMException && error.name === "TimeoutError";
    throw new Error(late ? `no answer in ${ANSWER_MS / 1000} s` : "the connection is refused", {
      cause: error,
    });
  }
  const body: unknown = await response.json().catch(() => null);
  const parsed = v.safeParse(schema, body);
  if (!response.ok || !parsed.success) {
    throw new Error(`HTTP ${response.status}, and not a member's status`);
  }
  return parsed.output;
}
