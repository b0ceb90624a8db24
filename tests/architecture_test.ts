/** The house, as the design draws it: which part may know which. Every rule is shown to bite. */
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { dirname, join, normalize, relative } from "node:path/posix";

/** A source file; its path is from the repository's root. */
interface Module {
  readonly path: string;
  readonly text: string;
}

interface Import {
  /** The file from the repository's root, or the package. */
  readonly target: string;
  readonly typeOnly: boolean;
}

/** A rule: what is wrong with a module, one sentence each. */
type Rule = (module: Module) => string[];

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function readModules(): Module[] {
  const modules: Module[] = [];
  const walk = (folder: string) => {
    for (const { name, isDirectory } of Deno.readDirSync(folder)) {
      const path = join(folder, name);
      if (isDirectory) walk(path);
      else if (name.endsWith(".ts")) {
        modules.push({ path: relative(ROOT, path), text: Deno.readTextFileSync(path) });
      }
    }
  };
  walk(join(ROOT, "lib"));
  modules.push({ path: "main.ts", text: Deno.readTextFileSync(join(ROOT, "main.ts")) });
  return modules;
}

/** What is left when comments are gone; `//` within a line may be an address in a string. */
function code({ text }: Module): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*\/\/.*$/gm, "");
}

function importsOf(module: Module): Import[] {
  const found: Import[] = [];
  const add = (specifier: string, typeOnly: boolean) => {
    const target = specifier.startsWith(".")
      ? normalize(join(dirname(module.path), specifier))
      : specifier.replace(/^npm:/, "").replace(/(?<=.)@[\d^~].*$/, "");
    found.push({ target, typeOnly });
  };
  const text = code(module);
  const statement =
    /\b(?:import|export)\s+(type\s+)?(\*(?:\s+as\s+\w+)?|[\w$\s,{}]*?)\s*from\s*"([^"]+)"/g;
  for (const [, type, names = "", specifier = ""] of text.matchAll(statement)) {
    const inBraces = /^\{(.*)\}$/s.exec(names.trim())?.[1]?.split(",")
      .map((name) => name.trim()).filter((name) => name !== "");
    const allTypes = inBraces?.every((name) => name.startsWith("type ")) ?? false;
    add(specifier, type !== undefined || allTypes);
  }
  for (const [, specifier = ""] of text.matchAll(/\bimport\s*\(?\s*"([^"]+)"/g)) {
    add(specifier, false);
  }
  return found;
}

const isIn = (folder: string, path: string) => path.startsWith(`${folder}/`);
const isPackage = (name: string, target: string) =>
  target === name || target.startsWith(`${name}/`);

/** `cluster/` imports nothing from outside but types. */
const clusterIsPure: Rule = (module) => {
  if (!isIn("lib/cluster", module.path)) return [];
  const imports = importsOf(module)
    .filter(({ target, typeOnly }) => !isIn("lib/cluster", target) && !typeOnly)
    .map(({ target }) => `${module.path} imports more than types from ${target}`);
  const effects = code(module).match(
    /\b(?:Deno|console|performance|crypto)\.|\b(?:fetch|set(?:Timeout|Interval))\(|\bDate\b|\bMath\.random\b|\basync\b|\bawait\b/g,
  ) ?? [];
  return [...imports, ...effects.map((word) => `${module.path} uses ${word}`)];
};

/** What of `lib/zookeeper/` is the wire: below the session and the lock. */
const WIRE =
  /^lib\/zookeeper\/(?:addon\w*|connection|jute|records|transport|exchange|dialer|outbox|fifo|heartbeat|watches|install)\.ts$/;

/** Only `lib/zookeeper/` imports npm:zookeeper and the wire. */
const zookeeperIsBehindItsFolder: Rule = (module) => {
  if (isIn("lib/zookeeper", module.path)) return [];
  return importsOf(module)
    .filter(({ target }) => isPackage("zookeeper", target) || WIRE.test(target))
    .map(({ target }) => `${module.path} imports ${target}`);
};

/** Only `lib/mariadb/` imports npm:mariadb and spawns `mariadbd`. */
const mariadbIsBehindItsFolder: Rule = (module) => {
  if (isIn("lib/mariadb", module.path)) return [];
  const imports = importsOf(module).filter(({ target }) => isPackage("mariadb", target))
    .map(({ target }) => `${module.path} imports ${target}`);
  const program =
    /\b(?:Command|(?:start|run)Program|spawn\w*|exec\w*)\(\s*["'`][^"'`]*(?:mariadb|mysql)[^"'`]*["'`]/g;
  const spawns = code(module).match(program) ?? [];
  return [...imports, ...spawns.map((text) => `${module.path} spawns: ${text}`)];
};

/** The files that bring pure and effectful parts together. */
const mayJoin = (path: string) =>
  path === "lib/startup.ts" || path === "lib/supervise.ts" || isIn("lib/commands", path);

/** Only errors and addresses: what a part may know of a folder without doing anything through it. */
const HARMLESS =
  /^lib\/zookeeper\/(?:errors|hosts|paths|ensemble)\.ts$|^lib\/mariadb\/database\.ts$/;

/** Only `startup.ts`, `supervise.ts` and `commands/` bring pure and effectful parts together. */
const oneOrchestrator: Rule = (module) => {
  const { path } = module;
  if (mayJoin(path) || isIn("lib/cluster", path)) return [];
  const values = importsOf(module).filter(({ typeOnly }) => !typeOnly).map(({ target }) => target);
  const decides = values.filter((target) => target === "lib/cluster/decide.ts")
    .map((target) => `${path} imports ${target}`);
  const pure = values.find((target) => isIn("lib/cluster", target));
  const effectful = values.find((target) =>
    (isIn("lib/zookeeper", target) || isIn("lib/mariadb", target)) && !HARMLESS.test(target) ||
    isPackage("zookeeper", target) || isPackage("mariadb", target)
  );
  // The effectful folders may use the words of the pure one, as positions; they decide nothing.
  const inside = isIn("lib/zookeeper", path) || isIn("lib/mariadb", path);
  const joins = pure !== undefined && effectful !== undefined && !inside
    ? [`${path} brings ${pure} and ${effectful} together`]
    : [];
  return [...decides, ...joins];
};

/** The effectful folders do not know each other, nor who orchestrates them. */
const foldersAreApart: Rule = (module) => {
  const folder = ["lib/zookeeper", "lib/mariadb"].find((one) => isIn(one, module.path));
  if (folder === undefined) return [];
  const other = folder === "lib/zookeeper" ? "lib/mariadb" : "lib/zookeeper";
  const orchestrates = (target: string) => mayJoin(target) || isIn("lib/startup", target);
  return importsOf(module)
    .filter(({ target }) => isIn(other, target) || orchestrates(target) || target === "main.ts")
    .map(({ target }) => `${module.path} imports ${target}`);
};

/**
 * `position.ts` is the only place that compares positions: nobody else can forget the UUID. Whether a
 * seqno is known at all, being less than 0, is no comparison of two.
 */
const positionsCompareThemselves: Rule = (module) => {
  if (module.path === "lib/cluster/position.ts") return [];
  const comparison =
    /\bseqno\s*(?:<|>)=?(?!=?\s*0n\b)|(?<!=)[<>]=?\s*[\w.?!]*\.seqno\b|\bmax\([^)]*seqno/g;
  const found = code(module).match(comparison) ?? [];
  return found.map((text) => `${module.path} compares a seqno: ${text}`);
};

/**
 * The time of day is for people: the clock tells it, `up` prints it, the ZooKeeper client's log and
 * its znodes have it, an answer by HTTP says it, a transfer that is over how long it took, a
 * metric has when certificates end. Nothing else can come to rest on it.
 */
const timeOfDayIsForPeople: Rule = (module) => {
  const shows =
    /^lib\/(?:machine\/clock|local\/screen|mariadb\/certificate\w+|http_listener|transfer|metrics\/member|zookeeper\/addon_(?:session|values))\.ts$/;
  if (shows.test(module.path)) return [];
  const reads = code(module).match(/\bDate\b|\bTemporal\b/g) ?? [];
  return reads.map((word) => `${module.path} uses ${word}`);
};

/** Process 1 has to know its own children among the orphans that it is handed. */
const childrenAreKnown: Rule = (module) => {
  if (module.path === "lib/machine/children.ts") return [];
  const starts = code(module).match(/\bDeno\.Command\(|\bchild_process\b|\bDeno\.spawn\w*\(/g) ??
    [];
  return starts.map((text) => `${module.path} has ${text}, not startProgram() or runProgram()`);
};

type Example = [path: string, text: string, wrong: number];

const RULES: readonly [what: string, rule: Rule, examples: readonly Example[]][] = [
  ["cluster/ is pure and imports nothing from outside but types", clusterIsPure, [
    ["lib/cluster/x.ts", `import { elect } from "./elect.ts";`, 0],
    ["lib/cluster/x.ts", `import type { Session } from "../zookeeper/session.ts";`, 0],
    ["lib/cluster/x.ts", `import { type Session } from "../zookeeper/session.ts";`, 0],
    ["lib/cluster/x.ts", `/** {@link Deno.readFile}, import("../x.ts") */\n// await`, 0],
    ["lib/cluster/x.ts", `import { Session } from "../zookeeper/session.ts";`, 1],
    ["lib/cluster/x.ts", `import {\n  type A,\n  b,\n} from "../errors.ts";`, 1],
    ["lib/cluster/x.ts", `import * as v from "valibot";`, 1],
    ["lib/cluster/x.ts", `import assert from "node:assert/strict";`, 1],
    ["lib/cluster/x.ts", `import "./../log.ts";`, 1],
    ["lib/cluster/x.ts", `export { a } from "../errors.ts";`, 1],
    ["lib/cluster/x.ts", `export * from "../errors.ts";`, 1],
    ["lib/cluster/x.ts", `const x = import("../errors.ts");`, 1],
    ["lib/cluster/x.ts", `const now = Date.now();`, 1],
    ["lib/cluster/x.ts", `export async function f() { await g(); }`, 2],
    ["lib/other.ts", `const now = Date.now(); import * as v from "valibot";`, 0],
  ]],
  ["only lib/zookeeper/ imports npm:zookeeper and the wire", zookeeperIsBehindItsFolder, [
    ["lib/zookeeper/x.ts", `import zookeeper from "zookeeper";`, 0],
    ["lib/x.ts", `import { Session } from "./zookeeper/session.ts";`, 0],
    ["lib/x.ts", `import zookeeper from "zookeeper";`, 1],
    ["lib/x.ts", `import zookeeper from "npm:zookeeper@7.3.0";`, 1],
    ["lib/x.ts", `import type { Client } from "zookeeper/lib/zookeeper.js";`, 1],
    ["lib/x.ts", `import { Connection } from "./zookeeper/connection.ts";`, 1],
    ["lib/commands/x.ts", `import { read } from "../zookeeper/jute.ts";`, 1],
    ["lib/x.ts", `import "./zookeeper/addon.ts";`, 1],
  ]],
  ["only lib/mariadb/ imports npm:mariadb and spawns mariadbd", mariadbIsBehindItsFolder, [
    ["lib/mariadb/x.ts", `import mariadb from "mariadb"; new Deno.Command("mariadbd", {});`, 0],
    ["lib/x.ts", `import type { Database } from "./mariadb/database.ts";`, 0],
    ["lib/x.ts", `const needed = ["mariadbd", "zookeeper"];`, 0],
    ["lib/x.ts", `import mariadb from "mariadb";`, 1],
    ["lib/x.ts", `import { createConnection } from "npm:mariadb@3.4.5/callback";`, 1],
    ["lib/x.ts", `new Deno.Command("mariadbd", { args });`, 1],
    ["lib/commands/x.ts", "new Deno.Command(`/usr/sbin/mysqld`, { args });", 1],
    ["lib/x.ts", `await runProgram("mariadb-install-db", {});`, 1],
    ["main.ts", `new Deno.Command(\n  "mariadb-install-db",\n);`, 1],
  ]],
  [
    "only startup.ts, supervise.ts and commands/ bring pure and effectful parts together",
    oneOrchestrator,
    [
      ["lib/startup.ts", `import { decide } from "./cluster/decide.ts";`, 0],
      ["lib/commands/explain.ts", `import { decide } from "../cluster/decide.ts";`, 0],
      ["lib/x.ts", `import type { decide } from "./cluster/decide.ts";`, 0],
      ["lib/x.ts", `import { joined } from "./cluster/record.ts";`, 0],
      ["lib/mariadb/x.ts", `import { isKnown } from "../cluster/position.ts";`, 0],
      [
        "lib/x.ts",
        `import { joined } from "./cluster/record.ts";
import { NoNodeError } from "./zookeeper/errors.ts";
import type { Session } from "./zookeeper/session.ts";`,
        0,
      ],
      ["lib/x.ts", `import { decide } from "./cluster/decide.ts";`, 1],
      ["lib/startup/x.ts", `import { decide } from "../cluster/decide.ts";`, 1],
      ["main.ts", `import { decide } from "./lib/cluster/decide.ts";`, 1],
      ["lib/mariadb/x.ts", `import { decide } from "../cluster/decide.ts";`, 1],
      [
        "lib/x.ts",
        `import { joined } from "./cluster/record.ts";
import { Session } from "./zookeeper/session.ts";`,
        1,
      ],
      [
        "lib/x.ts",
        `import { elect } from "./cluster/elect.ts"; import { spawn } from "./mariadb/mysqld.ts";`,
        1,
      ],
    ],
  ],
  ["only position.ts compares seqnos", positionsCompareThemselves, [
    ["lib/cluster/position.ts", "return a.seqno < b.seqno;", 0],
    ["lib/x.ts", "const f = ({ seqno }: Position) => seqno;", 0],
    ["lib/x.ts", "const all = copies.map((copy) => copy.seqno === 0n);", 0],
    ["lib/x.ts", "return position.seqno >= 0n || position.seqno < 0n;", 0],
    ["lib/x.ts", "return a.seqno < 7n;", 1],
    ["lib/x.ts", "return a.seqno >= b.seqno;", 1],
    ["lib/x.ts", "return 7n >= copy.position.seqno;", 1],
    ["lib/x.ts", "return Math.max(...all.map(({ seqno }) => Number(seqno)));", 1],
  ]],
  ["only what people are shown knows the time of day", timeOfDayIsForPeople, [
    ["lib/machine/clock.ts", "new Date().toISOString()", 0],
    ["lib/x.ts", "performance.now(); const isUpToDate = true;", 0],
    ["lib/x.ts", "if (Date.now() > deadline) return;", 1],
    ["lib/zookeeper/session.ts", "const at = new Date();", 1],
  ]],
  ["only machine/children.ts starts programs", childrenAreKnown, [
    ["lib/machine/children.ts", "new Deno.Command(program, options).spawn();", 0],
    ["lib/x.ts", `startProgram("ps", {}); const options: Deno.CommandOptions = {};`, 0],
    ["lib/x.ts", `new Deno.Command("ps").output();`, 1],
    ["lib/x.ts", `import { spawn } from "node:child_process";`, 1],
  ]],
  [
    "lib/zookeeper/ and lib/mariadb/ know neither each other nor who orchestrates them",
    foldersAreApart,
    [
      ["lib/mariadb/x.ts", `import { KeeperError } from "../errors.ts";`, 0],
      ["lib/startup.ts", `import { Lock } from "./zookeeper/lock.ts";`, 0],
      ["lib/mariadb/x.ts", `import { Session } from "../zookeeper/session.ts";`, 1],
      ["lib/zookeeper/x.ts", `import type { Database } from "../mariadb/database.ts";`, 1],
      ["lib/zookeeper/x.ts", `import { startUp } from "../startup.ts";`, 1],
      ["lib/mariadb/x.ts", `import { act } from "../startup/act.ts";`, 1],
      ["lib/mariadb/x.ts", `import { main } from "../../main.ts";`, 1],
    ],
  ],
];

for (const [what, rule, examples] of RULES) {
  Deno.test(`the house: ${what}`, () => {
    for (const [path, text, wrong] of examples) {
      const said = rule({ path, text });
      assert.equal(said.length, wrong, `${path}: ${text}: ${said.join("; ")}`);
    }
    const modules = readModules();
    assert.ok(modules.length > 20, "the sources are where they are looked for");
    assert.deepEqual(modules.flatMap((module) => rule(module)), []);
  });
}

Deno.test("the house: imports are read as they are written", () => {
  const all = readModules().map((module) => [module, importsOf(module)] as const);
  for (const [{ path, text }, imports] of all) {
    // Counted another way: the closing `from "…"` of a statement, or a bare import.
    const lines = text.split("\n").filter((line) =>
      /^(?:import|export|\}).* from "[^"]+";$|^import "[^"]+";$/.test(line)
    );
    assert.ok(imports.length >= lines.length, `${path}: ${imports.length} of ${lines.length}`);
    for (const { target } of imports.filter(({ target }) => target.startsWith("lib/"))) {
      assert.ok(all.some(([module]) => module.path === target), `${path} imports ${target}`);
    }
  }
});
