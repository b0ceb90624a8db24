/** Breaks of what is on record, and of when it is written. */
import type { Mutant } from "./mutant.ts";

/** All of them. */
export const RECORD_MUTANTS: readonly Mutant[] = [
  {
    name: "unsettled",
    breaks: "Every write that may have happened twice or not at all is settled by reading back",
    changes: [{
      file: "lib/settle.ts",
      from: "doubtful = true;\n      await untilConnected(ensemble, signal);",
      to: "await untilConnected(ensemble, signal);\n      return true;",
    }],
    history: "the write before a spawn is lost, and the joiner goes on alone",
  },
  {
    name: "record-overwritten",
    breaks: "A record that says `at` a position is never overwritten by nothing or by less data",
    changes: [{
      file: "lib/cluster/record.ts",
      from: "return { ...before, instead: describeHeld(held), insteadCopy };",
      to: 'return before.data.kind === "running" ? ' +
        "{ ...before, instead: describeHeld(held), insteadCopy } : accept(found, null);",
    }],
    seed: 42,
    history: "the newest copy stops in order and is lost",
  },
  {
    name: "running-overwritten",
    breaks: "A record that says `running` is never overwritten by nothing",
    changes: [{
      file: "lib/cluster/record.ts",
      from: "return sameDatadir && hadNothing ? accept(found, null) : keep(before, found);",
      to: "return sameDatadir || !hadNothing ? accept(found, null) : keep(before, found);",
    }],
    seed: 31,
    history: "the newest copy is wiped, all but its id",
  },
  {
    name: "other-cluster-overwrites",
    breaks: "A record is never overwritten by another UUID",
    changes: [{
      file: "lib/cluster/record.ts",
      from:
        'return found.held.kind === "at" && found.held.position.uuid === copy.position.uuid &&\n' +
        "    comparePositions(found.held.position, copy.position) >= 0;",
      to:
        'return found.held.kind === "at" && (found.held.position.uuid !== copy.position.uuid ||\n' +
        "    comparePositions(found.held.position, copy.position) >= 0);",
    }],
    history: "the newest copy's volume is exchanged for another cluster's",
  },
  {
    name: "no-floor",
    breaks: "A torn datadir keeps its old position as a floor",
    changes: [{
      file: "lib/cluster/record.ts",
      from: "? accept(found, data.floor)",
      to: "? accept(found, null)",
    }],
    history: "a copy torn over, and the donor restored from a backup",
  },
  {
    name: "not-recorded-again",
    breaks: "Under the lock a member first records again",
    changes: [{
      file: "lib/startup.ts",
      from: "const own = await registry.report(found, signal);",
      to: "const own = (await registry.readOwnRecord())!;",
    }],
    history: "a member's record vanishes while it waits for the lock unwatched",
  },
  {
    name: "own-record-unwatched",
    breaks: "While it waits for the lock it watches its own record",
    changes: [{
      file: "lib/startup/lock.ts",
      from: "const kept = keepRecord(registry, found, watching.signal);",
      to: "const kept = Promise.resolve(); void keepRecord;",
    }],
    history: "the newest copy's record vanishes while its member waits for the lock",
  },
  {
    name: "not-running-before-spawn",
    breaks: "The record becomes `running` before `mariadbd` is spawned",
    changes: [{
      file: "lib/registry.ts",
      from: "const record = { ...own.record, ...known };",
      to: "const record = { ...own.record }; void known;",
    }],
    history: "a joiner that is not registered yet goes on alone",
  },
  {
    name: "registered-not-running",
    breaks: "Register: one multi creates `nodes/<address>` and sets the own record to `running`",
    changes: [{
      file: "lib/registry.ts",
      from:
        "...own === null ? this.#createRecord(record) : [this.#putRecord(record, own.version)],",
      to: "...own === null ? this.#createRecord(record) : [],",
    }],
    history: "the newest copy is wiped, all but its id",
  },
  {
    name: "restores-itself-only",
    breaks: "ZooKeeper emptied: `running` for every member in its Galera view",
    changes: [{
      file: "lib/registry.ts",
      from: "if (await this.ensemble.exists(path) !== null) continue;",
      to: "if (!own || await this.ensemble.exists(path) !== null) continue;",
    }],
    history: "the ensemble is emptied while only one reaches it",
  },
  {
    name: "restored-in-two-steps",
    breaks: "ZooKeeper emptied: `cluster` and, in the same multi, the records",
    changes: [{
      file: "lib/registry.ts",
      from: "const operations: Operation[] = [this.#putCluster(cluster, null)];",
      to: "const operations: Operation[] = [];\n" +
        "    await this.#settle([this.#putCluster(cluster, null)], () => Promise.resolve(true));\n" +
        "    await this.ensemble.sync(this.#own);",
    }],
    history: "who puts the cluster on record again crashes at once",
  },
  {
    name: "restored-datadir",
    breaks: "A restored record knows no datadir but one's own",
    changes: [{
      file: "lib/registration.ts",
      from: "datadirId: own ? started.datadirId : UNKNOWN_DATADIR,",
      to: "datadirId: own ? started.datadirId : known?.datadirId ?? UNKNOWN_DATADIR,",
    }],
    history: "the ensemble is emptied after a member got another datadir",
  },
  {
    name: "lost-session-forgotten",
    breaks: "Session lost while running: a new session registers again",
    changes: [{
      file: "lib/supervise.ts",
      from: "if (this.#changed || (this.#isLost && this.#isPrimary)) {",
      to: "if (this.#changed) {",
    }],
    seed: 51,
    history: "a member without a primary component reaches the ensemble first",
  },
];
