import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import {
  type Finding,
  type FindingCode,
  isVerified,
  type VerifyReport,
} from "../../../src/image/findings.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { verifyArchive, verifyLayout } from "../../../src/verify/verify.ts";
import {
  alone,
  ascii,
  Blobs,
  canonical,
  container,
  gadget,
  layoutMembers,
  named,
  noise,
  pieces,
  places,
  type RawMember,
  rawMember,
  rawPax,
  rawTar,
  rechecked,
  sha256,
  types,
} from "../../support/images/archive.ts";
import { tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const trace = gadget("ghcr.io/example/trace:v1", noise(600, 1));
const tool = container("docker.io/library/tool:v2", noise(700, 2));

const brief = ({ code, level, at }: Finding) =>
  level === "note" ? `${code} ${at} (note)` : `${code} ${at}`;

/** The report on these bytes, the same from a file and from a stream but for the name of the whole. */
async function report(t: TestContext, bytes: Uint8Array, exactly = false): Promise<VerifyReport> {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const options = { canonical: exactly };
  const fromFile = await verifyArchive({ path }, options, alone());
  const fromStream = await verifyArchive({ bytes: pieces(bytes), at: path }, options, alone());
  // A stream's blobs are hashed first, a file's last.
  const sorted = ({ findings, ...rest }: VerifyReport) => [rest, findings.map(brief).sort()];
  assert.deepEqual(sorted(fromStream), sorted(fromFile));
  return {
    ...fromFile,
    findings: fromFile.findings.map((one) => ({ ...one, at: one.at.replaceAll(path, "ARCHIVE") })),
  };
}

type Says = readonly string[];

async function finds(t: TestContext, bytes: Uint8Array, expected: Says): Promise<VerifyReport> {
  const found = await report(t, bytes);
  assert.deepEqual(found.findings.map(brief), expected, JSON.stringify(found.findings, null, 1));
  const grave = found.findings.some(({ level }) => level === "finding");
  assert.equal(isVerified(found), !grave);
  return found;
}

/** A layout of `blobs` and these images, as another tool may write it. */
const foreign = (blobs: Blobs, images: readonly Descriptor[], more: readonly RawMember[] = []) =>
  rawTar([...layoutMembers(blobs, images), ...more]);

const name = "ghcr.io/example/image:v1";
const linux = (architecture: string) => ({ platform: { architecture, os: "linux" } });
const blobName = ({ digest }: Pick<Descriptor, "digest">) => `blobs/sha256/${digest.slice(7)}`;

/** A single manifest of a gadget, with the blobs it needs. */
function lone() {
  const blobs = new Blobs();
  const config = blobs.add(types.gadgetConfig, ascii("name: x\n"));
  const program = blobs.add(types.program, noise(100, 3));
  const manifest = blobs.manifest(config, [program]);
  return { blobs, config, program, manifest };
}

/** One blob replaced by other bytes, under the old name. */
function replaced(blobs: Blobs, { digest }: Descriptor, bytes: Uint8Array): Blobs {
  const copy = new Blobs(blobs);
  copy.set(digest, bytes);
  return copy;
}

/** One blob left out. */
function without(blobs: Blobs, { digest }: Descriptor): Blobs {
  const copy = new Blobs(blobs);
  copy.delete(digest);
  return copy;
}

describe("of a foreign archive, verify finds", () => {
  const { blobs, config, program, manifest } = lone();
  const image = named(manifest, name);

  test("nothing where all is well", async (t) => {
    const found = await finds(t, foreign(blobs, [image]), []);
    assert.deepEqual(found.images, [{ reference: name, digest: manifest.digest }]);
    assert.deepEqual([found.blobs, found.canonical], [3, undefined]);
    assert.equal(found.bytes, config.size + program.size + manifest.size);
  });

  test("digest-differs: a leaf of the right size with other bytes", async (t) => {
    const damaged = replaced(blobs, program, noise(100, 4));
    await finds(t, foreign(damaged, [image]), [`digest-differs ${program.digest}`]);
  });

  test("digest-differs: a manifest with other bytes, once", async (t) => {
    const other = ascii(JSON.stringify({ schemaVersion: 2, config, layers: [program], a: "" }));
    const bytes = new Uint8Array(manifest.size).fill(0x20);
    bytes.set(other.subarray(0, manifest.size));
    const expected = [
      `digest-differs ${manifest.digest}`,
      `unreachable ${blobName(config)} (note)`,
      `unreachable ${blobName(program)} (note)`,
    ].sort();
    const found = await report(t, foreign(replaced(blobs, manifest, bytes), [image]));
    assert.deepEqual(found.findings.map(brief).sort(), expected);
  });

  test("digest-differs: data in a descriptor that is something else", async (t) => {
    const data = Buffer.from(blobs.get(config.digest) ?? "");
    for (const [embedded, expected] of [
      [data.toString("base64"), []],
      [Buffer.from("name: y\n").toString("base64"), [`digest-differs ${config.digest}`]],
      [`${data.toString("base64")}\n`, [`digest-differs ${config.digest}`]],
      ["", [`digest-differs ${config.digest}`]],
    ] as const) {
      const more = new Blobs(without(blobs, manifest));
      const odd = more.manifest({ ...config, data: embedded }, [program]);
      await finds(t, foreign(more, [named(odd, name)]), expected);
    }
  });

  test("size-differs: a leaf of another size than its descriptor says", async (t) => {
    const more = new Blobs(without(blobs, manifest));
    const odd = more.manifest(config, [{ ...program, size: program.size + 1 }]);
    await finds(t, foreign(more, [named(odd, name)]), [`size-differs ${program.digest}`]);
  });

  test("size-differs: a manifest of another size than the index says", async (t) => {
    const odd = { ...image, size: image.size - 1 };
    const found = await report(t, foreign(blobs, [odd]));
    const [first] = found.findings.map(brief);
    assert.equal(first, `size-differs ${manifest.digest}`);
    assert.equal(isVerified(found), false);
  });

  test("type-differs: a manifest that says it is something else", async (t) => {
    const odd = { ...image, mediaType: "application/vnd.docker.distribution.manifest.v2+json" };
    await finds(t, foreign(blobs, [odd]), [`type-differs ${manifest.digest}`]);
  });

  test("malformed: an index that is listed as a manifest", async (t) => {
    const more = new Blobs(blobs);
    const index = more.index([manifest]);
    const odd = named({ ...index, mediaType: types.manifest }, name);
    await finds(t, foreign(more, [image, odd]), [
      `duplicate-name ${name}`,
      `malformed ${index.digest}`,
    ]);
  });

  test("config-differs: a config with more layers than its manifest", async (t) => {
    const more = new Blobs();
    const layer = more.add(types.layer, noise(10, 1));
    const diff_ids = [layer.digest, layer.digest];
    const content = { architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids } };
    const config = more.add(types.config, content);
    const odd = more.manifest(config, [layer]);
    await finds(t, foreign(more, [named(odd, name)]), [`config-differs ${config.digest}`]);
  });

  test("malformed: a container's config that is none", async (t) => {
    for (const content of [{ os: "linux" }, ascii("not JSON"), ascii("[]")]) {
      const more = new Blobs();
      const config = more.add(types.config, content);
      const odd = more.manifest(config, []);
      await finds(t, foreign(more, [named(odd, name)]), [`malformed ${config.digest}`]);
    }
  });

  test("platform-differs: a descriptor with another platform than its config", async (t) => {
    const more = new Blobs();
    const amd64 = more.container(noise(10, 1), "amd64", linux("amd64"));
    const arm64 = more.container(noise(10, 1), "arm64", linux("amd64"));
    const index = more.index([amd64, arm64]);
    await finds(t, foreign(more, [named(index, name)]), [`platform-differs ${arm64.digest}`]);
  });

  test("platform-differs only for variants that both are there and differ", async (t) => {
    for (const [said, is, expected] of [
      ["v7", undefined, []],
      [undefined, "v7", []],
      ["v7", "v7", []],
      ["v6", "v7", ["platform-differs"]],
    ] as const) {
      const more = new Blobs();
      const layer = more.add(types.layer, noise(10, 1));
      const rootfs = { type: "layers", diff_ids: [layer.digest] };
      const config = more.add(types.config, {
        architecture: "arm",
        os: "linux",
        variant: is,
        rootfs,
      });
      const platform = { architecture: "arm", os: "linux", variant: said };
      const manifest = more.manifest(config, [layer], { platform });
      const bytes = foreign(more, [named(more.index([manifest]), name)]);
      await finds(
        t,
        bytes,
        expected.map((code) => `${code} ${manifest.digest}`),
      );
    }
  });

  test("blob-missing: a leaf, a config, a manifest, an index", async (t) => {
    const nested = new Blobs(blobs);
    const index = nested.index([{ ...manifest, ...linux("amd64") }]);
    const root = named(nested.index([index]), name);
    for (const [missing, orphans] of [
      [program, []],
      [config, []],
      [manifest, [config, program]],
      [index, [config, program, manifest]],
    ] as const) {
      const unreachable = orphans
        .map(blobName)
        .sort()
        .map((orphan) => `unreachable ${orphan} (note)`);
      const bytes = foreign(without(nested, missing), [root]);
      const found = await finds(t, bytes, [`blob-missing ${missing.digest}`, ...unreachable]);
      assert.match(found.findings[0]?.message ?? "", / needs it$/);
    }
    const found = await report(t, foreign(new Blobs(), [image]));
    assert.equal(brief(found.findings[0] as Finding), `blob-missing ${manifest.digest}`);
  });

  test("unreachable: a blob that no image needs is a note", async (t) => {
    const more = new Blobs(blobs);
    const orphan = more.add(types.layer, ascii("nobody needs this"));
    await finds(t, foreign(more, [image]), [`unreachable ${blobName(orphan)} (note)`]);
    const files = layoutMembers(more, [image]).map(({ name, body }) => [
      name as string,
      Buffer.from(body ?? "").toString("latin1"),
    ]);
    const plain = Object.fromEntries(files.filter(([file]) => file !== blobName(program)));
    const folder = writeTree(tempDir(t), plain);
    writeFileSync(join(folder, blobName(program)), blobs.get(program.digest) ?? "");
    const found = await verifyLayout(folder, alone());
    assert.deepEqual(found.findings.map(brief), [`unreachable ${blobName(orphan)} (note)`]);
    assert.ok(isVerified(found));
  });

  test("duplicate-member: a note where all that have a name are the same", async (t) => {
    const members = layoutMembers(blobs, [image]);
    const [first] = members;
    const index = members.find(({ name }) => name === "index.json");
    assert.ok(first !== undefined && index !== undefined);
    const again = { ...first, name: `./${first.name}` };
    for (const twice of [[first], [index], [again], [index, index], [first, again]])
      await finds(t, rawTar([...members, ...twice]), [
        `duplicate-member ${`${twice[0]!.name}`.replace("./", "")} (note)`,
      ]);
    await finds(t, rawTar([...members, first, index]), [`duplicate-member ${first.name} (note)`]);
  });

  test("duplicate-member: a folder and a file, and a folder that is a file", async (t) => {
    const members = layoutMembers(blobs, [image]);
    const folder = { name: "index.json/", type: "5" };
    await finds(t, rawTar([...members, folder]), ["duplicate-member index.json"]);
    const { findings } = await report(t, rawTar([folder, ...members]));
    assert.ok(findings.map(brief).includes("duplicate-member index.json"));
    const under = { name: "index.json/file" };
    await finds(t, rawTar([...members, under]), [
      "unexpected-member index.json/file (note)",
      "unsafe-member index.json/file",
    ]);
  });

  test("duplicate-member: a blob, an index, also under ./", async (t) => {
    const members = layoutMembers(blobs, [image]);
    const [first] = members;
    const index = members.find(({ name }) => name === "index.json");
    assert.ok(first !== undefined && index !== undefined);
    for (const twice of [first, index, { ...first, name: `./${first.name}` }]) {
      const plain = `${twice.name}`.replace("./", "");
      const other = { ...twice, body: Buffer.from(twice.body ?? "").reverse() };
      for (const body of [other.body, ascii("")])
        await finds(t, rawTar([...members, { ...other, body }]), [`duplicate-member ${plain}`]);
    }
  });

  test("duplicate-name: one name for two images", async (t) => {
    const more = new Blobs(blobs);
    const other = more.manifest(config, []);
    await finds(t, foreign(more, [image, named(other, name)]), [`duplicate-name ${name}`]);
  });

  test("type-differs: a name for what is no image", async (t) => {
    const typo = { ...manifest, mediaType: `${types.manifest}x` };
    const found = await report(t, foreign(blobs, [named(typo, name), image]));
    assert.deepEqual(found.findings.map(brief), [`type-differs ${manifest.digest}`]);
    const alone = await report(t, foreign(blobs, [typo]));
    assert.ok(alone.findings.map(brief).includes("nothing index.json"));
    assert.equal(isVerified(alone), false);
  });

  test("member-missing: no oci-layout, no index.json", async (t) => {
    const members = layoutMembers(blobs, [image]);
    const but = (left: string) => rawTar(members.filter(({ name }) => name !== left));
    await finds(t, but("oci-layout"), ["member-missing oci-layout"]);
    const found = await report(t, but("index.json"));
    assert.equal(brief(found.findings[0] as Finding), "member-missing index.json");
    assert.equal(isVerified(found), false);
  });

  test("malformed: an oci-layout or index.json that is none", async (t) => {
    const members = layoutMembers(blobs, [image]);
    const but = (changed: string, body: string) =>
      rawTar(
        members.map((member) =>
          member.name === changed ? { ...member, body: ascii(body) } : member,
        ),
      );
    for (const body of ["", "{}", "[]", "{\x00}"]) {
      await finds(t, but("oci-layout", body), ["malformed oci-layout"]);
    }
    for (const body of ["", "{}", '{"schemaVersion":1,"manifests":[]}', '{"schemaVersion":2}']) {
      const found = await report(t, but("index.json", body));
      assert.equal(brief(found.findings[0] as Finding), "malformed index.json");
      assert.equal(isVerified(found), false);
    }
  });

  test("padding: bytes behind a body that are not zero", async (t) => {
    const bytes = Buffer.from(foreign(blobs, [image]));
    const [first] = places(bytes);
    assert.ok(first !== undefined && first.size % 512 !== 0);
    bytes[first.end - 1] = 1;
    await finds(t, bytes, [`padding ${first.name}`]);
  });

  test("cut: no end, or half of one", async (t) => {
    const members = layoutMembers(blobs, [image]);
    for (const zeros of [0, 512, 1023]) {
      await finds(t, rawTar(members, new Uint8Array(zeros)), ["cut ARCHIVE"]);
    }
  });

  test("malformed: a cut inside a header, and size-differs inside a body", async (t) => {
    const bytes = foreign(blobs, [image]);
    const last = places(bytes).at(-1);
    assert.ok(last !== undefined);
    const inHeader = await report(t, bytes.subarray(0, last.start + 100));
    assert.equal(brief(inHeader.findings[0] as Finding), "malformed ARCHIVE");
    const inBody = await report(t, bytes.subarray(0, last.start + 512 + 3));
    assert.equal(brief(inBody.findings[0] as Finding), "size-differs oci-layout in ARCHIVE");
  });

  test("bytes-after-end: whatever is not zero; zeros that fill a record are none", async (t) => {
    const bytes = foreign(blobs, [image]);
    const behind = (more: Uint8Array) => Buffer.concat([bytes, more]);
    await finds(t, behind(new Uint8Array(10_240)), []);
    await finds(t, behind(ascii("x")), ["bytes-after-end ARCHIVE"]);
    const far = new Uint8Array(100_000);
    far[99_999] = 1;
    await finds(t, behind(far), ["bytes-after-end ARCHIVE"]);
    await finds(t, behind(bytes), ["bytes-after-end ARCHIVE"]);
    await finds(t, behind(new Uint8Array(17 * 1024 * 1024)), ["bytes-after-end ARCHIVE"]);
  });

  test("unsafe-member: links, devices, names that lead out", async (t) => {
    const members = layoutMembers(blobs, [image]);
    for (const odd of [
      { name: "../x" },
      { name: "/etc/passwd" },
      { name: "blobs/../../x" },
      { name: "blobs//sha256" },
      { name: "a\\b" },
      { name: "a\nb" },
      { name: "" },
    ]) {
      await finds(t, rawTar([...members, odd]), [`unsafe-member ${JSON.stringify(odd.name)}`]);
    }
    for (const type of ["1", "2", "3", "4", "6", "S", "M", "V", "D", "Z"]) {
      const odd = { name: `blobs/sha256/${"0".repeat(64)}`, type, linkname: "/etc/passwd" };
      await finds(t, rawTar([...members, odd]), [`unsafe-member ${odd.name}`]);
    }
  });

  test("unexpected-member: a file that no layout has; a folder is a note", async (t) => {
    const members = layoutMembers(blobs, [image]);
    const odd = [
      { name: "README", body: ascii("x") },
      { name: "blobs/sha512/", type: "5" },
    ];
    await finds(t, rawTar([...members, ...odd]), [
      "unexpected-member README (note)",
      "unexpected-member blobs/sha512 (note)",
    ]);
    const folders = ["./", "blobs/", "./blobs/sha256/"].map((folder) => ({
      name: folder,
      type: "5",
    }));
    await finds(t, rawTar([...folders, ...members]), []);
  });

  test("docker-differs: a manifest.json that points elsewhere", async (t) => {
    const docker = (content: unknown) =>
      foreign(
        tool.blobs,
        [named(tool.descriptor, tool.reference)],
        [{ name: "manifest.json", body: ascii(JSON.stringify(content)) }],
      );
    const { config, layers } = JSON.parse(
      Buffer.from(tool.blobs.get(tool.descriptor.digest) ?? "").toString(),
    ) as { config: Descriptor; layers: Descriptor[] };
    const [Config, Layers] = [blobName(config), layers.map(blobName)];
    await finds(t, docker([{ Config, Layers, RepoTags: [tool.reference] }]), []);
    await finds(t, docker([{ Config, Layers, RepoTags: null }]), []);
    await finds(t, docker([]), []);
    for (const element of [
      { Config, Layers: [] },
      { Config, Layers: [...Layers, ...Layers] },
      { Config: Layers[0], Layers },
      { Config: "../../etc/passwd", Layers },
      { Config, Layers: ["layer.tar"] },
    ]) {
      await finds(t, docker([{ Config, Layers }, element]), ["docker-differs manifest.json"]);
    }
    for (const content of [{}, [{}], [{ Config: 1, Layers }]]) {
      await finds(t, docker(content), ["malformed manifest.json"]);
    }
  });

  test("nothing: an index that names no image", async (t) => {
    await finds(t, foreign(new Blobs(), []), ["nothing index.json"]);
  });

  test("no yes in an archive without members", async (t) => {
    const found = await report(t, new Uint8Array(10_240));
    assert.deepEqual(found.findings.map(brief), [
      "member-missing oci-layout",
      "member-missing index.json",
    ]);
    const none = await report(t, new Uint8Array(0));
    assert.equal(brief(none.findings[0] as Finding), "cut ARCHIVE");
  });

  test("no more than a thousand of them, and says so", async (t) => {
    const members = Array.from({ length: 3000 }, (_, i) => ({ name: `pipe-${i}`, type: "6" }));
    const { findings } = await report(t, rawTar([...members, ...layoutMembers(blobs, [image])]));
    assert.equal(findings.length, 1001);
    assert.equal(brief(findings.at(-1) as Finding), "malformed ARCHIVE");
  });

  test("no more than a thousand notes, which are no reason for a no and hide none", async (t) => {
    const files = Array.from({ length: 3000 }, (_, i) => ({ name: `file-${i}` }));
    const more = new Blobs(blobs);
    for (let i = 0; i < 3000; i++) more.add(types.layer, ascii(`orphan ${i}`));
    for (const members of [
      [...files, ...layoutMembers(blobs, [image])],
      layoutMembers(more, [image]),
    ]) {
      const fine = await report(t, rawTar(members));
      assert.equal(fine.findings.length, 1001);
      assert.match(brief(fine.findings.at(-1) as Finding), / ARCHIVE \(note\)$/);
      assert.ok(isVerified(fine));
      const lacking = members.filter(({ name }) => name !== blobName(program));
      const found = await report(t, rawTar(lacking));
      assert.deepEqual(found.findings.filter(({ level }) => level === "finding").map(brief), [
        `blob-missing ${program.digest}`,
      ]);
      assert.ok(!isVerified(found));
    }
  });
});

describe("verify takes", () => {
  const { blobs, config, program, manifest } = lone();

  test("indexes in indexes", async (t) => {
    const more = new Blobs(blobs);
    const placed = { ...manifest, ...linux("amd64") };
    const inner = more.index([placed]);
    const root = more.index([more.index([inner, placed]), inner]);
    const found = await finds(t, foreign(more, [named(root, name)]), []);
    assert.equal(found.blobs, 6);
  });

  test("a gadget without a platform, with a note", async (t) => {
    const more = new Blobs(blobs);
    const note = `platform-absent ${manifest.digest} (note)`;
    await finds(t, foreign(more, [named(more.index([manifest]), name)]), [note]);
  });

  test("one manifest for two architectures", async (t) => {
    const more = new Blobs(blobs);
    const twice = ["amd64", "arm64"].map((architecture) => ({
      ...manifest,
      ...linux(architecture),
    }));
    await finds(t, foreign(more, [named(more.index(twice), name)]), []);
  });

  test("media types that nobody knows, as leaves", async (t) => {
    const more = new Blobs(blobs);
    const odd = more.add("application/vnd.example+json", { manifests: "none" });
    const root = more.index([{ ...manifest, ...linux("amd64") }, odd]);
    const artifact = more.manifest({ ...config, mediaType: "application/x.y" }, [odd, program]);
    await finds(t, foreign(more, [named(root, name), named(artifact, `${name}2`)]), []);
  });

  test("images without a name", async (t) => {
    const found = await finds(t, foreign(blobs, [manifest]), []);
    assert.deepEqual(found.images, [{ reference: "", digest: manifest.digest }]);
  });

  test("one image under two names, and twice under one", async (t) => {
    const names = [name, `${name}2`, name].map((one) => named(manifest, one));
    const found = await finds(t, foreign(blobs, names), []);
    assert.equal(found.images.length, 3);
  });

  test("a subject that is elsewhere", async (t) => {
    const more = new Blobs(without(blobs, manifest));
    const subject = { mediaType: types.manifest, digest: sha256(ascii("elsewhere")), size: 9 };
    const content = { schemaVersion: 2, config, layers: [program], subject };
    const root = more.add(types.manifest, content);
    await finds(t, foreign(more, [named(root, name)]), []);
  });

  test("JSON with white space before it", async (t) => {
    const more = new Blobs(without(blobs, manifest));
    const content = JSON.stringify({ schemaVersion: 2, config, layers: [program] }, null, 2);
    const root = more.add(types.manifest, ascii(`\n${" ".repeat(3000)}${content}\n`));
    await finds(t, foreign(more, [named(root, name)]), []);
  });
});

describe("not-canonical names the first member, and in it the field, that differs", () => {
  const says = async (t: TestContext, bytes: Uint8Array, at: string, message: RegExp) => {
    const found = await report(t, bytes, true);
    const expected: FindingCode = "not-canonical";
    const findings = found.findings.filter(({ level }) => level === "finding");
    assert.deepEqual(findings.map(brief), [`${expected} ${at}`]);
    assert.match(findings[0]?.message ?? "", message);
    assert.deepEqual([found.canonical, isVerified(found)], [false, false]);
  };

  test("where nothing differs, it is canonical", async (t) => {
    for (const images of [[trace], [tool], [trace, tool]]) {
      const found = await report(t, await canonical(images), true);
      assert.deepEqual([found.findings, found.canonical], [[], true]);
    }
  });

  const fields: readonly (readonly [field: string, at: number, put: string])[] = [
    ["name", 99, "x"],
    ["mode", 100, "000755"],
    ["uid", 108, "001750"],
    ["gid", 116, "001750"],
    ["size", 135, "\0"],
    ["mtime", 136, "00000000001"],
    ["typeflag", 156, "\0"],
    ["linkname", 157, "x"],
    ["version", 263, "\0\0"],
    ["uname", 265, "root"],
    ["gname", 297, "root"],
    ["devmajor", 329, "0000000\0"],
    ["devminor", 337, "0000000\0"],
    ["unused bytes", 511, "x"],
  ];
  for (const [field, at, put] of fields) {
    test(`the header field ${field}`, async (t) => {
      const bytes = Buffer.from(await canonical([trace]));
      const place = places(bytes)[3];
      assert.ok(place !== undefined);
      bytes.set(ascii(put), place.start + at);
      const block = bytes.subarray(place.start, place.start + 512);
      resum(block);
      await says(t, bytes, place.name, new RegExp(`the header field ${field} `));
    });
  }

  test("the header field magic", async (t) => {
    const bytes = Buffer.from(await canonical([trace]));
    const [, , place] = places(bytes);
    assert.ok(place !== undefined);
    const block = bytes.subarray(place.start, place.start + 512);
    block.set(ascii("ustar  \0"), 257);
    resum(block);
    await says(t, bytes, place.name, /the header field magic /);
  });

  test("the header field prefix", async (t) => {
    const bytes = Buffer.from(await canonical([trace]));
    const [, , place] = places(bytes);
    assert.ok(place !== undefined);
    const block = bytes.subarray(place.start, place.start + 512);
    block.fill(0, 0, 100);
    block.set(ascii(place.name.slice("blobs/".length)), 0);
    block.set(ascii("blobs"), 345);
    resum(block);
    await says(t, bytes, place.name, /the header field (?:name|prefix) /);
  });

  test("the header field checksum", async (t) => {
    const bytes = Buffer.from(await canonical([trace]));
    const [, , place] = places(bytes);
    assert.ok(place !== undefined);
    const block = bytes.subarray(place.start, place.start + 512);
    const end = block[154] === 0 ? " \0" : "\0 ";
    block.set(ascii(end), 154);
    await says(t, bytes, place.name, /the header field checksum /);
  });

  test("an extended header", async (t) => {
    const bytes = Buffer.from(await canonical([trace]));
    const [place] = places(bytes);
    const extended = Buffer.concat([rawMember(rawPax({ comment: "x" })), bytes]);
    await says(t, extended, place?.name ?? "", /extended header/);
  });

  test("order", async (t) => {
    const bytes = Buffer.from(await canonical([trace]));
    const [one, two] = places(bytes);
    assert.ok(one !== undefined && two !== undefined);
    const swapped = Buffer.concat([
      bytes.subarray(two.start, two.end),
      bytes.subarray(one.start, one.end),
      bytes.subarray(two.end),
    ]);
    await says(t, swapped, two.name, new RegExp(`stands where export writes ${one.name}`));
  });

  test("index.json", async (t) => {
    const bytes = await canonical([trace]);
    const members = places(bytes);
    const index = members.find(({ name }) => name === "index.json");
    assert.ok(index !== undefined);
    const body = Buffer.from(bytes.subarray(index.start + 512, index.start + 512 + index.size));
    const header = Buffer.from(bytes.subarray(index.start, index.start + 512));
    const changed = Buffer.concat([body, ascii("\n")]);
    header.set(ascii(changed.length.toString(8).padStart(11, "0")), 124);
    resum(header);
    const whole = Buffer.concat([
      bytes.subarray(0, index.start),
      header,
      changed,
      new Uint8Array((512 - (changed.length % 512)) % 512),
      bytes.subarray(index.end),
    ]);
    await says(t, whole, "index.json", new RegExp(`from byte ${body.length} on`));
  });

  test("a surplus folder, a member that is not there, zeros behind the end", async (t) => {
    const bytes = Buffer.from(await canonical([tool]));
    const folder = Buffer.concat([
      bytes.subarray(0, -1024),
      rawMember({ name: "blobs/", type: "5" }),
      new Uint8Array(1024),
    ]);
    await says(t, folder, "blobs/", /a member that export does not write/);
    const docker = places(bytes).find(({ name }) => name === "manifest.json");
    assert.ok(docker !== undefined);
    const dropped = Buffer.concat([bytes.subarray(0, docker.start), bytes.subarray(docker.end)]);
    await says(t, dropped, "oci-layout", /stands where export writes manifest.json/);
    const filled = Buffer.concat([bytes, new Uint8Array(512)]);
    await says(t, filled, "the end", /512 zero bytes follow/);
  });

  test("an image without a name, and a name that export never writes", async (t) => {
    const { blobs, manifest } = lone();
    await says(t, foreign(blobs, [manifest]), "index.json", /has no name/);
    const whole = Buffer.from(await canonical([{ reference: name, descriptor: manifest, blobs }]));
    const at = whole.indexOf(name);
    for (const odd of ["ghcr.io/example/image!v1", "Ghcr.io/example/image/v1"]) {
      const bytes = Buffer.from(whole);
      bytes.set(ascii(odd), at);
      await says(t, bytes, "index.json", /is not a complete name/);
    }
  });

  test("is said unasked where every header is export's own", async (t) => {
    const bytes = Buffer.from(await canonical([trace]));
    const found = await finds(t, Buffer.concat([bytes, new Uint8Array(512)]), [
      "not-canonical the end",
    ]);
    assert.equal(found.canonical, undefined);
  });
});

/** Sets a header's checksum right, spelled as it was. */
function resum(block: Uint8Array): void {
  const end = Buffer.from(block.subarray(154, 156));
  rechecked(block);
  block.set(end, 154);
}
