/** What a member can see when it decides. Types only. */
import type { Position } from "./position.ts";

/** What a datadir holds, as an inspection found it. */
export type Held =
  /** No data of a database: it was never initialised, or its initialisation did not finish. */
  | { readonly kind: "empty" }
  /** Initialised, no schema of a user's, never in a cluster. */
  | { readonly kind: "fresh" }
  /** A user's schemas, never in a cluster. */
  | { readonly kind: "standalone" }
  /** A position in a cluster's history. */
  | { readonly kind: "at"; readonly position: Position; readonly safeToBootstrap: boolean }
  /** An SST into it did not finish: not usable, only good for another SST. */
  | { readonly kind: "torn" };
