/**
 * Gives npm:zookeeper our class where it asks for its native addon, which Deno cannot load (it is
 * built on NAN, not on Node-API). Must be imported before the package.
 */

import Module from "node:module";
import { NativeZooKeeper } from "./addon.ts";

type Load = (
  request: string,
  parent: { filename?: string } | undefined,
  isMain: boolean,
) => unknown;

const modules = Module as unknown as { _load: Load };
const load = modules._load;

// The package calls require("node-gyp-build")(directory).ZooKeeper; all other modules are left alone.
modules._load = function (request, parent, isMain) {
  if (request === "node-gyp-build" && /[\\/]zookeeper[\\/]/.test(parent?.filename ?? "")) {
    return () => ({ ZooKeeper: NativeZooKeeper });
  }
  return load.call(this, request, parent, isMain);
};
