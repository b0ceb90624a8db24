/** All scripted histories: what a seed finds seldom or never, told event by event. */
import { ADOPTIONS } from "./adoptions.ts";
import { ENSEMBLES } from "./ensembles.ts";
import { OUTAGES } from "./outages.ts";
import { PERSONS } from "./persons.ts";
import type { History } from "./script.ts";
import { STARTS } from "./starts.ts";

/** Each is played with these seeds, for other delays between the same events. */
export const HISTORY_SEEDS = [1, 2, 3];

/** All histories. */
export const HISTORIES: readonly History[] = [
  ...STARTS,
  ...OUTAGES,
  ...ENSEMBLES,
  ...PERSONS,
  ...ADOPTIONS,
];
