/** All commands, in the order of the help. */

import type { CommandDefinition } from "../command.ts";
import { ADOPT } from "./adopt.ts";
import { ARBITRATE } from "./arbitrate.ts";
import { BOOTSTRAP } from "./bootstrap.ts";
import { COMPLETE, COMPLETION } from "./completion.ts";
import { EXPLAIN } from "./explain.ts";
import { HEALTH } from "./health.ts";
import { FORGET } from "./forget.ts";
import { LOG } from "./log.ts";
import { PAUSE } from "./pause.ts";
import { RESTART } from "./restart.ts";
import { RACE_DEMO } from "./race_demo.ts";
import { RACE_DEMO_WORKER } from "./race_demo_worker.ts";
import { RESUME } from "./resume.ts";
import { RUN } from "./run.ts";
import { STATUS } from "./status.ts";
import { STOP } from "./stop.ts";
import { UP } from "./up.ts";

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandDefinition[] = [
  RUN,
  ADOPT,
  ARBITRATE,
  UP,
  STATUS,
  HEALTH,
  RESTART,
  STOP,
  EXPLAIN,
  LOG,
  BOOTSTRAP,
  FORGET,
  PAUSE,
  RESUME,
  RACE_DEMO,
  COMPLETION,
  RACE_DEMO_WORKER,
  COMPLETE,
];
