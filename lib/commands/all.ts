/** All commands, in the order of the help. */

import type { CommandDefinition } from "../command.ts";
import { COMPLETE, COMPLETION } from "./completion.ts";
import { RUN } from "./run.ts";

/** All commands, in the order of the help. */
export const COMMANDS: readonly CommandDefinition[] = [RUN, COMPLETION, COMPLETE];
