/** Breaks of a start: what is looked at before it, who waits for it, how it ends. */
import type { Mutant } from "./mutant.ts";

/** All of them. */
export const START_MUTANTS: readonly Mutant[] = [
  {
    name: "read-before-the-lock",
    breaks: "Observe: after the lock is held, never before",
    changes: [{
      file: "lib/startup.ts",
      from: "await using lock = await keepLock(member, registry, held, signal) ??\n" +
        "        await takeLock(member, registry, found, signal);\n" +
        "      const own = await registry.report(found, signal);\n" +
        "      const snapshot = await registry.observe(watches.signal);",
      to: "const snapshot = await registry.observe(watches.signal);\n" +
        "      await using lock = await keepLock(member, registry, held, signal) ??\n" +
        "        await takeLock(member, registry, found, signal);\n" +
        "      const own = await registry.report(found, signal);",
    }, {
      file: "lib/registry.ts",
      from: ': { op: "set", path: this.#cluster, data, version };',
      to: ': { op: "set", path: this.#cluster, data, version: -1 };',
    }],
    history: "another bootstraps between a look and the lock",
    secondLine:
      "The compare-and-set on `cluster` just before the spawn, on the version that was read",
  },
  {
    name: "no-sync",
    breaks: "Observe begins with a sync",
    changes: [{
      file: "lib/snapshot.ts",
      from: 'await ensemble.sync(root === "" ? "/" : root);',
      to: "",
    }],
    history: "the server that a member asks is behind",
  },
  {
    name: "cluster-read-last",
    breaks: "Observe: `cluster` before the records that were written with it",
    changes: [{
      file: "lib/snapshot.ts",
      from: "const cluster = await readWatchedCluster(ensemble, root, watch, signal);\n" +
        "  const { records, storage } = await readRecords(ensemble, `${root}/members`, watch, signal);\n" +
        "  const nodes = await readNodes(ensemble, `${root}/nodes`, watch, signal);",
      to:
        "const { records, storage } = await readRecords(ensemble, `${root}/members`, watch, signal);\n" +
        "  const nodes = await readNodes(ensemble, `${root}/nodes`, watch, signal);\n" +
        "  const cluster = await readWatchedCluster(ensemble, root, watch, signal);",
    }],
    history: "the cluster is put on record again while others look",
  },
  {
    name: "any-name-answers",
    breaks: "Answers means: the same member name",
    changes: [{
      file: "lib/peers.ts",
      from: "if (status.member !== registered.member) {",
      to: "if (false) {",
    }],
    history: "another member answers at a registered address",
  },
  {
    name: "any-datadir-answers",
    breaks: "Answers means: the same datadir id",
    changes: [{
      file: "lib/peers.ts",
      from: "if (status.datadirId !== registered.datadirId) {",
      to: "if (false) {",
    }],
    history: "another datadir answers at a registered address",
  },
  {
    name: "any-cluster-answers",
    breaks: "Answers means: the cluster's UUID; after an SST is too late",
    changes: [{
      file: "lib/peers.ts",
      from: "if (clusterUuid !== null && status.uuid !== clusterUuid) {",
      to: "if (false) {",
    }],
    history: "another cluster answers at a registered address",
  },
  {
    name: "not-primary-answers",
    breaks: "Answers means: Primary",
    changes: [{
      file: "lib/peers.ts",
      from: 'if (!status.primary) return { kind: "not-primary" };',
      to: "",
    }],
    history: "a member that is not Primary answers",
  },
  {
    name: "peers-asked-once",
    breaks: "A member that waits asks the registered peers again every few seconds",
    changes: [{
      file: "lib/startup/observe.ts",
      from: "await Promise.race([snapshot.changed, answersChange(), aborted]);",
      to: "await Promise.race([snapshot.changed, aborted]); void answersChange;",
    }],
    seed: 159,
    history: "a link to the only member that serves heals",
  },
  {
    name: "no-last-look",
    breaks: "Session and `attempt` are looked at once more just before the spawn",
    changes: [{
      file: "lib/startup/act.ts",
      from: "await registry.lookOnceMore(lock.path, cluster.attempt);",
      to: "",
    }],
    history: "a keeper stands still between its record and the spawn",
  },
  {
    name: "writable-at-once",
    breaks: "A bootstrap is read-only until `cluster` says running",
    changes: [{
      file: "lib/startup/serve.ts",
      from: "using exit = exitSignal(running, signal);",
      to: "using exit = exitSignal(running, signal);\n  await running.makeWritable();",
    }],
    history: "a bootstrap's copy is restored from a backup before it is registered",
  },
  {
    name: "no-second-compare-and-set",
    breaks: "Compare-and-set to `running` with the UUID; only then writable, registered, ready",
    changes: [{
      file: "lib/registration.ts",
      from: 'if (!await registry.finishBootstrap(attempt, started.uuid)) return "overruled";',
      to: "",
    }],
    history: "all start for the first time",
  },
  {
    name: "overruled-goes-on",
    breaks: "A start ends when another attempt is on record",
    changes: [{
      file: "lib/startup/serve.ts",
      from: "return await Promise.race([up, overruled]);",
      to: "void overruled;\n    return await up;",
    }],
    history: "a person has another go on while a joiner looks for members",
  },
  {
    name: "lock-back-before-stop",
    breaks: "A starter that gives up stops, records, and only then gives the lock back",
    changes: [{
      file: "lib/startup/serve.ts",
      from: "await running.stop(member.timing.giveUpGraceMs);\n  await recordAfterStop(member);\n" +
        '  if (result.kind !== "overruled")',
      to: "running.stop(member.timing.giveUpGraceMs).then(() => recordAfterStop(member));\n" +
        '  if (result.kind !== "overruled")',
    }],
    history: "an SST hangs, and its server takes its time to stop",
  },
];
