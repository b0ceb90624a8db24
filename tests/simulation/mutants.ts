/**
 * Deliberate breaks of the product, each of which a seed or a scripted history has to find: a checker
 * that lets them pass would prove nothing. Each is a copy of the source with a place or two changed, so
 * that nothing in the product itself can be switched off.
 *
 *     deno task mutants [--seeds N] [--only NAME] [--minutes N]    what is recorded finds them, or the
 *                                                                  seeds from 1 on do
 *     deno task mutants --hunt [--from SEED] …                     which seed finds them, to be recorded
 */
import { ADOPTION_MUTANTS } from "./mutants/adoptions.ts";
import { DECISION_MUTANTS } from "./mutants/decisions.ts";
import type { Mutant } from "./mutants/mutant.ts";
import { RECORD_MUTANTS } from "./mutants/records.ts";
import { START_MUTANTS } from "./mutants/starts.ts";

/** All mutants. */
export const MUTANTS: readonly Mutant[] = [
  ...RECORD_MUTANTS,
  ...START_MUTANTS,
  ...DECISION_MUTANTS,
  ...ADOPTION_MUTANTS,
];

/** The design's sentences that close a hole once found, and which mutants break each. */
export const SENTENCES: Readonly<Record<string, readonly string[]>> = {
  "Every write that may have happened twice or not at all is settled by reading back": [
    "unsettled",
  ],
  "A record that says running or at is never overwritten by nothing, by less, by another UUID": [
    "record-overwritten",
    "running-overwritten",
    "other-cluster-overwrites",
  ],
  "A torn datadir keeps its old position as a floor": ["no-floor"],
  "Under the lock a member first records again, and while it waits it watches its own record": [
    "not-recorded-again",
    "own-record-unwatched",
  ],
  "Answers means: same name, same datadir, Primary, the cluster's UUID; checked before the spawn": [
    "any-name-answers",
    "any-datadir-answers",
    "any-cluster-answers",
    "not-primary-answers",
  ],
  "Session and attempt are looked at once more just before the spawn": ["no-last-look"],
  "A bootstrap is read-only and not ready until cluster says running": ["writable-at-once"],
  "Register: one multi creates the node and sets the own record to running": [
    "registered-not-running",
  ],
  "A starter that gives up stops, records, and only then gives the lock back": [
    "lock-back-before-stop",
  ],
  "A member that waits asks the registered peers again": ["peers-asked-once"],
  "pc.bootstrap is never used": ["pc-bootstrap"],
  "A datadir beyond a later attempt's beginning does not join": ["old-branch-joins"],
  "An emptied ensemble: running for every member of the Galera view, in the same multi": [
    "restores-itself-only",
    "restored-in-two-steps",
  ],
  "An adoption: running for every member of the Galera view, in the same multi, and for who joins it":
    [
      "adopts-itself-only",
      "late-comers-unrecorded",
    ],
  "What nothing shows to go on with the history on record is not adopted": ["any-history-adopted"],
  "Both commands of an operator refuse for a member that is alive": [
    "forces-over-the-living",
    "forgets-the-living",
  ],
  // And the obvious ones.
  "Seqnos are not compared across UUIDs": ["uuids-mixed"],
  "The record is running before the spawn": ["not-running-before-spawn"],
  "The second compare-and-set of a bootstrap": ["no-second-compare-and-set"],
  "No timeout takes over": ["bootstrap-taken-over"],
  "The registry is read after the lock is held": ["read-before-the-lock"],
};
