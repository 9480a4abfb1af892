/** Images of FROM that come from a registry, when that is asked for. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { writeTree } from "../../support/trees/tree.ts";

testWith(
  ["docker-registry"],
  "--pull fetches what FROM names, once, whole, and by digest",
  async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const name = `${host}/team/base:1`;
    const run = async (...words: string[]) => {
      const { code, stdout, stderr } = await ingot(words);
      assert.equal(code, 0, stderr);
      return `${stdout}`;
    };
    const base = writeTree(join(dir, "base"), {
      Dockerfile: "FROM scratch\nCOPY a /a\n",
      a: "a\n",
    });
    const first = join(dir, "first");
    const platforms = ["--platform", "linux/amd64,linux/arm64"];
    const made = await run("build", base, "-t", name, "--store", first, ...platforms);
    const digest = /sha256:\S+/.exec(made)?.[0] as string;
    await run("push", name, "--store", first);

    for (const [i, from] of [name, `${name}@${digest}`].entries()) {
      const top = writeTree(join(dir, `top-${i}`), {
        Dockerfile: `FROM ${from}\nCOPY b /b\n`,
        b: "b\n",
      });
      const store = join(dir, `store-${i}`);
      const words = ["build", top, "-t", "top:1", "--store", store, "--platform", "linux/arm64"];
      const refused = await ingot(words);
      assert.equal(refused.code, 2);
      assert.match(refused.stderr, /Dockerfile:1:1.*\nhint: .*--pull/);
      const pulled = await run(...words, "--pull");
      // Without the registry: it is in the store now, all platforms of it.
      assert.equal(await run(...words), pulled);
      assert.equal(
        await run("build", top, "-t", "top:1", "--store", first, "--platform", "linux/arm64"),
        pulled,
      );
      assert.match(
        await run("list", "--store", store),
        new RegExp(`${name} +${digest.slice(0, 19)}`),
      );
      await run("verify", name, "--store", store);
    }
    const nothing = writeTree(join(dir, "none"), { Dockerfile: `FROM ${host}/team/none:1\n` });
    const { code, stderr } = await ingot(["build", nothing, "-t", "x", "--store", first, "--pull"]);
    assert.equal(code, 2);
    assert.match(stderr, /team\/none/);
  },
);

testWith(
  ["docker-registry"],
  "an image that FROM pins by its digest takes no other one's name",
  async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const repository = `${host}/team/base`;
    const run = async (...words: string[]) => {
      const { code, stdout, stderr } = await ingot(words);
      assert.equal(code, 0, stderr);
      return `${stdout}`;
    };
    const digests: string[] = [];
    for (const content of ["old", "new"]) {
      const base = writeTree(join(dir, content), {
        Dockerfile: "FROM scratch\nCOPY a /\n",
        a: content,
      });
      const store = join(dir, `${content}-store`);
      const made = await run("build", base, "-t", `${repository}:1`, "--store", store);
      digests.push(/sha256:\S+/.exec(made)![0]);
      await run("push", `${repository}:1`, "--store", store);
    }
    const [old, latest] = digests as [string, string];
    const store = join(dir, "store");
    await run("pull", `${repository}:1`, "--store", store);
    await run("tag", `${repository}:1`, `${repository}:latest`, "--store", store);
    const listed = async () => JSON.parse(await run("list", "--json", "--store", store)).images;
    const named = async () =>
      (await listed()).map(
        ({ reference, digest }: Record<string, string>) => `${reference} ${digest}`,
      );
    const top = writeTree(join(dir, "top"), {});
    const tops: string[] = [];
    for (const pinned of [
      `${repository}@${old}`,
      `${repository}:1@${old}`,
      `${repository}:2@${old}`,
    ]) {
      writeTree(top, { Dockerfile: `FROM ${pinned}\n` });
      tops.push(await run("build", top, "-t", "top:1", "--store", store, "--pull"));
      tops.push(await run("build", top, "-t", "top:1", "--store", store));
    }
    assert.equal(new Set(tops).size, 1);
    const names = await named();
    for (const name of [
      `${repository}:1 ${latest}`,
      `${repository}:latest ${latest}`,
      `${repository}:pinned-${old.slice(7, 23)} ${old}`,
    ])
      assert.ok(names.includes(name), `${name}: ${names}`);
    assert.equal(names.length, 4);
  },
);
