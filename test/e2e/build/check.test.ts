/** `ingot check`: folders, archives, layouts, the store and registries, and what is no gadget. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OFFERS } from "../../support/gadget/sources.ts";
import { ingot, root } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { writeTree } from "../../support/trees/tree.ts";

const TOOLS = ["clang", "llvm-strip"];

/** An image with what `ig image build` takes and nobody can run: its YAML names no field that is there. */
const YAML =
  "name: offers\ndatasources:\n  open:\n    fields:\n      nosuch: {annotations: {description: d}}\n";

testWith(
  [...TOOLS, "docker-registry"],
  "a gadget is judged alike in its folder and in its image",
  async (t) => {
    const folder = writeTree(tempDir(t), { "program.bpf.c": OFFERS, "gadget.yaml": YAML });
    const before = readdirSync(folder);
    const of = async (source: string, code: number, ...words: readonly string[]) => {
      const env = { REGISTRY_AUTH_FILE: "/dev/null", INGOT_STORE: store };
      const ran = await ingot(["check", source, ...words, "--json"], { env });
      assert.equal(ran.code, code, `${source}: ${ran.stderr}${ran.stdout}`);
      return JSON.parse(`${ran.stdout}`);
    };
    const store = join(tempDir(t), "store");
    const here = await of(folder, 0);
    assert.deepEqual(readdirSync(folder), before);
    assert.equal(here.ok, true);
    const [{ problems }] = here.gadgets;
    assert.deepEqual(
      problems.map(({ level, line, message }: Record<string, unknown>) => [level, line, message]),
      [
        [
          "warning",
          5,
          'the datasource "open" has no field "nosuch": what is said of it has no effect',
        ],
      ],
    );
    assert.equal((await of(folder, 1, "--strict")).ok, false);
    const file = join(tempDir(t), "offers.tar");
    assert.equal((await ingot(["build", folder, "-t", "offers", "-o", file])).code, 0);
    assert.equal((await ingot(["import", file], { env: { INGOT_STORE: store } })).code, 0);
    const { host } = await startRegistry(t);
    const remote = `docker://${host}/team/offers:v1`;
    assert.equal((await ingot(["copy", file, remote])).code, 0);
    for (const source of [file, "offers", remote]) {
      const [gadget] = (await of(source, 0)).gadgets;
      assert.match(gadget.reference, /offers/);
      assert.match(gadget.digest, /^sha256:/);
      const places = (list: readonly Record<string, unknown>[]) =>
        list.map(({ file: _, ...problem }) => problem);
      assert.deepEqual(places(gadget.problems), places(problems), source);
    }
    const { stdout } = await ingot(["check", file]);
    assert.match(
      `${stdout}`,
      /^OK .*offers:latest sha256:[0-9a-f]{64}: 0 errors, 1 warning\n {2}gadget\.yaml:5:7: warning: /,
    );
  },
);

testWith(TOOLS, "all that is wrong with a folder is said at once", async (t) => {
  const folder = writeTree(tempDir(t), {
    "program.bpf.c": OFFERS.replace("tracepoint/syscalls/sys_enter_openat", "foo/bar"),
    "gadget.yaml": "name: offers\ndescripton: d\n",
  });
  const { code, stdout } = await ingot(["check", folder]);
  assert.equal(code, 1);
  assert.match(`${stdout}`, /^NOT OK .*: 2 errors, 0 warnings$/m);
  assert.match(`${stdout}`, /"descripton" is not a key/);
  assert.match(`${stdout}`, /"foo\/bar" says no type of program/);
});

test("what is no gadget cannot be judged", async (t) => {
  const dir = writeTree(tempDir(t), { Dockerfile: "FROM scratch\nCOPY Dockerfile /\n" });
  const file = join(tempDir(t), "image.tar");
  assert.equal((await ingot(["build", dir, "-t", "plain", "-o", file])).code, 0);
  const image = await ingot(["check", file]);
  assert.equal(image.code, 2);
  assert.match(`${image.stderr}`, /found one that is no gadget, should be a gadget/);
  writeFileSync(join(dir, "x"), "");
  assert.equal((await ingot(["check", dir])).code, 2);
});

test("a gadget whose index says no platform: a note of verify and import, and a no of check", async (t) => {
  const file = join(tempDir(t), "hello.tar");
  const built = await ingot(["build", "examples/gadget/hello", "-t", "hello", "-o", file], {
    cwd: root,
  });
  assert.equal(built.code, 0, `${built.stderr}`);
  const layout = join(tempDir(t), "layout");
  assert.equal((await ingot(["copy", file, `oci:${layout}`])).code, 0);
  const blob = (digest: string) => join(layout, "blobs/sha256", digest.slice("sha256:".length));
  const list = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
  const [entry] = list.manifests;
  const index = JSON.parse(readFileSync(blob(entry.digest), "utf8"));
  for (const child of index.manifests) delete child.platform;
  const bytes = JSON.stringify(index);
  entry.digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
  entry.size = bytes.length;
  writeFileSync(blob(entry.digest), bytes);
  rmSync(join(layout, "index.json"));
  writeFileSync(
    join(layout, "index.json"),
    JSON.stringify({ schemaVersion: 2, manifests: [entry] }),
  );
  const says = /the index names it without a platform: Inspektor Gadget cannot run the gadget/;
  const verified = await ingot(["verify", `oci:${layout}`]);
  assert.equal(verified.code, 0, `${verified.stdout}${verified.stderr}`);
  assert.match(`${verified.stdout}`, says);
  const checked = await ingot(["check", `oci:${layout}`]);
  assert.equal(checked.code, 1);
  assert.match(`${checked.stdout}`, /of no platform: Inspektor Gadget does not find it/);
  const store = join(tempDir(t), "store");
  const archive = join(tempDir(t), "odd.tar");
  await succeed(["tar", "cf", archive, "-C", layout, "."]);
  const imported = await ingot(["import", archive], { env: { INGOT_STORE: store } });
  assert.equal(imported.code, 0, `${imported.stderr}`);
  assert.match(`${imported.stdout}${imported.stderr}`, says);
});
