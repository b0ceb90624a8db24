/** What a client asks a server for, read from the bytes on their way: frames of ZooKeeper's protocol. */

/** OpCode.ping of ZooDefs.java. */
const PING = 11;

/** Reads the requests of one connection. */
export class RequestReader {
  #rest = new Uint8Array();
  #isConnected = false;

  /** Takes the next bytes. @returns The types of the requests that they complete (ZooDefs.OpCode). */
  take(bytes: Uint8Array): readonly number[] {
    const all = new Uint8Array(this.#rest.length + bytes.length);
    all.set(this.#rest);
    all.set(bytes, this.#rest.length);
    const view = new DataView(all.buffer);
    const types: number[] = [];
    let at = 0;
    while (at + 4 <= all.length && at + 4 + view.getInt32(at) <= all.length) {
      // The first is the connect request, which has no header; the others begin with xid and type.
      if (this.#isConnected) types.push(view.getInt32(at + 8));
      this.#isConnected = true;
      at += 4 + view.getInt32(at);
    }
    this.#rest = all.slice(at);
    return types;
  }
}

/** What pings are told from. */
export function isPing(type: number): boolean {
  return type === PING;
}
