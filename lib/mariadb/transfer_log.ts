/** What mariadbd and its SST scripts print of a state transfer, as far as it concerns one member. Pure. */

/** The state transfer that a server printed of last. */
export interface LoggedTransfer {
  /** Another one for each transfer of this server. */
  readonly number: number;
  readonly kind: "SST" | "IST";
  readonly role: "joiner" | "donor";
  /** The other member's name. */
  readonly peer: string;
  /** Of the SST's script: `rsync`, `mariabackup`. */
  readonly method: string;
  /** Seqnos of an IST, both included; null before they are known. */
  readonly seqnos: { readonly first: number; readonly last: number } | null;
  /** Transactions of an IST that were received, by Galera's own word. */
  readonly received: number;
  /** What it does besides copying, in a word; null while it copies. */
  readonly phase: string | null;
  readonly hasEnded: boolean;
  /** Why it failed, in a few words; null where it did not. */
  readonly failure: string | null;
}

/** `Member 1.0 (joiner) requested …`, which every member prints (Galera's gcs/src/gcs_group.cpp). */
const REQUEST =
  /^WSREP: Member \S+ \((.*)\) requested state transfer from '.*'\. Selected \S+ \((.*)\)\([A-Z/]+\) as donor\.$/;
/** `0.0 (donor): State transfer to 1.0 (joiner) complete.`, also to all (gcs_group.cpp). */
const RESULT =
  /^WSREP: \S+ \((.*)\): State transfer (to|from) \S+ \((.*)\) (?:complete\.|failed: (.*))$/;
/** What a joiner without a position asks for begins at 0 (galera/src/ist.cpp). */
const IST_WISH = /^WSREP: Prepared IST receiver for (\d+)-(\d+)/;
const IST_OFFER = /^WSREP: async IST sender starting to serve \S+ sending (\d+)-(\d+)/;
const IST_BEGINS = /^WSREP: Receiving IST: \d+ writesets, seqnos (\d+)-(\d+)$/;
const IST_GOES_ON = /^WSREP: Receiving IST\.\.\.\s*[\d.]+% \((\d+)\/\d+ events\) complete\.$/;
/** MariaDB's sql/wsrep_sst.cc; `--bypass` says that an IST follows. */
const SCRIPT = /^WSREP: Running: 'wsrep_sst_(\w+) --role '(joiner|donor)' (.*)$/;

/** Why a transfer failed of which nothing else is known. */
export const EXITED = "mariadbd has exited";

/** What a donor's script of mariabackup does for ten seconds before it sends. */
export const WAITING = "waiting for the joiner";

/** What a joiner by mariabackup does once all is in its folder `.sst`. */
export const PREPARING = "preparing";

/** Lines that say what a joiner, a donor does besides copying. */
const PHASES: readonly (readonly [LoggedTransfer["role"], RegExp, string | null])[] = [
  ["donor", /^WSREP: Flushing tables for SST/, "flushing tables"],
  ["donor", /^WSREP: Tables flushed/, null],
  ["donor", /^WSREP_SST: Sleeping before data transfer/, WAITING],
  ["donor", /^WSREP_SST: Streaming the backup to joiner/, null],
  ["joiner", /^WSREP_SST: Preparing the backup at/, PREPARING],
  ["joiner", /^WSREP_SST: Moving the backup to/, "moving"],
  ["joiner", /^WSREP: SST received$/, "starting on it"],
  ["joiner", /^WSREP: Receiving IST: /, "catching up"],
];

/** Follows what one server prints. */
export class TransferLog {
  readonly #member: string;
  #number = 0;
  #wish: LoggedTransfer["seqnos"] = null;
  #offer: LoggedTransfer["seqnos"] = null;
  /** Who asked this member to be its donor, until it is known for what. */
  #asking = "";
  /** How a joiner will get an SST. */
  #method = "";
  #current: LoggedTransfer | null = null;
  /** What the SST's script said was wrong, first things first. */
  #problems: string[] = [];

  /** @param member Its own name, `wsrep_node_name`. */
  constructor(member: string) {
    this.#member = member;
  }

  /** The transfer that goes on, else the last one; null before the first. */
  get current(): LoggedTransfer | null {
    return this.#current;
  }

  /**
   * Takes a line.
   *
   * @param isError It says so of itself.
   */
  notice(text: string, isError: boolean): void {
    const [, wishFirst, wishLast] = IST_WISH.exec(text) ?? [];
    if (wishFirst !== undefined) return void (this.#wish = seqnos(wishFirst, wishLast));
    const [, offerFirst, offerLast] = IST_OFFER.exec(text) ?? [];
    if (offerFirst !== undefined) return this.#offers(seqnos(offerFirst, offerLast));
    const [, joiner, donor] = REQUEST.exec(text) ?? [];
    if (joiner !== undefined && donor !== undefined) return this.#requested(joiner, donor);
    const [, method, role, args = ""] = SCRIPT.exec(text) ?? [];
    if (method !== undefined && role === "joiner") return void (this.#method = method);
    if (method !== undefined) return this.#donates(method, args.includes(" --bypass "));
    if (this.#current === null || this.#current.hasEnded) return;
    this.#goOn(this.#current, text, isError);
  }

  /** The copying turned out to be of all data. */
  isSst(): void {
    if (this.#current?.kind !== "IST" || this.#current.hasEnded) return;
    this.#change({ kind: "SST", seqnos: null, received: 0 });
  }

  /** The server has exited: what went on has failed. */
  exited(): void {
    if (this.#current?.hasEnded === false) this.#end(EXITED);
  }

  /** What goes on is ended by us. @param why In a few words, over what the script will say. */
  abandon(why: string): void {
    if (this.#current?.hasEnded === false) this.#change({ hasEnded: true, failure: why });
  }

  #requested(joiner: string, donor: string): void {
    if (donor === this.#member) {
      this.#asking = joiner;
      this.#offer = null;
    }
    if (joiner !== this.#member) return;
    const wish = this.#wish;
    const isSst = wish === null || wish.first === 0;
    this.#begin({
      kind: isSst ? "SST" : "IST",
      role: "joiner",
      peer: donor,
      method: this.#method,
      seqnos: isSst ? null : wish,
    });
  }

  /** The sender and the script begin at once: either may be the first to say so. */
  #offers(offer: LoggedTransfer["seqnos"]): void {
    this.#offer = offer;
    const { role, kind, hasEnded } = this.#current ?? {};
    if (role === "donor" && kind === "IST" && !hasEnded) this.#change({ seqnos: offer });
  }

  #donates(method: string, isIst: boolean): void {
    this.#begin({
      kind: isIst ? "IST" : "SST",
      role: "donor",
      peer: this.#asking,
      method,
      seqnos: isIst ? this.#offer : null,
    });
  }

  #begin(known: Pick<LoggedTransfer, "kind" | "role" | "peer" | "method" | "seqnos">): void {
    this.#problems = [];
    this.#current = {
      number: ++this.#number,
      ...known,
      received: 0,
      phase: null,
      hasEnded: false,
      failure: null,
    };
  }

  #goOn(current: LoggedTransfer, text: string, isError: boolean): void {
    const { kind, role } = current;
    if (isError) this.#problem(text);
    if (kind === "IST") this.#goOnWithIst(current, text);
    if (role === "joiner" && /^WSREP_SST: Proceeding with SST/.test(text)) return this.isSst();
    if (kind === "SST") {
      const [, , phase] = PHASES.find(([whose, line]) => whose === role && line.test(text)) ?? [];
      if (phase !== undefined) this.#change({ phase });
    }
    const [, who, direction, , failure] = RESULT.exec(text) ?? [];
    if (who !== undefined) this.#result(current, who, direction === "to", failure ?? null);
  }

  #goOnWithIst({ role }: LoggedTransfer, text: string): void {
    if (role === "donor") {
      // The script of a donor is done before anything is sent; the sender goes on without it.
      if (/^WSREP: async IST sender served/.test(text)) this.#end(null);
      else if (/^WSREP: async IST sender,? failed/.test(text)) this.#end(withoutPrefix(text));
      return;
    }
    const [, first, last] = IST_BEGINS.exec(text) ?? [];
    if (first !== undefined) this.#change({ seqnos: seqnos(first, last) });
    const [, received] = IST_GOES_ON.exec(text) ?? [];
    if (received !== undefined) this.#change({ received: Number(received) });
  }

  #result(current: LoggedTransfer, who: string, isDonors: boolean, failure: string | null): void {
    const { kind, role, peer } = current;
    const isOwn = isDonors === (role === "donor") && who === this.#member;
    if (failure === null) {
      if (isOwn && !(kind === "IST" && role === "donor")) this.#end(null);
    } else if (isOwn) {
      this.#end(failure);
    } else if (role === "joiner" && isDonors && who === peer) {
      this.#problems = [];
      this.#end(`${peer} cannot send it (${failure}), and says why in its log`);
    }
  }

  #problem(text: string): void {
    const isOfScript = text.startsWith("WSREP_SST: ");
    const says = withoutPrefix(text).replaceAll(/\*{2,}/g, "").trim();
    // What a script says as it cleans up is no reason.
    if (!isOfScript || says === "" || /^(?:Cleanup after|Removing) /.test(says)) return;
    if (this.#problems.length < 2) this.#problems.push(says);
  }

  #end(failure: string | null): void {
    const why = failure === null ? null : this.#problems.join(" ") || failure;
    this.#change({ hasEnded: true, phase: null, failure: why });
  }

  #change(change: Partial<LoggedTransfer>): void {
    if (this.#current !== null) this.#current = { ...this.#current, ...change };
  }
}

function seqnos(first: string, last: string | undefined): LoggedTransfer["seqnos"] {
  return { first: Number(first), last: Number(last) };
}

function withoutPrefix(text: string): string {
  return text.replace(/^WSREP(?:_SST)?: /, "");
}
