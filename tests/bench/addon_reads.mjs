// Reads through npm:zookeeper's own addon in Node, when told to.
//
//   node addon_reads.mjs FOLDER HOSTS PATH     where FOLDER/node_modules has the package

import process from "node:process";
import { createRequire } from "node:module";
import { serveReads } from "./read_loop.mjs";

const [folder = "", hosts, path] = process.argv.slice(2);
const ZooKeeper = createRequire(`${folder}/package.json`)("zookeeper");

const client = new ZooKeeper({
  connect: hosts,
  timeout: 30_000,
  debug_level: ZooKeeper.constants.ZOO_LOG_LEVEL_ERROR,
});
await new Promise((resolve) => {
  client.on("connect", resolve);
  client.init({});
});
await serveReads(() => client.get(path, false));
client.close();
