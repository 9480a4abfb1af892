/** What FROM and COPY --from name, and what is said where that is nothing to build on. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { describe, test } from "node:test";
import { root } from "./support/ingot.ts";
import { plain, say } from "./support/say.ts";
import { type Ends, tempDir } from "./support/temp.ts";
import { writeTree } from "./support/tree.ts";

const GADGET = "ghcr.io/inspektor-gadget/gadget/x:latest";

/** A folder to build in, with a store. */
function place(t: Ends) {
  const dir = tempDir(t);
  const store = join(dir, "store");
  const app = writeTree(join(dir, "app"), { file: "file\n" });
  /** Builds `app` from these lines: what `say` gives, and the digest. */
  const build = async (dockerfile: string, more: readonly string[] = [], cwd = dir) => {
    writeTree(app, { Dockerfile: dockerfile });
    const words = ["build", app, "-t", "out:1", "--store", store, ...more];
    const said = await say(words, { cwd });
    return { ...said, digest: /sha256:[0-9a-f]{64}/.exec(said.out)?.[0] };
  };
  /** The error of such a build, as it stands on stderr without the folder's name. */
  const refused = async (dockerfile: string, more: readonly string[] = []) => {
    const { code, out, err } = await build(dockerfile, more);
    assert.deepEqual([code, out], [2, ""], err);
    plain(err);
    return err.replaceAll(`${dir}/`, "").replace(/^ingot build: error: /, "");
  };
  return { dir, store, app, build, refused };
}

async function done(words: readonly string[]): Promise<void> {
  const { code, err } = await say(words);
  assert.equal(code, 0, err);
}

describe("a name in the store", () => {
  const hello = join(root, "examples/gadget/hello");

  test("a short one is a container's, whatever gadgets there are", async (t) => {
    const { store, build, refused } = place(t);
    await done(["build", hello, "-t", "x", "--store", store]);
    const missing =
      'cannot find the image of app/Dockerfile:1:1: looked for "docker.io/library/x:latest" in "store"\n' +
      "hint: bring it into the store with ingot pull or ingot import, or build with --pull; or name an archive: oci-archive:FILE\n";
    assert.equal(await refused("FROM x\n"), missing);
    const copied = await refused("FROM scratch\nCOPY --from=x / /\n");
    assert.equal(copied, missing.replace(":1:1", ":2:1"));
    assert.equal((await build("FROM scratch\nCOPY file /\n", ["-t", "x"])).code, 0);
    const both = await build("FROM x\nCOPY --from=x file /copy\n");
    assert.equal(both.code, 0, both.err);
  });

  test("of a gadget, it is said that it is one", async (t) => {
    const { store, refused } = place(t);
    await done(["build", hello, "-t", "x", "--store", store]);
    for (const name of [GADGET, GADGET.replace(":latest", "")]) {
      const says = `app/Dockerfile:1:1, "${name}": found a gadget, should be a container image\n`;
      assert.equal(await refused(`FROM ${name}\n`), `cannot use the image of ${says}`);
    }
  });

  test("one that looks like it is named, and no gadget", async (t) => {
    const { store, build, refused } = place(t);
    await done(["build", hello, "-t", "alpine", "--store", store]);
    assert.equal((await build("FROM scratch\nCOPY file /\n", ["-t", "me/alpine:3"])).code, 0);
    assert.match(
      await refused("FROM me/alpin:3\n"),
      /^cannot find .*"docker.io\/me\/alpin:3" in "store"\nhint: did you mean "docker.io\/me\/alpine:3"\? \(bring/,
    );
    assert.doesNotMatch(await refused("FROM alpin\n"), /did you mean/);
  });
});
