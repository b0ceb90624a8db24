import assert from "node:assert/strict";
import { TlsHints } from "../../lib/mariadb/tls_hints.ts";

/** What is told of lines. */
function told(isTls: boolean, ...lines: readonly string[]): readonly string[] {
  const said: string[] = [];
  const hints = new TlsHints(isTls, (hint) => said.push(hint));
  for (const line of lines) hints.take(line);
  return said;
}

// Lines of Galera 26.4.23.
const TIMED_OUT = "WSREP: (d7180419-8b3a, 'tcp://127.113.82.4:4567') connection to peer " +
  "00000000-0000 with addr tcp://127.113.82.2:4567 timed out, no messages seen in PT3S, socket stats: rtt: 12";
const WRONG = "WSREP: Failed to establish connection: wrong version number";

Deno.test("TlsHints tell the likely cause, each once", () => {
  const table: readonly (readonly [isTls: boolean, line: string, said: RegExp | null])[] = [
    [
      true,
      "WSREP: Failed to establish connection: certificate verify failed: self-signed certificate in certificate chain",
      /^Another member's certificate does not come from ca\.pem of our --tls-dir/,
    ],
    [
      true,
      "WSREP: Failed to establish connection: tlsv1 alert unknown ca",
      /^Another member refuses our certificate of --tls-dir/,
    ],
    [true, WRONG, /^Another member does not speak TLS: give all members --tls-dir, or none$/],
    [false, TIMED_OUT, /where it speaks TLS, this one needs --tls-dir, too$/],
    [true, TIMED_OUT, null],
    [false, WRONG, null],
    [
      false,
      TIMED_OUT.replace("00000000-0000", "e6c90009-8b50"),
      null,
    ],
    [true, `2 [Note] ${WRONG}`, null],
  ];
  for (const [isTls, line, said] of table) {
    const lines = told(isTls, line, "WSREP: something else", line);
    assert.equal(lines.length, said === null ? 0 : 1, line);
    if (said !== null) assert.match(lines[0]!, said);
  }
});
