/** A DNS server that says what a test has it say; as much of RFC 1035 as a lookup needs. */
import { createSocket, type Socket } from "node:dgram";
import { once } from "node:events";

/** `empty`: the name is there and has no address. `unknown`: there is no such name. Else an IPv4 address. */
export type Says = "empty" | "unknown" | (string & Record<never, never>);

/** Answers each question for an address in the same way. */
export class NameServer implements AsyncDisposable {
  says: Says = "empty";
  readonly #socket: Socket;
  #asked = 0;
  #wake = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on("message", (question, { port, address }) => {
      this.#asked++;
      socket.send(answer(question, this.says), port, address);
      this.#wake();
    });
  }

  /** Listens on port 53 of an address. */
  static async on(address: string): Promise<NameServer> {
    const socket = createSocket("udp4");
    socket.bind(53, address);
    await once(socket, "listening");
    return new NameServer(socket);
  }

  /** Says something else, and waits until it was asked so often since. */
  async say(says: Says, times: number): Promise<void> {
    this.says = says;
    this.#asked = 0;
    const patience = AbortSignal.timeout(PATIENCE_MS);
    while (this.#asked < times) {
      patience.throwIfAborted(); // Who was to ask has ended.
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
        patience.addEventListener("abort", () => resolve(), { once: true });
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#socket, "close");
    this.#socket.close();
    await closed;
  }
}

/** A keeper asks again every second or so. */
const PATIENCE_MS = 180_000;
const IPV4 = 1;

/** A reply to one question: its header and question again, and one address or none. */
function answer(question: Uint8Array, says: Says): Uint8Array {
  let end = 12;
  while (question[end] !== 0) end += question[end]! + 1;
  const asks = question.slice(12, end + 5);
  const isForIpv4 = asks.at(-3) === IPV4;
  const hasAddress = says !== "empty" && says !== "unknown" && isForIpv4;
  const status = says === "unknown" ? 3 : 0;
  const header = [
    ...question.slice(0, 2),
    0x81,
    0x80 | status,
    0,
    1,
    0,
    hasAddress ? 1 : 0,
    0,
    0,
    0,
    0,
  ];
  // A pointer to the name, IPv4, Internet, for no second, 4 bytes.
  const address = hasAddress
    ? [0xc0, 12, 0, IPV4, 0, 1, 0, 0, 0, 0, 0, 4, ...says.split(".").map(Number)]
    : [];
  return new Uint8Array([...header, ...asks, ...address]);
}
