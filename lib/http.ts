/** Our HTTP, which only ever tells: probes, metrics, `/status`, and how others ask for that. */
import * as v from "valibot";
import { UnavailableError } from "./errors.ts";
import type { Readiness, Verdict } from "./health.ts";
import { type Asked, HttpListener, type Limits } from "./http_listener.ts";
import { type MemberStatus, STAGES } from "./progress.ts";
import { words } from "./schemas.ts";
import type { PeerStatus } from "./world.ts";

/** What listens; disposing of it closes it. */
export interface HttpServer extends AsyncDisposable {
  readonly port: number;
}

/** What is served. */
export interface Served {
  /** What it says of itself now, for JSON. */
  status(): object;
  live(): Verdict;
  ready(asked: Readiness): Verdict;
  readonly metrics?: Metrics;
}

/** A page of metrics. */
export interface Metrics {
  readonly contentType: string;
  text(): Promise<string>;
}

const PATHS = ["/livez", "/readyz", "/status", "/metrics"];

/** Probes are asked with any method that only asks: HAProxy's check is `OPTIONS / HTTP/1.0`. */
const PROBE_METHODS = ["GET", "HEAD", "OPTIONS"];
const METHODS = ["GET", "HEAD"];

/**
 * Serves `/livez`, `/readyz` (also as `/`), `/status` and `/metrics`.
 *
 * @param listen An IP address and a port, 0 for any free one.
 * @param limits What clients may take; for a test.
 * @throws {UnavailableError} The port is taken or the address is not ours.
 */
export function serveHttp(
  listen: { readonly host: string; readonly port: number },
  served: Served,
  limits?: Limits,
): HttpServer {
  const answered = (asked: Asked) =>
    answer(asked, served).catch(() => say(500, "Something failed here"));
  try {
    return new HttpListener(listen, answered, limits);
  } catch (error) {
    throw new UnavailableError(
      `Cannot serve HTTP on ${listen.host}:${listen.port}: ${messageOf(error)}; ` +
        "give another --http HOST:PORT",
      { cause: error },
    );
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

async function answer({ url, method }: Asked, served: Served): Promise<Response> {
  const { pathname, searchParams } = new URL(url);
  const isProbe = ["/", "/readyz", "/livez"].includes(pathname);
  const methods = isProbe ? PROBE_METHODS : METHODS;
  if (!methods.includes(method)) {
    const allow = methods.join(", ");
    return say(405, `Only ${allow} are answered`, { allow });
  }
  switch (pathname) {
    case "/":
    case "/readyz":
      return tell(served.ready({ donor: searchParams.get("donor") === "ok" }));
    case "/livez":
      return tell(served.live());
    case "/status":
      return Response.json(served.status(), { headers: FRESH });
    case "/metrics": {
      if (served.metrics === undefined) break;
      const text = await served.metrics.text();
      return new Response(text, {
        headers: { ...FRESH, "content-type": served.metrics.contentType },
      });
    }
  }
  return say(404, `Nothing is at ${pathname}: there are ${PATHS.join(", ")}`);
}

function tell({ isOk, text }: Verdict): Response {
  return say(isOk ? 200 : 503, text);
}

const FRESH = { "cache-control": "no-store" };

function say(status: number, text: string, headers: Record<string, string> = {}): Response {
  return new Response(`${text}\r\n`, {
    status,
    headers: { ...FRESH, "content-type": "text/plain; charset=utf-8", ...headers },
  });
}

/** How long a registered member may take to answer, in milliseconds. */
const ANSWER_MS = 2000;

const text = words;
const aTransfer = v.nullable(v.object({
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
}));

const peerStatus = v.object({
  v: v.literal(1),
  member: words,
  datadirId: v.nullable(words),
  uuid: v.nullable(words),
  primary: v.boolean(),
  synced: v.optional(v.boolean(), false),
  clusterSize: v.exactOptional(v.nullable(v.number())),
  transfer: v.exactOptional(aTransfer),
});

const wait = v.object({
  kind: v.literal("wait"),
  rule: v.number(),
  reason: text,
  waitsFor: v.array(text),
  person: v.nullable(text),
});

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
  // What older keepers do not say is taken for as it is with a member that serves.
  answers: v.optional(v.boolean(), true),
  localState: v.optional(v.number(), 4),
  letsClientsIn: v.optional(v.boolean(), true),
  readOnly: v.optional(v.boolean(), false),
  flowControlPaused: v.optional(v.nullable(v.number()), null),
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
  adopted: v.optional(v.boolean(), false),
  transfer: v.optional(aTransfer, null),
  lastTransfer: v.optional(aTransfer, null),
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

/** No member says more; whoever does is none, and is not to fill the memory. */
const LONGEST_STATUS_BYTES = 1 << 20;

async function readJson(response: Response): Promise<unknown> {
  const decoder = new TextDecoder();
  let text = "";
  for await (const bytes of response.body ?? []) {
    text += decoder.decode(bytes, { stream: true });
    if (text.length > LONGEST_STATUS_BYTES) throw new Error("no member's status is that long");
  }
  return JSON.parse(text + decoder.decode());
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
  const body: unknown = await readJson(response).catch(() => null);
  const parsed = v.safeParse(schema, body);
  if (!response.ok || !parsed.success) {
    throw new Error(`HTTP ${response.status}, and not a member's status`);
  }
  return parsed.output;
}
