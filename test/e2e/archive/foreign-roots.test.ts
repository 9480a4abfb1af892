/** Archives and layouts whose entries have no complete name: what is an image, what is a part, and what refers to one. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { isVerified } from "../../../src/image/findings.ts";
import { imageNameOf } from "../../../src/oci/layout.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { refersOf } from "../../../src/oci/referrer.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  Blobs,
  layoutMembers,
  named,
  noise,
  pieces,
  type RawMember,
  rawTar,
  sha256,
} from "../../support/images/archive.ts";
import { fixture, json } from "../../support/images/docker-archive.ts";
import { succeed } from "../../support/process/run.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

const REPO = "ghcr.io/me/tiny";
/** Of the fixtures: the index for two platforms, and its manifests. */
const V1 = "sha256:84cdbd25f0775a73eec349015200242f1d20eb7cf38691f65e8d5b94cf0d090c";

const blobs = new Blobs();
const platform = (architecture: string) => ({ platform: { architecture, os: "linux" } });
const one = { ...blobs.container(noise(100, 1), "amd64"), ...platform("amd64") };
const two = { ...blobs.container(noise(100, 2), "arm64"), ...platform("arm64") };
const both = blobs.index([one, two]);
const other = blobs.container(noise(100, 3), "amd64");

const archive = (entries: readonly Descriptor[], more: readonly RawMember[] = []): Uint8Array =>
  rawTar([...layoutMembers(blobs, entries), ...more]);

type Given = Parameters<typeof importArchive>[3];

/** What an import brings from a file, and the same from a stream: images, then what refers to them. */
async function imported(t: Ends, bytes: Uint8Array, given: Given = {}) {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const all = [];
  for (const source of [{ path }, { bytes: pieces(bytes), at: "stream" }]) {
    const store = new FolderStore(join(tempDir(t), "store"));
    const { images, warnings } = await importArchive(source, store, alone(), given);
    const entries = store.images();
    assert.equal(entries.filter((entry) => refersOf(entry) === undefined).length, images.length);
    const referrers = entries.flatMap((entry) => refersOf(entry)?.subject ?? []);
    all.push({
      images: images.map(({ reference, descriptor }) => [reference, descriptor.digest]),
      referrers,
      warnings: warnings.map(({ message }) => message),
    });
  }
  assert.deepEqual(all[1], all[0]);
  return all[0]!;
}

describe("archives of tools that leave names open", () => {
  test("oras backup: tags, manifests of an index beside it, referrers", async (t) => {
    const bytes = readFileSync(fixture("oras-backup.tar"));
    assert.ok(
      isVerified(await verifyArchive({ path: fixture("oras-backup.tar") }, plain, alone())),
    );
    const { images, referrers, warnings } = await imported(t, bytes, { repository: REPO });
    assert.deepEqual(
      images.map(([name]) => name),
      [`${REPO}:v1`, `${REPO}:v2`],
    );
    assert.equal(images[0]![1], V1);
    assert.deepEqual([referrers, warnings], [[V1, V1], []]);
    const some = await imported(t, bytes, { name: `${REPO}:v2` });
    assert.deepEqual(
      some.images.map(([name]) => name),
      [`${REPO}:v2`],
    );
  });

  for (const file of ["oras-cp.tar", "cosign-save.tar"])
    test(`${file}: one image with its signatures`, async (t) => {
      const { findings } = await verifyArchive({ path: fixture(file) }, plain, alone());
      assert.deepEqual(
        findings.filter(({ level }) => level === "finding"),
        [],
      );
      const { images, referrers } = await imported(t, readFileSync(fixture(file)), {
        name: `${REPO}:v1`,
      });
      assert.deepEqual(images, [[`${REPO}:v1`, V1]]);
      assert.deepEqual(new Set(referrers), new Set([V1]));
      assert.equal(referrers.length, file === "cosign-save.tar" ? 3 : 2);
    });

  test("crane pull --format=oci: one nameless index", async (t) => {
    const bytes = readFileSync(fixture("crane-oci.tar"));
    const { images } = await imported(t, bytes, { name: REPO });
    assert.deepEqual(images, [[`${REPO}:latest`, V1]]);
  });

  test("as layouts in folders: inspected, exported, copied with signatures, pushed", async (t) => {
    const folder = tempDir(t);
    const at = (name: string) => join(folder, name);
    for (const name of ["oras-cp", "cosign-save"]) {
      await succeed(["mkdir", at(name)]);
      await succeed(["tar", "-xf", fixture(`${name}.tar`), "-C", at(name)]);
    }
    const fine = async (...words: string[]) => {
      const { code, out, err } = await say([...words, "--store", at("store")]);
      assert.equal(code, 0, `${words.join(" ")}: ${err}`);
      return { out, err };
    };
    const repository = ["--repository", REPO];
    const { out } = await fine("inspect", at("oras-cp"), ...repository);
    assert.match(out, /^ghcr\.io\/me\/tiny:v1\n/);
    await fine("export", at("oras-cp"), ...repository, "--referrers", "-o", at("a.tar"));
    assert.match((await fine("verify", "--canonical", at("a.tar"))).out, /1 signature, 1 SBOM/);
    const saved = `oci:${at("cosign-save")}`;
    await fine("copy", saved, `oci-archive:${at("b.tar")}:${REPO}:v1`, "--referrers");
    assert.match((await fine("verify", "--canonical", at("b.tar"))).out, /2 signatures, 1 SBOM/);
    const dry = await fine("push", at("oras-cp"), ...repository, "--to", "r.example", "--dry-run");
    assert.match(dry.out, /tiny:v1 -> r\.example\/me\/tiny:v1/);
    await fine("import", at("oras-cp"), ...repository);
    const all = await fine("push", "--all", "--to", "r.example", "--dry-run");
    assert.doesNotMatch(all.err, /without a name/);
    const { code, err } = await say(["export", at("oras-cp"), "-o", at("c.tar")]);
    assert.equal(code, 2);
    assert.match(err, /hint: it has a tag alone, "v1": --repository REPO makes it REPO:v1/);
  });
});

const plain = { canonical: false };

describe("an entry without a complete name", () => {
  test("that a named image has among its manifests is a part of it", async (t) => {
    const index = named(both, "docker.io/library/app:v1");
    for (const part of [one, named(one, "amd64"), both, named(both, "v1")]) {
      const { images, warnings } = await imported(t, archive([index, part]));
      assert.deepEqual([images, warnings], [[["docker.io/library/app:v1", both.digest]], []]);
    }
  });

  test("is named where it is the one that no other has among its manifests", async (t) => {
    const full = [["docker.io/me/app:v1", both.digest]];
    for (const entries of [
      [both, one, two],
      [two, both],
      [one, both, one],
      [both, named(one, "v1-amd64")],
    ])
      assert.deepEqual((await imported(t, archive(entries), { name: "me/app:v1" })).images, full);
    const tagged = await imported(t, archive([named(both, "v3"), one]), { name: "me/app" });
    assert.deepEqual(tagged.images, [["docker.io/me/app:v3", both.digest]]);
    const path = join(tempDir(t), "a.tar");
    writeFileSync(path, archive([both, one, other]));
    const store = new FolderStore(join(tempDir(t), "store"));
    const { message } = await faultOf("usage", () =>
      importArchive({ path }, store, alone(), { name: "me/app:v1" }),
    );
    assert.match(message, /has 2 of them/);
  });

  test("with a tag alone gets a repository; one within another keeps its name", async (t) => {
    const entries = [named(both, "v1"), named(one, "v1-amd64"), two, named(other, "v2")];
    const { images } = await imported(t, archive(entries), { repository: "me/app" });
    assert.deepEqual(images, [
      ["docker.io/me/app:v1", both.digest],
      ["docker.io/me/app:v1-amd64", one.digest],
      ["docker.io/me/app:v2", other.digest],
    ]);
    for (const repository of ["me/app:v1", "me/app@sha256:0", "oci:x"]) {
      const store = new FolderStore(join(tempDir(t), "store"));
      const source = { bytes: pieces(archive(entries)), at: "stream" };
      await faultOf("usage", () => importArchive(source, store, alone(), { repository }));
    }
  });

  test("of several: each message names a command that takes one of them", async (t) => {
    const folder = tempDir(t);
    const file = join(folder, "two.tar");
    writeFileSync(file, archive([one, other]));
    const store = ["--store", join(folder, "store")];
    const layout = join(folder, "layout");
    mkdirSync(layout);
    for (const { name, body } of layoutMembers(blobs, [one, other])) {
      mkdirSync(dirname(join(layout, name as string)), { recursive: true });
      writeFileSync(join(layout, name as string), body ?? "");
    }
    const tried: (readonly [words: readonly string[], hint: RegExp])[] = [
      [["import", file], /ingot copy (oci-archive:\S+) NAME/],
      [["import", file, "--name", "me/a:v1"], /ingot copy (oci-archive:\S+) NAME/],
      [["copy", `oci:${layout}`, "me/a:v1"], /name one of them, as (oci:\S+)/],
      [["copy", `oci-archive:${file}`, "me/a:v1"], /name one of them, as (oci-archive:\S+)/],
    ];
    for (const [words, hint] of tried) {
      const { code, err } = await say([...words, ...store]);
      assert.equal(code, 2, err);
      const [, source = ""] = hint.exec(err) ?? [];
      const copied = await say(["copy", source, "me/a:v1", ...store]);
      assert.equal(copied.out, `docker.io/me/a:v1 ${one.digest}\n`, `${err}\n${copied.err}`);
    }
  });

  test("of several for one platform each: the index that lists them is the image", async (t) => {
    const bytes = archive([one, two]);
    const index = layoutMembers(blobs, [one, two]).find(({ name }) => name === "index.json")!;
    const digest = sha256(index.body!);
    const { images } = await imported(t, bytes, { name: "me/run:v1" });
    assert.deepEqual(images, [["docker.io/me/run:v1", digest]]);
    const folder = tempDir(t);
    const file = join(folder, "run.oci");
    writeFileSync(file, bytes);
    const store = ["--store", join(folder, "store")];
    const refused = await say(["import", file, ...store]);
    assert.match(refused.err, /they are one image for several platforms: .* --name REF/);
    assert.doesNotMatch(refused.err, /again/);
    const proven = await ask(["verify", file]);
    assert.deepEqual(proven.document.sources[0].images, [{ reference: "", digest }]);
    const copied = await say(["copy", `oci-archive:${file}`, "me/run:v1", ...store]);
    assert.equal(copied.out, `docker.io/me/run:v1 ${digest}\n`, copied.err);
    const verified = await say(["verify", "me/run:v1", ...store]);
    assert.equal(verified.code, 0, verified.out);
    const lone = await say([
      ...["copy", `oci-archive:${file}`, `oci:${join(folder, "out")}:x`],
      ...["--platform", "linux/arm64", ...store],
    ]);
    assert.equal(lone.out, `x ${two.digest}\n`, lone.err);
  });
});

describe("an archive of Docker's form with an index beside its list, as apko writes it", () => {
  const members = (entries: readonly Descriptor[]): RawMember[] => {
    const hexOf = ({ digest }: Descriptor) => digest.slice("sha256:".length);
    const parts = entries.map((entry) => {
      const { config, layers } = JSON.parse(Buffer.from(blobs.get(entry.digest)!).toString());
      return { entry, config: config as Descriptor, layers: layers as Descriptor[] };
    });
    const list = parts.map(({ entry, config, layers }) => ({
      Config: config.digest,
      RepoTags: [`example.com/app:v1-${entry.platform?.architecture}`],
      Layers: layers.map((layer) => `${hexOf(layer)}.tar.gz`),
    }));
    return [
      ...parts.flatMap(({ config, layers }) => [
        { name: config.digest, body: blobs.get(config.digest)! },
        ...layers.map((layer) => ({
          name: `${hexOf(layer)}.tar.gz`,
          body: blobs.get(layer.digest)!,
        })),
      ]),
      { name: "manifest.json", body: json(list) },
      ...entries.map(({ digest }) => ({ name: digest, body: blobs.get(digest)! })),
      { name: "index.json", body: blobs.get(both.digest)! },
    ];
  };

  test("has the manifests that it lists, and the index when that gets a name", async (t) => {
    const bytes = rawTar(members([one, two]));
    const arches = [
      ["example.com/app:v1-amd64", one.digest],
      ["example.com/app:v1-arm64", two.digest],
    ];
    const { images, warnings } = await imported(t, bytes);
    assert.deepEqual(images, arches);
    assert.match(
      warnings.join(),
      /index of the platforms has no name, and was passed over: --name REF/,
    );
    const all = await imported(t, bytes, { name: "example.com/app:v1" });
    assert.deepEqual(all.images, [...arches, ["example.com/app:v1", both.digest]]);
    const folder = tempDir(t);
    const file = join(folder, "apko.tar");
    writeFileSync(file, bytes);
    for (const layers of [false, true])
      assert.ok(
        isVerified(await verifyArchive({ path: file }, { canonical: false, layers }, alone())),
      );
    const out = await say(["export", file, "-o", join(folder, "o.tar")]);
    assert.match(out.err, new RegExp(`${both.digest} has no name in .*: it is left out`));
    assert.equal(out.code, 0);
  });

  test("is refused where a file is not what its name says, or the list has what the index has not", async (t) => {
    const right = members([one, two]);
    const damaged = right.map((member) =>
      `${member.name}`.endsWith(".tar.gz") ? { ...member, body: noise(200, 9) } : member,
    );
    const more = members([one, two, { ...other, ...platform("s390x") }]);
    for (const [parts, code] of [
      [damaged, "size-differs"],
      [more, "docker-differs"],
    ] as const) {
      const path = join(tempDir(t), "a.tar");
      writeFileSync(path, rawTar(parts));
      for (const source of [{ path }, { bytes: pieces(rawTar(parts)), at: "stream" }]) {
        const { findings } = await verifyArchive(source, plain, alone());
        assert.ok(
          findings.some((found) => found.level === "finding" && found.code === code),
          code,
        );
      }
      const store = new FolderStore(join(tempDir(t), "store"));
      await faultOf("unproven", () => importArchive({ path }, store, alone()));
    }
  });
});

describe("copy to oci:DIR:TAG", () => {
  test(
    "writes the tag alone, where other tools look for it, and finds it again",
    tidily(async (t) => {
      const folder = tempDir(t);
      const at = (name: string) => join(folder, name);
      writeFileSync(at("a.tar"), archive([named(both, "docker.io/me/app:v1")]));
      const fine = async (...words: string[]) => {
        const { code, out, err } = await say([...words, "--store", at("store")]);
        assert.equal(code, 0, `${words.join(" ")}: ${err}`);
        return out;
      };
      const names = (name: string) => new FolderStore(at(name)).images().map(imageNameOf);
      await fine("copy", `oci-archive:${at("a.tar")}`, `oci:${at("l")}:v2`);
      await fine("copy", `oci-archive:${at("a.tar")}`, `oci:${at("l")}:me/app:v3`);
      assert.deepEqual(names("l"), ["docker.io/me/app:v3", "v2"]);
      assert.equal(
        await fine("copy", `oci:${at("l")}:v2`, `oci:${at("m")}`),
        `v2 ${both.digest}\n`,
      );
      assert.deepEqual(names("m"), ["v2"]);
      assert.match(await fine("inspect", `oci:${at("m")}:v2`), /^v2\n/);
      const bad = await say(["copy", `oci:${at("m")}:v2`, `oci:${at("n")}:no tag`]);
      assert.equal(bad.code, 2);
    }),
  );
});
