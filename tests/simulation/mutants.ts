/**
 * Deliberate breaks of the product, one at a time, each of which the seeds have to find: a checker
 * that lets them pass would prove nothing. Each is a copy of the source with one place changed, so
 * that nothing in the product itself can be switched off.
 *
 *     deno task mutants [--seeds N] [--only NAME]
 */

/** One place of the source, and what stands there in the mutant. */
export interface Mutant {
  readonly name: string;
  /** The sentence of the design that it breaks. */
  readonly breaks: string;
  readonly file: string;
  readonly from: string;
  readonly to: string;
}

/** All mutants. */
export const MUTANTS: readonly Mutant[] = [
  {
    name: "unsettled",
    breaks: "Every write that may have happened twice or not at all is settled by reading back",
    file: "lib/settle.ts",
    from: "if (!(error instanceof ConnectionLossError)) throw error;\n      doubtful = true;",
    to: "if (!(error instanceof ConnectionLossError)) throw error;\n      return true;",
  },
  {
    name: "record-overwritten",
    breaks: "A record that says `at` a position is never overwritten by nothing or by less data",
    file: "lib/cluster/record.ts",
    from: "return { ...before, instead: describeHeld(held), insteadCopy };",
    to:
      'return before.data.kind === "running" ? { ...before, instead: describeHeld(held), insteadCopy } : ' +
      "accept(found, null);",
  },
  {
    name: "running-overwritten",
    breaks: "A record that says `running` is never overwritten by nothing",
    file: "lib/cluster/record.ts",
    from: "return sameDatadir && hadNothing ? accept(found, null) : keep(before, found);",
    to: "return sameDatadir || !hadNothing ? accept(found, null) : keep(before, found);",
  },
  {
    name: "no-floor",
    breaks: "A torn datadir keeps its old position as a floor",
    file: "lib/cluster/record.ts",
    from: "? accept(found, data.floor)",
    to: "? accept(found, null)",
  },
  {
    name: "not-recorded-again",
    breaks: "Under the lock a member first records again",
    file: "lib/startup.ts",
    from: "const own = await registry.report(found, signal);",
    to: "const own = (await registry.readOwnRecord())!;",
  },
  {
    name: "own-record-unwatched",
    breaks: "While it waits for the lock it watches its own record",
    file: "lib/startup.ts",
    from: "const kept = keepRecord(registry, found, watching.signal);",
    to: "const kept = Promise.resolve(); void keepRecord;",
  },
  {
    name: "not-running-before-spawn",
    breaks: "The record becomes `running` before `mariadbd` is spawned",
    file: "lib/registry.ts",
    from: "const record = { ...own.record, ...known };",
    to: "const record = { ...own.record }; void known;",
  },
  {
    name: "no-last-look",
    breaks: "Session and `attempt` are looked at once more just before the spawn",
    file: "lib/startup.ts",
    from: "await registry.lookOnceMore(lock.path, cluster.attempt);",
    to: "",
  },
  {
    name: "writable-at-once",
    breaks: "A bootstrap is read-only until `cluster` says running",
    file: "lib/startup.ts",
    from: "using exit = exitSignal(running, signal);",
    to: "using exit = exitSignal(running, signal);\n  await running.makeWritable();",
  },
  {
    name: "registered-not-running",
    breaks: "Register: one multi creates `nodes/<address>` and sets the own record to `running`",
    file: "lib/registry.ts",
    from: "...own === null ? this.#createRecord(record) : [this.#putRecord(record, own.version)],",
    to: "...own === null ? this.#createRecord(record) : [],",
  },
  {
    name: "lock-back-before-stop",
    breaks: "A starter that gives up stops, records, and only then gives the lock back",
    file: "lib/startup.ts",
    from: "await running.stop(member.timing.giveUpGraceMs);\n  await recordAfterStop(member);\n" +
      "  return null;",
    to: "running.stop(member.timing.giveUpGraceMs).then(() => recordAfterStop(member));\n" +
      "  return null;",
  },
  {
    name: "peers-asked-once",
    breaks: "A member that waits asks the registered peers again every few seconds",
    file: "lib/startup.ts",
    from: "await Promise.race([snapshot.changed, answersChange(), aborted]);",
    to: "await Promise.race([snapshot.changed, aborted]); void answersChange;",
  },
  {
    name: "old-branch-joins",
    breaks: "This datadir does not lie beyond a later attempt's beginning",
    file: "lib/cluster/attempts.ts",
    from: "if (next === undefined || (one === own && !isBeyond(position, next))) return PRESENT;",
    to: "if (next === undefined || own !== null) return PRESENT;",
  },
  {
    name: "restores-itself-only",
    breaks: "ZooKeeper emptied: `running` for every member in its Galera view, in the same multi",
    file: "lib/registry.ts",
    from: "if (await this.ensemble.exists(path) !== null) continue;",
    to: "if (!own || await this.ensemble.exists(path) !== null) continue;",
  },
  {
    name: "uuids-mixed",
    breaks: "Positions of different UUIDs are never compared",
    file: "lib/cluster/elect.ts",
    from: ".filter(({ record }) => !isStranger(record, cluster))",
    to: "",
  },
  {
    name: "no-second-compare-and-set",
    breaks: "Compare-and-set to `running` with the UUID; only then writable, registered, ready",
    file: "lib/registration.ts",
    from: 'if (!await registry.finishBootstrap(attempt, started.uuid)) return "overruled";',
    to: "",
  },
  {
    name: "bootstrap-taken-over",
    breaks: "Nothing takes an unfinished bootstrap over by a timeout",
    file: "lib/cluster/decide.ts",
    from: "if (gone) return null;",
    to: "if (gone || !view.records.some((seen) => seen.kind === 'record' && seen.present && " +
      "seen.record.name === cluster.by)) return null;",
  },
  {
    name: "read-before-the-lock",
    breaks: "Observe: after the lock is held, never before",
    file: "lib/startup.ts",
    from: "await using lock = await takeLock(member, registry, found, signal);\n" +
      "      const own = await registry.report(found, signal);\n" +
      "      const snapshot = await registry.observe(watches.signal);",
    to: "const snapshot = await registry.observe(watches.signal);\n" +
      "      await using lock = await takeLock(member, registry, found, signal);\n" +
      "      const own = await registry.report(found, signal);",
  },
  {
    name: "no-sync",
    breaks: "Observe begins with a sync",
    file: "lib/snapshot.ts",
    from: 'await ensemble.sync(root === "" ? "/" : root);',
    to: "",
  },
  {
    name: "running-ignored",
    breaks: "Rule 6: no record is `running`",
    file: "lib/cluster/doubt.ts",
    from: "if (evidence.running.length > 0)",
    to: "if (evidence.running.length < 0)",
  },
  {
    name: "absent-ignored",
    breaks: "Rule 6: the most advanced of all bootstraps, there or not",
    file: "lib/cluster/elect.ts",
    from: "comparePositions(copy.position, bar.copy.position) >= 0",
    to: "comparePositions(copy.position, bar.copy.position) >= -1",
  },
  {
    name: "lost-session-forgotten",
    breaks: "Session lost while running: a new session registers again",
    file: "lib/supervise.ts",
    from: "if (this.#changed || (this.#isLost && status?.primary)) {",
    to: "if (this.#changed) {",
  },
  {
    name: "cluster-read-last",
    breaks: "Observe: `cluster` before the records that were written with it",
    file: "lib/snapshot.ts",
    from: "const cluster = await readWatchedCluster(ensemble, root, watch, signal);\n" +
      "  const records = await readRecords(ensemble, `${root}/members`, watch, signal);\n" +
      "  const nodes = await readNodes(ensemble, `${root}/nodes`, watch, signal);",
    to: "const records = await readRecords(ensemble, `${root}/members`, watch, signal);\n" +
      "  const nodes = await readNodes(ensemble, `${root}/nodes`, watch, signal);\n" +
      "  const cluster = await readWatchedCluster(ensemble, root, watch, signal);",
  },
  {
    name: "overruled-goes-on",
    breaks: "A start ends when another attempt is on record",
    file: "lib/startup.ts",
    from: "return await Promise.race([up, overruled]);",
    to: "void overruled;\n    return await up;",
  },
  {
    name: "restored-datadir",
    breaks: "A restored record knows no datadir but one's own",
    file: "lib/registration.ts",
    from: "datadirId: own ? started.datadirId : UNKNOWN_DATADIR,",
    to: "datadirId: own ? started.datadirId : known?.datadirId ?? UNKNOWN_DATADIR,",
  },
];
