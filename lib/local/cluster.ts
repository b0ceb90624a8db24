/** A cluster on this machine: its members started, shown, stopped in order. */

import { LocalMember } from "./member.ts";
import type { Screen } from "./screen.ts";
import { isServing, type MemberView, stopOrder } from "./view.ts";

/** How often the screen is brought up to date, in milliseconds. */
const SHOW_EVERY_MS = 100;

/** Why a cluster is to be stopped. */
export type ClusterEnd = "asked" | "serving" | "late";

/** When a cluster ends by itself. */
export interface ClusterOptions {
  /** End when all members serve. */
  readonly untilServing: boolean;
  /** … or when they do not after so many milliseconds. */
  readonly patienceMs: number;
}

/** The members of a cluster on this machine. */
export class LocalCluster {
  readonly #members: readonly LocalMember[];
  readonly #screen: Screen;
  /** Each resolves when its member has stopped. */
  readonly #kept: readonly Promise<void>[];
  #failure: { readonly error: unknown } | null = null;
  #isShowing = true;

  /** Starts the members, all at once: who starts first is theirs to settle. */
  constructor(members: readonly LocalMember[], screen: Screen) {
    this.#members = members;
    this.#screen = screen;
    this.#kept = members.map((member) =>
      member.keep().catch((error) => {
        this.#failure ??= { error };
      })
    );
  }

  get views(): readonly MemberView[] {
    return this.#members.map((member) => member.view);
  }

  /**
   * Shows the members until there is a reason to stop them.
   *
   * @param onServing Called once, when all serve for the first time.
   * @throws {KeeperError} A member was told something wrong.
   */
  async show(
    { untilServing, patienceMs }: ClusterOptions,
    onServing: () => void,
    signal: AbortSignal,
  ): Promise<ClusterEnd> {
    const startedMs = performance.now();
    let haveServed = false;
    while (!signal.aborted) {
      const views = this.views;
      this.#screen.show(views);
      if (this.#failure !== null) throw this.#failure.error;
      if (!haveServed && views.every(isServing)) {
        haveServed = true;
        onServing();
        if (untilServing) return "serving";
      }
      if (untilServing && performance.now() - startedMs > patienceMs) return "late";
      await new Promise((resolve) => setTimeout(resolve, SHOW_EVERY_MS));
    }
    return "asked";
  }

  /** Stops the members one after the other, the most advanced last. */
  async stop(): Promise<void> {
    const showing = this.#showUntilStopped();
    for (const index of stopOrder(this.views)) {
      this.#members[index]!.stop();
      await this.#kept[index];
    }
    this.#isShowing = false;
    await showing;
  }

  /** Stops those that still run at once, for who cannot wait. */
  stopAtOnce(): void {
    for (const member of this.#members) member.stop();
  }

  async #showUntilStopped(): Promise<void> {
    while (this.#isShowing) {
      this.#screen.show(this.views);
      await new Promise((resolve) => setTimeout(resolve, SHOW_EVERY_MS));
    }
    this.#screen.show(this.views);
  }
}
