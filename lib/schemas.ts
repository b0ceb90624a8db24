/** What our JSON is made of, in znodes and in the datadir's id file. */
import * as v from "valibot";
import { hasObeyed, oneLine } from "./settings/shown.ts";

/** A cluster's UUID as Galera writes it. */
export const uuid = v.pipe(
  v.string(),
  v.regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, "no UUID"),
);

const isPlain = (text: string) => !hasObeyed(text);

/** A member's, an address, a random id. */
export const name = v.pipe(
  v.string(),
  v.minLength(1),
  v.maxLength(255),
  v.check(isPlain, "control characters"),
);

/**
 * A sentence, a time of day, whatever is in it: people are shown it, on a terminal that obeys control
 * characters. Escaped, not refused: no decision rests on it.
 */
export const words = v.pipe(v.string(), v.transform((text) => oneLine(text)));

/** A decimal string, at most 2^63 - 1, Galera's largest; -1 ("not known") is never written. */
export const seqno = v.pipe(
  v.string(),
  v.regex(/^(0|[1-9]\d{0,18})$/, "no seqno"),
  v.transform((text) => BigInt(text)),
  v.maxValue(2n ** 63n - 1n),
);

/** The bootstraps of a cluster, oldest first. */
export const attemptsSchema = v.array(
  v.object({
    attempt: name,
    by: name,
    uuid: v.nullable(uuid),
    seqno,
    from: v.optional(v.nullable(name), null),
  }),
);

/** JSON with seqnos as decimal strings: they are more than a double holds. */
export function stringify(value: object): string {
  return JSON.stringify(value, (_, part) => typeof part === "bigint" ? `${part}` : part);
}
