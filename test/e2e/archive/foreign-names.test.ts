/** What images are called that somebody else has named. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { openSources } from "../../../src/source/source.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive, verifyLayout } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  ascii,
  Blobs,
  layoutMembers,
  noise,
  pieces,
  type RawMember,
  rawTar,
} from "../../support/images/archive.ts";
import { dockerArchive, fixture, json, layer } from "../../support/images/docker-archive.ts";
import { testUnless, testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { say } from "../../support/process/say.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { readUstar } from "../../support/tar/ustar.ts";

const CONTAINERD = "io.containerd.image.name";
const REF = "org.opencontainers.image.ref.name";
const ME = "ghcr.io/me/tiny:v1";

const blobs = new Blobs();
const one = blobs.container(noise(100, 1), "amd64");
const two = blobs.container(noise(100, 2), "arm64");
const both = blobs.index([
  { ...one, platform: { architecture: "amd64", os: "linux" } },
  { ...two, platform: { architecture: "arm64", os: "linux" } },
]);

const under = (image: Descriptor, annotations: Record<string, string>): Descriptor => ({
  ...image,
  annotations,
});

/** An element of `manifest.json` for a manifest. */
function loads({ digest }: Descriptor, ...RepoTags: string[]) {
  const { config, layers } = JSON.parse(Buffer.from(blobs.get(digest)!).toString());
  const at = (blob: Descriptor) => `blobs/sha256/${blob.digest.slice(7)}`;
  return { Config: at(config), RepoTags, Layers: layers.map(at) };
}

const archive = (images: readonly Descriptor[], list?: readonly object[]): Uint8Array => {
  const more: RawMember[] = list === undefined ? [] : [{ name: "manifest.json", body: json(list) }];
  return rawTar([...layoutMembers(blobs, images), ...more]);
};

type Pairs = readonly (readonly [name: string, digest: string])[];

/** Names and digests: as verify tells them, as import takes them, from a file and a stream, and as export would have them. */
async function names(t: Ends, bytes: Uint8Array, name?: string) {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const streamed = () => ({ bytes: pieces(bytes), at: "stream" });
  const came: Pairs[] = [];
  for (const source of [{ path }, streamed()]) {
    const store = new FolderStore(join(tempDir(t), "store"));
    const { images } = await importArchive(source, store, alone(), { name });
    came.push(images.map(({ reference, descriptor }) => [reference, descriptor.digest] as const));
    for (const { annotations } of store.images())
      assert.deepEqual(Object.keys(annotations ?? {}), [REF]);
  }
  assert.deepEqual(came[1], came[0]);
  const told: Pairs[] = [];
  for (const source of [{ path }, streamed()]) {
    const { images } = await verifyArchive(source, { canonical: false }, alone());
    told.push(images.map(({ reference, digest }) => [reference, digest] as const));
  }
  assert.deepEqual(told[1], told[0]);
  return { path, came: came[0]!, told: told[0]! };
}

describe("an image is called", () => {
  const cases: Readonly<Record<string, readonly [bytes: Uint8Array, ...expected: Pairs]>> = {
    "what containerd's annotation says, beside a tag": [
      archive([under(one, { [CONTAINERD]: ME, [REF]: "v1" })]),
      [ME, one.digest],
    ],
    "what containerd's annotation says, beside the same one in short": [
      archive([under(one, { [CONTAINERD]: "docker.io/me/a:v1", [REF]: "me/a:v1" })]),
      ["docker.io/me/a:v1", one.digest],
    ],
    "what the reference says, beside a containerd's name that is none": [
      archive([under(one, { [CONTAINERD]: `ghcr.io/me/x@${two.digest}`, [REF]: ME })]),
      [ME, one.digest],
    ],
    "what the reference says, beside Docker's list": [
      archive([under(one, { [REF]: ME })], [loads(one, ME)]),
      [ME, one.digest],
    ],
    "what Docker's list says, where the index says nothing": [
      archive([one, two], [loads(one, "a:v1", "b"), loads(two, ME)]),
      ["docker.io/library/a:v1", one.digest],
      ["docker.io/library/b:latest", one.digest],
      [ME, two.digest],
    ],
    "what Docker's list says of one of its platforms": [
      archive([both], [loads(two, ME)]),
      [ME, both.digest],
    ],
    "what Docker's list says with the tag that the index has": [
      archive([under(one, { [REF]: "v1" })], [loads(one, "me/a:v1")]),
      ["docker.io/me/a:v1", one.digest],
    ],
  };
  for (const [what, [bytes, ...expected]] of Object.entries(cases)) {
    test(what, async (t) => {
      const { path, came, told } = await names(t, bytes);
      assert.deepEqual(came, expected);
      assert.deepEqual(told, expected);
      const sources = await openSources(path, () => assert.fail());
      assert.deepEqual(
        sources.map(({ reference, descriptor }) => [reference, descriptor.digest]),
        expected,
      );
    });
  }

  test("as the tools that wrote the archive call it", async (t) => {
    for (const [file, ...expected] of [
      ["buildkit-docker.tar", ME],
      ["podman-oci.tar", ME],
      ["ctr.tar", ME, "docker.io/library/tiny:v2"],
    ] as const) {
      const { came } = await names(t, readFileSync(fixture(file)));
      assert.deepEqual(
        came.map(([name]) => name),
        expected,
      );
    }
  });

  test("the same in a layout in a folder", async (t) => {
    const folder = join(tempDir(t), "layout");
    for (const { name, content } of readUstar(dotless(readFileSync(fixture("ctr.tar"))))) {
      mkdirSync(join(folder, name, ".."), { recursive: true });
      writeFileSync(join(folder, name), content);
    }
    const { images, findings } = await verifyLayout(folder, alone());
    assert.deepEqual([images[0]?.reference, findings], [ME, []]);
    const [, image] = await openSources(`oci:${folder}`, () => assert.fail());
    assert.equal(image?.reference, "docker.io/library/tiny:v2");
    const [wanted] = await openSources(`oci:${folder}:tiny:v2`, () => assert.fail());
    assert.equal(wanted?.descriptor.digest, image?.descriptor.digest);
  });
});

/** Without its folders, and under the one magic, that the strict reader of the tests takes. */
function dotless(bytes: Buffer): Uint8Array {
  const kept: Buffer[] = [];
  for (let at = 0; at < bytes.length && bytes[at] !== 0; ) {
    const size = Number.parseInt(bytes.toString("latin1", at + 124, at + 135), 8);
    const end = at + 512 + Math.ceil(size / 512) * 512;
    if (bytes.toString("latin1", at + 156, at + 157) === "0") kept.push(bytes.subarray(at, end));
    at = end;
  }
  return Buffer.concat([...kept, Buffer.alloc(1024)]);
}

describe("an image without a name", () => {
  const tagged = archive([under(one, { [REF]: "v1" })]);
  const bare = archive([one]);
  const saved = dockerArchive({ layers: [layer("one\n")], tags: null });

  test("is not taken, and the message says how", async (t) => {
    const store = new FolderStore(join(tempDir(t), "store"));
    for (const [bytes, says, then] of [
      [
        tagged,
        /a tag alone, as "v1", is not a complete name: --repository REPO makes it REPO:v1\)$/,
        /^nothing was changed: give it a name with --name REF$/,
      ],
      [bare, /1 image has no name$/, /: give it a name with --name REF$/],
      [saved, /1 image has no name$/, /: give it a name with --name REF$/],
      [
        archive([one, two]),
        /2 images have no name$/,
        /: save the archive to a file, uncompressed, and copy one of them: ingot copy oci-archive:FILE:sha256:[0-9a-f]{64} NAME$/,
      ],
    ] as const) {
      const source = { bytes: pieces(bytes), at: "x" };
      const { findings, hint } = await faultOf("unproven", () =>
        importArchive(source, store, alone()),
      );
      assert.match(findings[0]?.message ?? "", says);
      assert.match(hint ?? "", then);
    }
  });

  test("gets the one that --name gives it; a tag that it has stays", async (t) => {
    for (const [bytes, name, expected] of [
      [tagged, "ghcr.io/me/tiny", ME],
      [tagged, "ghcr.io/me/tiny:v2", "ghcr.io/me/tiny:v2"],
      [bare, ME, ME],
      [bare, "tiny", "docker.io/library/tiny:latest"],
      [saved, "tiny:v3", "docker.io/library/tiny:v3"],
      [readFileSync(fixture("docker-20-id.tar")), ME, ME],
      [readFileSync(fixture("skopeo-oci.tar")), ME, ME],
      [readFileSync(fixture("skopeo-oci-tag.tar")), "ghcr.io/me/tiny", ME],
    ] as const) {
      const { came } = await names(t, bytes, name);
      assert.deepEqual(
        came.map(([reference]) => reference),
        [expected],
      );
    }
  });

  test("beside one with a name: passed over with a note, or named", async (t) => {
    const bytes = archive([under(one, { [REF]: ME }), two]);
    const store = new FolderStore(join(tempDir(t), "store"));
    const { images, warnings } = await importArchive(
      { bytes: pieces(bytes), at: "x" },
      store,
      alone(),
    );
    assert.deepEqual([images.length, warnings.map(({ code }) => code)], [1, ["nothing"]]);
    const { came } = await names(t, bytes, "tiny:v2");
    assert.deepEqual(came, [
      [ME, one.digest],
      ["docker.io/library/tiny:v2", two.digest],
    ]);
  });

  test("--name for none or for several is a mistake", async (t) => {
    const store = new FolderStore(join(tempDir(t), "store"));
    for (const [bytes, says] of [
      [archive([under(one, { [REF]: ME })]), /has 0 of them/],
      [archive([one, two]), /has 2 of them/],
    ] as const) {
      const source = { bytes: pieces(bytes), at: "x" };
      const { message } = await faultOf("usage", () =>
        importArchive(source, store, alone(), { name: ME }),
      );
      assert.match(message, says);
    }
    const source = { bytes: pieces(bare), at: "x" };
    await faultOf("malformed", () => importArchive(source, store, alone(), { name: "Tiny:v1" }));
    assert.deepEqual(store.images(), []);
  });

  test("is no source of export; of a tag alone, the hint says what to do", async (t) => {
    const file = join(tempDir(t), "a.tar");
    writeFileSync(file, tagged);
    const out = join(file, "../out.tar");
    const { code, err } = await say(["export", file, "-o", out]);
    assert.equal(code, 2);
    assert.match(err, /hint: it has a tag alone, "v1"/);
    const store = ["--store", join(file, "../store")];
    const named = await say(["import", file, "--name", "tiny", ...store]);
    assert.deepEqual([named.code, named.out], [0, `docker.io/library/tiny:v1 ${one.digest}\n`]);
  });
});

test("a list of Docker's that cannot be read names nothing, and is found", async () => {
  const bytes = rawTar([
    ...layoutMembers(blobs, [one]),
    { name: "manifest.json", body: ascii("{") },
  ]);
  const source = { bytes: pieces(bytes), at: "x" };
  const { images, findings } = await verifyArchive(source, { canonical: false }, alone());
  assert.deepEqual(images, [{ reference: "", digest: one.digest }]);
  assert.ok(findings.some(({ code, at }) => code === "malformed" && at === "manifest.json"));
});

/** Reading an oci-archive, skopeo 1.9 gives the folders that are not members of it to root, and fails where it may not. */
function testSkopeo(name: string, body: () => Promise<void>): void {
  if (process.getuid?.() === 0) testWith(["skopeo"], name, body);
  else testUnless("skopeo needs root", name, body);
}

describe("what skopeo makes of our archive comes back", () => {
  for (const [transport, name] of [
    ["docker-archive", ME],
    ["oci-archive", ME],
  ] as const) {
    testSkopeo(
      `as a ${transport}, with names and without`,
      tidily(async (t) => {
        const dir = tempDir(t);
        const ours = join(dir, "ours.tar");
        assert.equal((await say(["export", fixture("docker-29.tar"), "-o", ours])).code, 0);
        const from = `oci-archive:${ours}:${name}`;
        const copy = (to: string) => succeed(["skopeo", "--insecure-policy", "copy", from, to]);
        const theirs = join(dir, "theirs.tar");
        await copy(`${transport}:${theirs}:${name}`);
        const { came } = await names(t, readFileSync(theirs));
        assert.deepEqual(
          came.map(([reference]) => reference),
          [name],
        );
        const nameless = join(dir, "nameless.tar");
        await copy(`${transport}:${nameless}`);
        const { came: again } = await names(t, readFileSync(nameless), "example.org/other:v2");
        assert.deepEqual(again, [["example.org/other:v2", came[0]![1]]]);
      }),
    );
  }
});
