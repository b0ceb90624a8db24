// needs: kubectl tls
/**
 * The README's commands for Kubernetes are such as kubectl takes: it reads them, with the files that they
 * name, up to the point where it would ask a server. There is none here.
 */
import assert from "node:assert/strict";
import { ROOT } from "../../.ci/root.ts";
import { findKubectl, withoutServer } from "./kubectl.ts";
import { inRepository } from "./promtool.ts";

const KUBECTL = await findKubectl();

/** The commands of the README's part on Kubernetes, each on one line. */
async function commands(): Promise<readonly string[]> {
  const readme = await Deno.readTextFile(inRepository("README.md"));
  const [, part = ""] = /^### Kubernetes\n([^]*?)^### /m.exec(readme) ?? [];
  const blocks = [...part.matchAll(/^```sh\n([^]*?)^```/gm)].map(([, text = ""]) => text);
  return blocks.join("").replaceAll("\\\n", "").split("\n").filter((line) => line !== "");
}

Deno.test({
  name: "kubectl takes the README's commands",
  ignore: "problem" in KUBECTL,
  async fn() {
    assert.ok("path" in KUBECTL);
    await withoutServer(KUBECTL.path, ROOT, async (run) => {
      const lines = await commands();
      assert.ok(lines.length >= 15, lines.join("\n"));
      const ended = await Promise.all(lines.map(run));
      for (const [index, { success, problem }] of ended.entries()) {
        assert.equal(success, false, lines[index]);
        assert.match(
          problem,
          /127\.0\.0\.1:1( was refused|: connect: connection refused)/,
          lines[index],
        );
      }
      const secret = lines.find((line) => line.includes("create secret")) ?? "";
      const { text } = await run(`${secret} --dry-run=client --output=json`);
      const { data }: { readonly data: Readonly<Record<string, string>> } = JSON.parse(text);
      const passwords = Object.values(data).map(atob);
      assert.equal(new Set(passwords).size, 2);
      for (const password of passwords) assert.match(password, /^[0-9a-f]{48}$/);
      const { problem } = await run("kubectl scale statefulset galera --replica=5");
      assert.match(problem, /unknown flag/);
    });
  },
});
