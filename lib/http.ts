/** Our HTTP, which only ever tells: `/status`, and how others ask for it. */
import * as v from "valibot";
import { UnavailableError } from "./errors.ts";
import type { MemberStatus } from "./progress.ts";
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

/**
 * Asks a member for its status.
 *
 * @param http Where, `host:port`.
 * @throws {Error} No answer in time, or not such an answer; the message says which in a few words.
 */
export async function askStatus(http: string, signal: AbortSignal): Promise<PeerStatus> {
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
  const parsed = v.safeParse(peerStatus, body);
  if (!response.ok || !parsed.success) {
    throw new Error(`HTTP ${response.status}, and not a member's status`);
  }
  const { v: _, ...status } = parsed.output;
  return status;
}
