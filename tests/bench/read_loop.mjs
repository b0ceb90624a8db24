// Reads as fast as it can when told to, in Deno and in Node. Plain JavaScript as Node 20 reads no other.
//
// Takes lines "sequential MS" and "pipelined MS"; answers each with the reads a second.

import process from "node:process";
import { createInterface } from "node:readline";

/** How many reads are under way at once when pipelined; kazoo_reads.py has the same number. */
const BATCH = 100;

/**
 * @param {() => Promise<unknown>} read
 * @param {number} forMs
 */
async function sequential(read, forMs) {
  const from = performance.now();
  let count = 0;
  while (performance.now() - from < forMs) {
    await read();
    count += 1;
  }
  return count / (performance.now() - from) * 1000;
}

/**
 * @param {() => Promise<unknown>} read
 * @param {number} forMs
 */
async function pipelined(read, forMs) {
  const from = performance.now();
  let count = 0;
  while (performance.now() - from < forMs) {
    await Promise.all(Array.from({ length: BATCH }, read));
    count += BATCH;
  }
  return count / (performance.now() - from) * 1000;
}

/**
 * Says "ready", and measures at each line until there are no more.
 *
 * @param {() => Promise<unknown>} read Reads the znode once.
 */
export async function serveReads(read) {
  process.stdout.write("ready\n");
  for await (const line of createInterface({ input: process.stdin })) {
    const [how, ms] = line.split(" ");
    const rate = await (how === "pipelined" ? pipelined : sequential)(read, Number(ms));
    process.stdout.write(`${rate}\n`);
  }
}
