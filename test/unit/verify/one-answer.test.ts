/** verify and import give one answer for one archive: the same eyes see it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isIngotError } from "../../../src/base/error.ts";
import type { VerifyReport } from "../../../src/image/findings.ts";
import { isUnchecked, isVerified } from "../../../src/image/findings.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { type Imported, importArchive } from "../../../src/verify/import.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import {
  alone,
  ascii,
  Blobs,
  canonical,
  layoutMembers,
  named,
  noise,
  pieces,
  type RawMember,
  REF_NAME,
  rawTar,
  types,
} from "../../support/images/archive.ts";
import { dockerArchive, json, layer } from "../../support/images/docker-archive.ts";
import { ask, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";

const CONTAINERD = "io.containerd.image.name";
const ME = "ghcr.io/me/tiny:v1";
const OTHER = "docker.io/library/other:v1";
const SHA512 = `sha512:${"ab".repeat(64)}` as Descriptor["digest"];

const blobs = new Blobs();
const one = blobs.container(noise(100, 1), "amd64");
const two = blobs.container(noise(100, 2), "arm64");
const both = new Blobs(blobs);
const index = both.index([
  { ...one, platform: { architecture: "amd64", os: "linux" } },
  { ...two, platform: { architecture: "arm64", os: "linux" } },
]);
const under = (image: Descriptor, annotations: Record<string, string>): Descriptor => ({
  ...image,
  annotations,
});
const pathOf = ({ digest }: Pick<Descriptor, "digest">) => `blobs/sha256/${digest.slice(7)}`;

function loads({ digest }: Descriptor, ...RepoTags: string[]) {
  const { config, layers } = JSON.parse(Buffer.from(both.get(digest)!).toString());
  return { Config: pathOf(config), RepoTags, Layers: layers.map(pathOf) };
}

/** A layout with these entries, whose headers are not export's: it begins with a directory. */
const layout = (
  from: Blobs,
  entries: readonly Descriptor[],
  list?: readonly object[],
  more: readonly RawMember[] = [],
): Uint8Array =>
  rawTar([
    { name: "blobs/", type: "5" },
    ...layoutMembers(from, entries),
    ...(list === undefined ? [] : [{ name: "manifest.json", body: json(list) }]),
    ...more,
  ]);

/** A manifest with a layer of an unsupported digest. */
function unsupported(from: Blobs): Descriptor {
  const config = from.add(types.config, {
    architecture: "amd64",
    os: "linux",
    rootfs: { type: "layers", diff_ids: [SHA512] },
  });
  return from.manifest(config, [{ mediaType: types.layer, digest: SHA512, size: 3 }]);
}

type Verdict = "yes" | "no" | "unchecked";

const verdictOf = (report: VerifyReport): Verdict =>
  report.findings.some(({ level }) => level === "finding")
    ? "no"
    : isUnchecked(report)
      ? "unchecked"
      : isVerified(report)
        ? "yes"
        : "no";

/** What verify says and what import does, from a file and a stream. */
async function answers(t: Ends, bytes: Uint8Array) {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const sources = () => [{ path }, { bytes: pieces(bytes), at: path }];
  const said: Verdict[] = [];
  for (const source of sources())
    said.push(verdictOf(await verifyArchive(source, { canonical: false }, alone())));
  const taken: (Imported | undefined)[] = [];
  for (const source of sources()) {
    const store = new FolderStore(join(tempDir(t), "store"));
    try {
      const done = await importArchive(source, store, alone());
      taken.push(done);
      said.push(done.warnings.some(({ level }) => level === "unchecked") ? "unchecked" : "yes");
    } catch (error) {
      if (!isIngotError(error, "unproven")) throw error;
      const levels = error.facts.findings.map((found) => (found as { level?: string }).level);
      said.push(levels.every((level) => level === "unchecked") ? "unchecked" : "no");
      assert.deepEqual(store.images(), []);
    }
  }
  return { said, taken };
}

const damaged = new Blobs(blobs);
const surplus = new Blobs(blobs);
const orphan = surplus.add(types.layer, ascii("nobody needs this"));
damaged.set(orphan.digest, ascii("this is not what it says"));
const mixed = new Blobs(blobs);
const odd = unsupported(mixed);
const lone = new Blobs();
const only = unsupported(lone);

const cases: Readonly<Record<string, readonly [Verdict, Uint8Array]>> = {
  "an image": ["yes", layout(blobs, [named(one, ME)])],
  "a blob that no image needs": ["yes", layout(surplus, [named(one, ME)])],
  "a blob that no image needs, and is damaged": ["no", layout(damaged, [named(one, ME)])],
  "a file that no layout has": [
    "yes",
    layout(blobs, [named(one, ME)], undefined, [{ name: "README", body: ascii("x") }]),
  ],
  "no image": ["no", layout(blobs, [])],
  "one name for two images, once in short": [
    "no",
    layout(blobs, [named(one, OTHER), named(two, "other:v1")]),
  ],
  "two names for one image": ["yes", layout(blobs, [named(one, OTHER), named(one, ME)])],
  "annotations that differ": [
    "no",
    layout(blobs, [under(one, { [CONTAINERD]: ME, [REF_NAME]: "example.org/x:v2" })]),
  ],
  "annotations that agree when completed": [
    "yes",
    layout(blobs, [under(one, { [CONTAINERD]: OTHER, [REF_NAME]: "library/other:v1" })]),
  ],
  "a tag beside containerd's name": [
    "yes",
    layout(blobs, [under(one, { [CONTAINERD]: ME, [REF_NAME]: "v1" })]),
  ],
  "Docker's list, the same name in short": [
    "yes",
    layout(blobs, [named(one, OTHER)], [loads(one, "other:v1")]),
  ],
  "Docker's list, another name": ["no", layout(blobs, [named(one, ME)], [loads(one, OTHER)])],
  "Docker's list, one name more": ["no", layout(blobs, [named(one, ME)], [loads(one, ME, OTHER)])],
  "Docker's list, names exchanged": [
    "no",
    layout(blobs, [named(one, ME), named(two, OTHER)], [loads(one, OTHER), loads(two, ME)]),
  ],
  "Docker's list, one name for two images": [
    "no",
    layout(blobs, [named(one, ME), named(two, OTHER)], [loads(one, ME), loads(two, ME)]),
  ],
  "Docker's list, two platforms of one image under its name": [
    "yes",
    layout(both, [named(index, ME)], [loads(one, ME), loads(two, ME)]),
  ],
  "Docker's list, names for entries that have none": [
    "yes",
    layout(blobs, [one, two], [loads(one, ME), loads(two, OTHER)]),
  ],
  "Docker's list, a tag that is not the entry's": [
    "no",
    layout(
      blobs,
      [under(one, { [REF_NAME]: "v1" })],
      [loads(one, "ghcr.io/me/tiny:v1", "ghcr.io/me/tiny:v2")],
    ),
  ],
  "Docker's list, without names": ["yes", layout(blobs, [named(one, ME)], [loads(one)])],
  "Docker's list, an element that is no image of the index": [
    "no",
    layout(blobs, [named(one, ME)], [loads(two)]),
  ],
  "an entry with a digest that is not supported, beside an image": [
    "unchecked",
    layout(blobs, [named(one, ME), named({ ...two, digest: SHA512 }, OTHER)]),
  ],
  "nothing but such an entry": [
    "unchecked",
    layout(blobs, [named({ ...two, digest: SHA512 }, ME)]),
  ],
  "such a digest within an image, beside another": [
    "unchecked",
    layout(mixed, [named(one, ME), named(odd, OTHER)]),
  ],
  "such a digest within the only image": ["unchecked", layout(lone, [named(only, ME)])],
  "a damaged image beside such a digest": [
    "no",
    layout(
      new Blobs(
        [...mixed].map(([digest, bytes]) => [digest, digest === one.digest ? ascii("{}") : bytes]),
      ),
      [named(one, ME), named(odd, OTHER)],
    ),
  ],
  "a digest that is none": [
    "no",
    layout(blobs, [
      named(one, ME),
      named({ ...two, digest: "sha512:abcd" as typeof SHA512 }, OTHER),
    ]),
  ],
  "a layout of another version": [
    "unchecked",
    rawTar([
      ...layoutMembers(blobs, [named(one, ME)]).filter(({ name }) => name !== "oci-layout"),
      { name: "oci-layout", body: ascii('{"imageLayoutVersion":"2.0.0"}') },
    ]),
  ],
  "Docker's form": ["yes", dockerArchive({ layers: [layer("one\n")], tags: ["other:v1"] })],
};

describe("verify and import say the same of", () => {
  for (const [what, [expected, bytes]] of Object.entries(cases))
    test(what, async (t) => {
      const { said } = await answers(t, bytes);
      assert.deepEqual(said, [expected, expected, expected, expected]);
    });
});

test("what can be checked is taken, and what was not is named", async (t) => {
  for (const [what, skipped] of [
    ["an entry with a digest that is not supported, beside an image", []],
    ["such a digest within an image, beside another", [OTHER]],
  ] as const) {
    const { taken } = await answers(t, cases[what]![1]);
    for (const done of taken) {
      assert.deepEqual(
        done?.images.map(({ reference }) => reference),
        [ME],
      );
      assert.deepEqual(
        done?.skipped.map(({ reference }) => reference),
        skipped,
      );
    }
  }
});

/** A container with one layer of these bytes and this type. */
function container(bytes: Uint8Array, type: string, diffID: Uint8Array): Uint8Array {
  const more = new Blobs();
  const plain = new Blobs().add(types.layer, diffID).digest;
  const rootfs = { type: "layers", diff_ids: [plain] };
  const config = more.add(types.config, { architecture: "amd64", os: "linux", rootfs });
  const root = more.manifest(config, [more.add(type, bytes)]);
  return layout(more, [named(root, ME)]);
}

/** A zstd frame with a window of 256 MiB, and three bytes in it. */
const wide = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x90, 0x19, 0, 0, 1, 2, 3]);

describe("with --layers, verify says of a layer", () => {
  const body = noise(3000, 7);
  const DOCKER = "application/vnd.docker.image.rootfs.diff.tar.gzip";
  const ELSE = "application/vnd.oci.image.layer.nondistributable.v1.tar";
  const xz = Buffer.concat([Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), body]);
  const rows: readonly (readonly [string, Uint8Array, string, readonly string[], Uint8Array?])[] = [
    ["plain", body, types.layer, []],
    ["gzip", gzipSync(body), `${types.layer}+gzip`, []],
    ["zstd", zstdCompressSync(body), `${types.layer}+zstd`, []],
    ["gzip, of Docker's type", gzipSync(body), DOCKER, []],
    ["gzip that calls itself plain", gzipSync(body), types.layer, ["finding type-differs"]],
    ["plain that calls itself gzip", body, `${types.layer}+gzip`, ["finding type-differs"]],
    ["plain, of Docker's type", body, DOCKER, ["finding type-differs"]],
    [
      "zstd that calls itself gzip",
      zstdCompressSync(body),
      `${types.layer}+gzip`,
      ["finding type-differs"],
    ],
    ["gzip that is not to be passed on", gzipSync(body), `${ELSE}+gzip`, []],
    [
      "gzip that is not to be passed on and calls itself plain",
      gzipSync(body),
      ELSE,
      ["finding type-differs"],
    ],
    ["xz that calls itself plain", xz, types.layer, ["finding type-differs"], xz],
    ["gzip of a type that is not known", gzipSync(body), "application/x-layer", []],
    ["encrypted", noise(100, 9), `${types.layer}+gzip+encrypted`, ["unchecked unsupported"]],
    ["a window beyond the bound", wide, `${types.layer}+zstd`, ["unchecked unsupported"]],
  ];
  for (const [what, bytes, type, expected, plain = body] of rows)
    test(what, async (t) => {
      const path = join(tempDir(t), "a.tar");
      const archive = container(bytes, type, plain);
      writeFileSync(path, archive);
      for (const source of [{ path }, { bytes: pieces(archive), at: path }]) {
        const how = { canonical: false, layers: true };
        const { findings } = await verifyArchive(source, how, alone());
        assert.deepEqual(
          findings.map(({ level, code }) => `${level} ${code}`),
          expected,
        );
      }
      const plainly = await verifyArchive({ path }, { canonical: false }, alone());
      assert.equal(verdictOf(plainly), "yes");
    });
});

test("the commands: 2 where something could not be checked, and the rest is in the store", async (t) => {
  const dir = tempDir(t);
  const file = join(dir, "a.tar");
  const store = join(dir, "store");
  writeFileSync(file, cases["such a digest within an image, beside another"]![1]);
  const verified = await say(["verify", file]);
  assert.equal(verified.code, 2);
  assert.match(verified.out, /^COULD NOT SAY/);
  assert.match(verified.out, /unchecked: .*sha512:/);
  const { code, document } = await ask(["import", file, "--store", store]);
  assert.equal(code, 2);
  const names = (images: { reference: string }[]) => images.map(({ reference }) => reference);
  assert.deepEqual([names(document.images), names(document.skipped)], [[ME], [OTHER]]);
  assert.equal((await say(["verify", ME, "--store", store])).code, 0);
  const [image] = (await ask(["inspect", `oci-archive:${file}:${ME}`])).document.images;
  assert.equal(image.digest, one.digest);
  writeFileSync(file, cases["nothing but such an entry"]![1]);
  assert.equal((await say(["import", file, "--store", store])).code, 2);
});

test("a layout with an entry that is not supported is not written to", async (t) => {
  const dir = tempDir(t);
  const file = join(dir, "a.tar");
  writeFileSync(file, layout(blobs, [named(one, ME)]));
  const to = join(dir, "layout");
  assert.equal((await say(["copy", `oci-archive:${file}:${ME}`, `oci:${to}`])).code, 0);
  const list = join(to, "index.json");
  const entry = { ...one, digest: SHA512 };
  writeFileSync(list, JSON.stringify({ schemaVersion: 2, manifests: [named(one, ME), entry] }));
  assert.equal((await say(["verify", to])).code, 2);
  assert.equal((await say(["inspect", to])).code, 0);
  for (const words of [["prune"], ["tag", ME, "x:v1"], ["remove", ME]]) {
    const { code, err } = await say([...words, "--store", to]);
    assert.equal(code, 2);
    assert.match(err, /sha512/);
  }
});

test("--canonical --layers: a wrong diffID is that, in an archive that is canonical", async (t) => {
  const more = new Blobs();
  const rootfs = { type: "layers", diff_ids: [`sha256:${"0".repeat(64)}`] };
  const config = more.add(types.config, { architecture: "amd64", os: "linux", rootfs });
  const descriptor = more.manifest(config, [more.add(types.layer, noise(100, 4))]);
  const file = join(tempDir(t), "a.tar");
  writeFileSync(file, await canonical([{ reference: ME, descriptor, blobs: more }]));
  assert.equal((await say(["verify", "--canonical", file])).code, 0);
  const { code, out } = await say(["verify", "--canonical", "--layers", file]);
  assert.equal(code, 1);
  assert.match(out, /^NOT OK .*, canonical\n/);
  assert.match(out, /finding: .*\[diff-id-differs\]/);
  assert.doesNotMatch(out, /not canonical/);
});

test("as many wrong names as a list can have are told as too many", async (t) => {
  const names = Array.from({ length: 400_000 }, (_, i) => `a:${i}`);
  const { said } = await answers(
    t,
    layout(blobs, [named(one, ME)], [{ ...loads(one), RepoTags: names }]),
  );
  assert.deepEqual(said, ["no", "no", "no", "no"]);
});
