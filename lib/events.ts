/** What happens to a member, told as it happens to those that count it. */
import type { Decision } from "./cluster/view.ts";
import type { ExitStatus, SpawnPlan, WsrepStatus } from "./mariadb/database.ts";
import type { Stage } from "./progress.ts";

/** One thing that happened. */
export type MemberEvent =
  /** Went on to a stage; the same one again only with something else to say. */
  | { readonly kind: "stage"; readonly stage: Stage }
  /** Decided, under the lock; the same thing again counts again. */
  | { readonly kind: "decision"; readonly decision: Decision }
  /** Asked the server how it is; null: no answer, or there is none. */
  | { readonly kind: "observed"; readonly status: WsrepStatus | null }
  /** The server answers, but refuses us. */
  | { readonly kind: "refused" }
  /** Has the start-up lock. */
  | { readonly kind: "lock-taken"; readonly waitedMs: number }
  /** Has given it back. */
  | { readonly kind: "lock-released"; readonly heldMs: number }
  /** `mariadbd` was spawned. */
  | { readonly kind: "spawned"; readonly how: SpawnPlan["kind"] }
  /** It has exited, told to or by itself. */
  | { readonly kind: "exited"; readonly status: ExitStatus }
  /** Registered and serving from now on. */
  | { readonly kind: "ready" }
  /** Serving no more. */
  | { readonly kind: "unready" };

/** Hears of it. Must neither throw nor take long. */
export type Listener = (event: MemberEvent) => void;
