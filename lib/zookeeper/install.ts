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
  // In the compiled binary the package is part of one file and nothing else asks for an addon.
  const isPackage = Deno.build.standalone || /[\\/]zookeeper[\\/]/.test(parent?.filename ?? "");
  if (request === "node-gyp-build" && isPackage) {
    return () => ({ ZooKeeper: NativeZooKeeper });
  }
  return load.call(this, request, parent, isMain);
};
