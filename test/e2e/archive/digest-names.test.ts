/** Images that are called by their digest, and names that nobody could ask for. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { completeNames } from "../../../src/image/complete-name.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { completeName, digestIn, hasTag, repositoryOf } from "../../../src/oci/reference.ts";
import { NameMapping, parseMirrorTarget, parseRenameRule } from "../../../src/oci/rename.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { resolveName } from "../../../src/store/store.ts";
import { faultOf } from "../../support/fault.ts";
import { Blobs, layoutMembers, named, noise, rawTar } from "../../support/images/archive.ts";
import { testWith } from "../../support/process/needs.ts";
import { say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const blobs = new Blobs();
const one = blobs.container(noise(100, 1), "amd64");
const two = blobs.container(noise(100, 2), "amd64");
const both = blobs.index([
  { ...one, platform: { architecture: "amd64", os: "linux" } },
  { ...two, platform: { architecture: "arm64", os: "linux" } },
]);
const BUSYBOX = `docker.io/library/busybox@${one.digest}`;
const ALPINE = "docker.io/library/alpine:3";

/** A folder with an archive of these entries, and the program that works in it. */
function stage(t: Ends, entries: readonly Descriptor[]) {
  const folder = tempDir(t);
  const at = (name: string) => join(folder, name);
  const there = new Map(blobs);
  if (entries.every(({ digest }) => digest !== both.digest)) there.delete(both.digest);
  writeFileSync(at("a.tar"), rawTar(layoutMembers(there, entries)));
  const fine = async (...words: string[]) => {
    const { code, out, err } = await say([...words, "--store", at("store")]);
    assert.equal(code, 0, `${words.join(" ")}: ${out}${err}`);
    return { out, err };
  };
  return { at, fine };
}

describe("a name by digest", () => {
  test("is completed, and taken apart", () => {
    const { digest } = one;
    for (const [text, kind, expected] of [
      [`busybox@${digest}`, "container", BUSYBOX],
      [`me/app@${digest}`, "gadget", `ghcr.io/me/app@${digest}`],
      [`r.example:5000/a/b@${digest}`, "container", `r.example:5000/a/b@${digest}`],
    ] as const)
      assert.equal(completeName(text, kind), expected);
    assert.throws(() => completeName(`app:v1@${digest}`, "container"));
    assert.equal(digestIn(BUSYBOX), digest);
    assert.deepEqual(
      [digestIn("a@b"), digestIn(digest), digestIn("a:b")],
      [undefined, undefined, undefined],
    );
    assert.deepEqual(
      [`r.example:5000/a@${digest}`, `r.example:5000/a:v@${digest}`, "a:v", "r.example:5000/a"].map(
        hasTag,
      ),
      [false, true, true, false],
    );
    assert.equal(repositoryOf(`r.example:5000/a:v@${digest}`), "r.example:5000/a");
    const renaming = new NameMapping(parseMirrorTarget("m.example/x"), [
      parseRenameRule("docker.io/library=hub"),
    ]);
    assert.equal(renaming.of(BUSYBOX), `m.example/x/hub/busybox@${digest}`);
    const exact = new NameMapping(parseMirrorTarget("m.example"), [
      parseRenameRule("docker.io/library/busybox=b"),
    ]);
    assert.equal(exact.of(BUSYBOX), `m.example/b@${digest}`);
  });

  test("is found by its digest, in any repository that has it, and under a tag as well", async (t) => {
    const { at, fine } = stage(t, [named(one, BUSYBOX), named(two, ALPINE)]);
    await fine("import", at("a.tar"));
    const store = new FolderStore(at("store"));
    for (const text of [BUSYBOX, `busybox@${one.digest}`, one.digest])
      assert.equal(resolveName(store, text).reference, BUSYBOX);
    assert.equal(resolveName(store, `alpine@${two.digest}`).reference, ALPINE);
    for (const text of [`alpine@${one.digest}`, `busybox@${two.digest}`, `alpine:4@${two.digest}`])
      await faultOf("not-found", () => resolveName(store, text));
    await fine("remove", `busybox@${one.digest}`);
    assert.doesNotMatch((await fine("list")).out, /busybox/);
  });

  test("goes through import, export and copy, and the archive is canonical", async (t) => {
    const { at, fine } = stage(t, [named(two, ALPINE), named(one, BUSYBOX)]);
    const taken = await fine("import", at("a.tar"));
    assert.match(taken.out, new RegExp(`^${BUSYBOX} ${one.digest}$`, "m"));
    await fine("export", BUSYBOX, ALPINE, "-o", at("b.tar"));
    await fine("export", at("a.tar"), "-o", at("c.tar"));
    assert.ok(readFileSync(at("b.tar")).equals(readFileSync(at("c.tar"))));
    assert.match((await fine("verify", "--canonical", at("b.tar"))).out, /2 images.*, canonical/);
    await fine("copy", `oci-archive:${at("b.tar")}:${BUSYBOX}`, `oci:${at("l")}`);
    await fine("inspect", `oci:${at("l")}:${BUSYBOX}`);
    const list = readFileSync(at("b.tar")).toString("latin1");
    assert.match(list, /"RepoTags":\["docker\.io\/library\/alpine:3"\]/);
    assert.match(list, /"RepoTags":null/);
  });

  test("with a tag before it is the name with the tag", async (t) => {
    const entry = named(one, `docker.io/library/app:v1@${one.digest}`);
    const { at, fine } = stage(t, [entry]);
    assert.equal(
      (await fine("import", at("a.tar"))).out,
      `docker.io/library/app:v1 ${one.digest}\n`,
    );
  });

  test("is by the digest of the part when platforms are chosen", async (t) => {
    const { at, fine } = stage(t, [named(both, `docker.io/library/app@${both.digest}`)]);
    const part = ["--platform", "linux/arm64"];
    const { out } = await fine("export", at("a.tar"), ...part, "-o", at("b.tar"));
    assert.equal(out, `docker.io/library/app@${two.digest} ${two.digest}\n`);
    await fine("verify", "--canonical", at("b.tar"));
    const dry = await fine("push", at("a.tar"), ...part, "--to", "r.example", "--dry-run");
    assert.match(dry.out, new RegExp(`r\\.example/library/app@${two.digest} ${two.digest}`));
  });
});

testWith(
  ["docker-registry"],
  "a name by digest goes into a registry and out of it without a tag",
  async (t) => {
    const registry = await startRegistry(t);
    const { at, fine } = stage(t, [named(one, BUSYBOX)]);
    const host = registry.host;
    const { out } = await fine("push", "--all", at("a.tar"), "--to", host);
    const there = `${host}/library/busybox@${one.digest}`;
    assert.equal(out, `${there} ${one.digest}\n`);
    await fine("pull", there);
    assert.match((await fine("list")).out, new RegExp(`^${there} `, "m"));
    await fine("copy", `docker://${there}`, `oci:${at("l")}`);
    await fine("copy", `docker://${there}`, `oci-archive:${at("b.tar")}`);
    await fine("export", there, "-o", at("c.tar"));
    assert.ok(readFileSync(at("b.tar")).equals(readFileSync(at("c.tar"))));
    await fine("copy", `oci:${at("l")}`, `docker://${host}/other@${one.digest}`);
    for (const words of [
      ["copy", `oci:${at("l")}`, `docker://${host}/other@${two.digest}`],
      ["push", there, `${host}/other@${two.digest}`, "--store", at("store")],
    ]) {
      const { code, err } = await say(words);
      assert.equal(code, 2);
      assert.match(err, /has the digest of another image, should have sha256:/);
    }
  },
);

describe("one odd name", () => {
  const odd: readonly (readonly [name: string, verdict: number])[] = [
    [`docker.io/library/busybox@${two.digest}`, 1],
    ["docker.io/Library/Upper:v1", 0],
    ["docker.io/library/a:b:c", 0],
    ["two words/x:v1", 1],
  ];
  for (const [name, verdict] of odd)
    test(`${name.slice(0, 40)} keeps no other image out, and is said`, async (t) => {
      const { at, fine } = stage(t, [named(two, ALPINE), named(one, name)]);
      const { code, out } = await say(["verify", at("a.tar")]);
      assert.equal(code, verdict, out);
      assert.ok(out.includes(`index.json: ${JSON.stringify(name)} is `), out);
      const taken = await fine("import", at("a.tar"));
      assert.equal(taken.out, `${ALPINE} ${two.digest}\n`);
      assert.ok(taken.err.includes(JSON.stringify(name)), taken.err);
      if (verdict === 0) return;
      const exported = await fine("export", at("a.tar"), "-o", at("b.tar"));
      assert.equal(exported.out, `${ALPINE} ${two.digest}\n`);
      assert.ok(exported.err.includes(JSON.stringify(name)), exported.err);
      const pushed = await fine("push", "--all", at("a.tar"), "--to", "r.example", "--dry-run");
      assert.match(
        pushed.out,
        /^docker\.io\/library\/alpine:3 -> r\.example\/library\/alpine:3 [^\n]*\n$/,
      );
      const given = await fine("import", at("a.tar"), "--name", "busybox:v1");
      assert.match(given.out, new RegExp(`^docker.io/library/busybox:v1 ${one.digest}$`, "m"));
    });

  test("an image without a name is not called by its digest as if that were one", async () => {
    const store = new MemoryStore("memory");
    const image = { reference: one.digest, descriptor: one, store };
    const { hint } = await faultOf("not-found", () => completeNames([image]));
    assert.match(`${hint}`, /its index does not name it/);
  });
});
