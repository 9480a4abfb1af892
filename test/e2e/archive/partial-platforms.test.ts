/** Images that are here without some of their platforms, as docker save and ctr images export write them. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import {
  ascii,
  Blobs,
  layoutMembers,
  named,
  noise,
  rawTar,
  types,
} from "../../support/images/archive.ts";
import { testWith } from "../../support/process/needs.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { readUstar } from "../../support/tar/ustar.ts";

const NAME = "docker.io/library/app:v1";
const ABOUT = "vnd.docker.reference.digest";

const blobs = new Blobs();
const platform = (architecture: string) => ({ platform: { architecture, os: "linux" } });
const tar = (seed: number) => rawTar([{ name: "f", body: noise(200, seed) }]);
const amd64 = blobs.container(tar(1), "amd64", platform("amd64"));
const arm64 = blobs.container(tar(2), "arm64", platform("arm64"));
const attests = (about: Descriptor, seed: number): Descriptor => {
  const layer = blobs.add("application/vnd.in-toto+json", ascii(`{"seed":${seed}}`));
  const unknown = { architecture: "unknown", os: "unknown" };
  const rootfs = { type: "layers", diff_ids: [layer.digest] };
  const config = blobs.add(types.config, { ...unknown, rootfs });
  const annotations = { [ABOUT]: about.digest };
  return blobs.manifest(config, [layer], { platform: unknown, annotations });
};
const provenance = attests(amd64, 3);
const root = blobs.index([amd64, arm64, provenance, attests(arm64, 4)]);

/** The digests of what a manifest needs, itself among them. */
function parts({ digest }: Descriptor): Set<string> {
  const { config, layers = [] } = JSON.parse(Buffer.from(blobs.get(digest)!).toString());
  return new Set([digest, config.digest, ...layers.map((layer: Descriptor) => layer.digest)]);
}

/** An archive with the index, and what these manifests need. */
function archive(manifests: readonly Descriptor[], without: readonly string[] = []): Uint8Array {
  const here = new Set([root.digest, ...manifests.flatMap((one) => [...parts(one)])]);
  const kept = new Blobs(
    [...blobs].filter(([digest]) => here.has(digest) && !without.includes(digest)),
  );
  return rawTar([{ name: "blobs/", type: "5" }, ...layoutMembers(kept, [named(root, NAME)])]);
}

const half = archive([amd64, provenance]);

function place(t: Ends, bytes = half) {
  const dir = tempDir(t);
  const file = join(dir, "app.tar");
  writeFileSync(file, bytes);
  const store = join(dir, "store");
  return { dir, file, store, in_: (...words: string[]) => [...words, "--store", store] };
}

const absent = [{ platform: "linux/arm64", digest: arm64.digest }];

describe("of an archive with one of two platforms", () => {
  test("verify says which is here; with --platform that is enough", async (t) => {
    const { file } = place(t);
    for (const [source, input] of [
      [file, ""],
      ["-", half],
    ] as const) {
      const { code, document } = await ask(["verify", source], { input });
      assert.equal(code, 1);
      assert.match(
        (await say(["verify", source], { input })).err,
        /lacks platforms of its images: linux\/arm64\n.*--platform linux\/amd64/,
      );
      const [one] = document.sources;
      assert.deepEqual(one.absent, absent);
      const grave = one.findings.filter(({ level }: { level: string }) => level === "finding");
      assert.deepEqual(
        grave.map(({ code, at }: { code: string; at: string }) => [code, at]),
        [["platform-absent", arm64.digest]],
      );
      assert.match(grave[0].message, /complete: linux\/amd64/);
      const words = ["verify", source, "--platform"];
      assert.equal((await say([...words, "linux/amd64"], { input })).code, 0);
      assert.equal((await say([...words, "linux/arm64"], { input })).code, 1);
      assert.equal((await say([...words, "linux/s390x"], { input })).code, 2);
    }
  });

  test("import takes what is here under the index's digest, and every command goes on with it", async (t) => {
    const { dir, file, in_ } = place(t);
    const { code, document, err } = await ask(in_("import", file));
    assert.equal(code, 0, err + JSON.stringify(document));
    const [image] = document.images;
    assert.deepEqual([image.reference, image.digest, document.absent], [NAME, root.digest, absent]);
    const { document: inspected } = await ask(in_("inspect", "app:v1"));
    assert.deepEqual(
      [inspected.images[0].digest, inspected.images[0].absent],
      [root.digest, absent],
    );
    const out = join(dir, "out.tar");
    const exported = await ask(in_("export", "app:v1", "-o", out));
    assert.deepEqual([exported.code, exported.document.absent], [0, absent]);
    const { err: said } = await say(in_("export", "app:v1", "-o", out));
    assert.match(said, /app:v1 lacks platforms, which are left out: linux\/arm64/);
    assert.equal((await say(["verify", out])).code, 1);
    const canonical = ["verify", out, "--canonical", "--layers", "--platform", "linux/amd64"];
    assert.equal((await say(canonical)).code, 0);
    const again = join(dir, "again.tar");
    assert.equal((await say(["export", out, "-o", again])).code, 0);
    assert.equal((await say(["verify", again, "--platform", "linux/amd64"])).code, 0);
    const layout = join(dir, "layout");
    assert.equal((await say(in_("copy", "app:v1", `oci:${layout}`))).code, 0);
    assert.equal((await say(["verify", layout])).code, 1);
    assert.equal((await say(["verify", layout, "--platform", "linux/amd64"])).code, 0);
    assert.equal((await say(in_("verify", "app:v1"))).code, 1);
    assert.equal((await say(in_("verify", "app:v1", "--platform", "linux/amd64"))).code, 0);
    assert.equal((await say(in_("tag", "app:v1", "app:v2"))).code, 0);
    assert.equal((await say(in_("list"))).code, 0);
    assert.equal((await say(in_("remove", "app:v1"))).code, 0);
    assert.match((await say(in_("prune"))).err, /nothing to remove/);
    assert.equal((await say(in_("verify", "app:v2", "--platform", "linux/amd64"))).code, 0);
    mkdirSync(join(dir, "context"));
    writeFileSync(join(dir, "context", "Dockerfile"), "FROM app:v2\nENV A=b\n");
    const build = in_("build", join(dir, "context"), "-t", "b:v1");
    assert.equal((await say([...build, "--platform", "linux/amd64"])).code, 0);
    const other = await say([...build, "--platform", "linux/arm64"]);
    assert.equal(other.code, 2);
    assert.match(other.err, /linux\/arm64.*\n.*there is linux\/amd64/);
  });

  test("Docker's list names the platform that is here", async (t) => {
    const { dir, file } = place(t, archive([arm64]));
    const out = join(dir, "out.tar");
    assert.equal((await say(["export", file, "-o", out])).code, 0);
    const list = readUstar(readFileSync(out)).find(({ name }) => name === "manifest.json");
    const [{ Config }] = JSON.parse(Buffer.from(list!.content).toString());
    assert.ok([...parts(arm64)].includes(`sha256:${Config.slice("blobs/sha256/".length)}`));
  });

  test("import --platform takes that one, as pull does", async (t) => {
    const { file, in_ } = place(t, archive([amd64, arm64, provenance]));
    const { code, document } = await ask(in_("import", file, "--platform", "linux/arm64"));
    assert.equal(code, 0);
    const [image] = document.images;
    assert.equal(image.digest, arm64.digest);
    assert.equal(document.blobs, 3);
    assert.equal((await say(in_("verify", "app:v1"))).code, 0);
    const both = in_("import", file, "--platform", "linux/amd64,linux/arm64");
    assert.equal((await ask(both)).document.blobs, 10);
  });

  test("what is here in part is left out, too", async (t) => {
    const [, , layer] = [...parts(arm64)];
    const { file, in_ } = place(t, archive([amd64, arm64, provenance], [layer!]));
    const { code, document } = await ask(in_("import", file));
    assert.deepEqual([code, document.absent], [0, absent]);
    const { document: said } = await ask(["verify", file]);
    assert.ok(said.sources[0].findings.some((it: { code: string }) => it.code === "blob-missing"));
    assert.equal((await say(["verify", file, "--platform", "linux/amd64"])).code, 0);
    assert.equal((await say(in_("verify", "app:v1", "--platform", "linux/amd64"))).code, 0);
  });

  test("damage is damage, here and there", async (t) => {
    const broken = new Blobs(blobs);
    broken.set(amd64.digest, ascii("{}"));
    broken.delete(arm64.digest);
    const bytes = rawTar([
      { name: "blobs/", type: "5" },
      ...layoutMembers(broken, [named(root, NAME)]),
    ]);
    const { file, in_ } = place(t, bytes);
    assert.equal((await say(["verify", file, "--platform", "linux/amd64"])).code, 1);
    assert.equal((await say(in_("import", file))).code, 2);
  });

  test("none of the platforms is no image", async (t) => {
    const { file, in_ } = place(t, archive([provenance]));
    assert.equal((await say(["verify", file])).code, 1);
    const { code, err } = await say(in_("import", file));
    assert.equal(code, 2);
    assert.match(err, /blob-missing/);
    assert.equal((await say(["export", file, "-o", join(tempDir(t), "x.tar")])).code, 2);
  });
});

test("layers that are elsewhere are named, and may be left out", async (t) => {
  const more = new Blobs();
  const type = "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip";
  const urls = ["https://me:secret@layers.test/base?token=secret"];
  const gone = new Blobs().add(type, noise(50, 5), { urls });
  const rootfs = { type: "layers", diff_ids: [gone.digest] };
  const config = more.add(types.config, { architecture: "amd64", os: "linux", rootfs });
  const image = more.manifest(config, [gone]);
  const bytes = rawTar([
    { name: "blobs/", type: "5" },
    ...layoutMembers(more, [named(image, NAME)]),
  ]);
  const { dir, file, in_ } = place(t, bytes);
  const flag = "--allow-missing-foreign";
  const { code, out } = await say(["verify", file]);
  assert.equal(code, 1);
  assert.match(out, /it says that it is at layers\.test|that it is at layers\.test/);
  assert.doesNotMatch(out, /secret/);
  assert.equal((await say(["verify", file, flag])).code, 0);
  assert.equal((await say(in_("import", file))).code, 2);
  assert.equal((await say(in_("import", file, flag))).code, 0);
  const again = join(dir, "again.tar");
  assert.equal((await say(in_("export", "app:v1", "-o", again))).code, 2);
  assert.equal((await say(in_("export", "app:v1", "-o", again, flag))).code, 0);
  assert.equal((await say(["verify", again, flag])).code, 0);
  const layout = join(dir, "layout");
  assert.equal((await say(in_("copy", "app:v1", `oci:${layout}`))).code, 2);
  assert.equal((await say(in_("copy", "app:v1", `oci:${layout}`, flag))).code, 0);
  assert.equal((await say(["verify", layout, flag])).code, 0);
  assert.equal((await say(in_("prune"))).code, 0);
});

testWith(
  ["docker-registry"],
  "a registry that wants all platforms: the hint says --platform",
  async (t) => {
    const { host } = await startRegistry(t);
    const { file } = place(t);
    const words = ["push", "--all", file, "--to", host, "--plain-http"];
    const { code, err } = await say(words);
    assert.equal(code, 2);
    assert.match(err, /app:v1 lacks platforms, which are left out: linux\/arm64/);
    assert.match(err, /hint: .*--platform linux\/amd64/);
    const part = await ask([...words, "--platform", "linux/amd64"]);
    assert.equal(part.code, 0, part.err);
    assert.deepEqual(part.document.images[0].digest, amd64.digest);
  },
);
