/** What fast-check makes of ZooKeeper's values. */

import fc from "fast-check";

/** 32 bits. */
export const int32 = fc.integer({ min: -0x80000000, max: 0x7fffffff });
/** 64 bits. */
export const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
/** Bytes of any value. */
export const bytes = fc.uint8Array({ maxLength: 200 });
/** Strings that UTF-8 can carry: of any code points, short and long, plain and not. */
export const text = fc.oneof(
  fc.string({ unit: "binary" }),
  fc.string({ unit: "binary-ascii", maxLength: 200 }),
  fc.string({ unit: "grapheme", maxLength: 200 }),
);
/** Bytes that often look like counts and short records. */
export const anyBytes = fc.oneof(
  bytes,
  fc.array(fc.constantFrom(0, 0, 0, 1, 2, 65, 255), { maxLength: 200 })
    .map((values) => Uint8Array.from(values)),
);
