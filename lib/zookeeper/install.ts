/**
 * Gives npm:zookeeper our class where it asks for its native addon, which Deno cannot load (it is
 * built on NAN, not on Node-API). Must be imported before the package.
 */

import Module from "node:module";
import util from "node:util";
import { NativeZooKeeper } from "./addon.ts";

type Load = (
  request: string,
  parent: { filename?: string } | undefined,
  isMain: boolean,
) => unknown;

const modules = Module as unknown as { _load: Load };
const load = modules._load;

let hasLogger = false;

/** The package describes every call for its log, also without one: that takes longer than the call. */
const packageUtil = {
  ...util,
  inspect: (...args: Parameters<typeof util.inspect>) => hasLogger ? util.inspect(...args) : "",
};

/** Notices when a client gets a logger: from then on calls are described again. */
function noticeLoggers({ prototype }: { readonly prototype: object }): void {
  const loggers = new WeakMap<object, unknown>();
  Object.defineProperty(prototype, "logger", {
    configurable: true,
    enumerable: true,
    get(this: object) {
      return loggers.get(this);
    },
    set(this: object, logger: unknown) {
      hasLogger ||= Boolean(logger);
      loggers.set(this, logger);
    },
  });
}

// The package calls require("node-gyp-build")(directory).ZooKeeper; other packages' modules are left
// alone.
modules._load = function (request, parent, isMain) {
  const isPackage = /[\\/]zookeeper[\\/]/.test(parent?.filename ?? "");
  // In the compiled binary the package is part of one file and nothing else asks for an addon.
  if (request === "node-gyp-build" && (isPackage || Deno.build.standalone)) {
    return () => ({ ZooKeeper: NativeZooKeeper });
  }
  if (request === "util" && isPackage) return packageUtil;
  const loaded = load.call(this, request, parent, isMain);
  if (request === "./zookeeper" && isPackage) noticeLoggers(loaded as { prototype: object });
  return loaded;
};
