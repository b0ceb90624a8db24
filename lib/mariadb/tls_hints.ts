/** What Galera's lines about connections come to, in a sentence: by themselves they name no cause. */

/** A hint, and the lines that give it. */
interface Hint {
  /** Whether it is for those with `--tls-dir`, or for those without. */
  readonly withTls: boolean;
  readonly sign: RegExp;
  readonly text: string;
}

/** As Galera 26.4 writes them (gu_asio_stream_react.cpp, gmcast.cpp), OpenSSL's words behind. */
const HINTS: readonly Hint[] = [
  {
    withTls: true,
    sign: /^WSREP: Failed to establish connection: certificate verify failed/,
    text: "Another member's certificate does not come from ca.pem of our --tls-dir, or is over: " +
      "all members need certificates of one authority",
  },
  {
    withTls: true,
    sign:
      /^WSREP: Failed to establish connection: .*alert (?:unknown ca|bad certificate|certificate)/,
    text:
      "Another member refuses our certificate of --tls-dir, or another one refuses another's: " +
      "all members need certificates of one authority",
  },
  {
    withTls: true,
    sign: /^WSREP: Failed to establish connection: (?:wrong version number|.*http request)/,
    text: "Another member does not speak TLS: give all members --tls-dir, or none",
  },
  {
    withTls: false,
    sign: /^WSREP: .* connection to peer 00000000-0000 with addr tcp:\S+ timed out/,
    text:
      "Another member takes our connection and does not answer: where it speaks TLS, this one " +
      "needs --tls-dir, too",
  },
];

/** Looks for them in what a server says, and tells each once. */
export class TlsHints {
  readonly #isTls: boolean;
  readonly #say: (hint: string) => void;
  readonly #told = new Set<Hint>();

  constructor(isTls: boolean, say: (hint: string) => void) {
    this.#isTls = isTls;
    this.#say = say;
  }

  /** Takes the next line, without time and level. */
  take(text: string): void {
    const hint = HINTS.find(({ withTls, sign }) => withTls === this.#isTls && sign.test(text));
    if (hint === undefined || this.#told.has(hint)) return;
    this.#told.add(hint);
    this.#say(hint.text);
  }
}
