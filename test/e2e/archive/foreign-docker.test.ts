/** Archives of `docker save` and of those who write like it. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { isVerified } from "../../../src/image/findings.ts";
import { openSources } from "../../../src/source/source.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive, verifyLayout } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  ascii,
  pieces,
  type RawMember,
  rawTar,
  seeded,
  sha256,
} from "../../support/images/archive.ts";
import {
  configOf,
  dockerArchive,
  dockerMembers,
  fixture,
  hex,
  json,
  layer,
  layerName,
} from "../../support/images/docker-archive.ts";
import { say } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";

const plain = { canonical: false };
const BOX = "docker.io/library/box:v1";

/** The bytes from a file, from a stream, and from a compressed one. */
function sources(t: TestContext, bytes: Uint8Array) {
  const path = join(tempDir(t), "a.tar");
  writeFileSync(path, bytes);
  const packed = gzipSync(bytes);
  return [{ path }, { bytes: pieces(bytes), at: path }, { bytes: pieces(packed), at: path }];
}

/** The names and digests, and what is not so: the same from everywhere. */
async function judged(t: TestContext, bytes: Uint8Array) {
  const reports = [];
  for (const source of sources(t, bytes)) {
    const { findings, images, blobs, bytes } = await verifyArchive(source, plain, alone());
    const brief = findings.map(({ code, at, level }) => `${level} ${code} ${at}`).sort();
    reports.push({ brief, images, blobs, bytes });
  }
  const [first, ...others] = reports;
  for (const other of others) {
    assert.deepEqual(other.brief, first!.brief);
    if (first!.brief.length === 0) assert.deepEqual(other, first);
  }
  return first!;
}

/** Imports from everywhere, into the same store; what came in. */
async function taken(t: TestContext, bytes: Uint8Array) {
  const answers = [];
  for (const source of sources(t, bytes)) {
    const store = new FolderStore(join(tempDir(t), "store"));
    const { images, added } = await importArchive(source, store, alone());
    assert.deepEqual((await verifyLayout(store.at, alone(), { layers: true })).findings, []);
    answers.push({
      store,
      added,
      images: images.map((one) => [one.reference, one.descriptor.digest]),
    });
  }
  const [first, ...others] = answers;
  for (const { images, added } of others)
    assert.deepEqual([images, added], [first!.images, first!.added]);
  return first!;
}

const TINY1 = "sha256:5a41f101fdfda233fb3799eba9866ad6f43488ff92321390df76477d1e8ae55a";
const TINY2 = "sha256:c39011e745bc3c0620e6d411a2e03af00d1475d2fdf3349951a171f9e6701881";
const V1 = "docker.io/library/tiny:v1";
const V2 = "docker.io/library/tiny:v2";
const ME = "ghcr.io/me/tiny:v1";

describe("of the same image, every tool's archive in Docker's form", () => {
  // The manifest that Docker 29 writes itself is the one that the rule gives to those who have none.
  const cases: Readonly<Record<string, readonly (readonly [name: string, digest: string])[]>> = {
    "docker-20.tar": [
      [V1, TINY1],
      [ME, TINY1],
      [V2, TINY2],
    ],
    "docker-29.tar": [
      [V1, TINY1],
      [ME, TINY1],
      [V2, TINY2],
    ],
    "podman-docker.tar": [[ME, TINY1]],
    "podman-multi.tar": [
      [ME, TINY1],
      ["localhost/tiny:v1", TINY1],
      ["localhost/tiny:v2", TINY2],
    ],
  };
  for (const [file, expected] of Object.entries(cases)) {
    test(`${file}: is proven, and gives the same digests`, async (t) => {
      const bytes = readFileSync(fixture(file));
      const { brief, images } = await judged(t, bytes);
      assert.deepEqual(
        brief.filter((line) => !line.startsWith("note unreachable blobs/")),
        [],
      );
      assert.deepEqual(
        images.map(({ reference, digest }) => [reference, digest]),
        expected,
      );
      const { images: came, store } = await taken(t, bytes);
      assert.deepEqual(came, expected);
      const config = "sha256:f66ef783150cb4bef441adb826bcdbf2271126cee10d3a60ae79ab9e8b929160";
      assert.equal(sha256(readFileSync(store.blobFile(config))), config);
    });
  }

  test("exports as the same archive, from the file and from the store", async (t) => {
    const dir = tempDir(t);
    const hashes = new Set<string>();
    for (const [i, file] of Object.keys(cases).entries()) {
      const out = join(dir, `${i}.tar`);
      const text = `docker-archive:${fixture(file)}:${ME}`;
      if (file !== "podman-multi.tar")
        assert.match((await say(["inspect", text])).out, /container/);
      assert.equal((await say(["export", text, "-o", out])).code, 0);
      hashes.add(hex(readFileSync(out)));
      const store = join(dir, `store-${i}`);
      assert.equal((await say(["import", fixture(file), "--store", store])).code, 0);
      assert.equal((await say(["export", ME, "-o", out, "--store", store])).code, 0);
      hashes.add(hex(readFileSync(out)));
      assert.equal((await say(["verify", "--canonical", "--layers", out])).code, 0);
    }
    assert.equal(hashes.size, 1);
  });
});

test("Docker's manifests in a layout of containerd's stay as they are", async (t) => {
  const { images } = await taken(t, readFileSync(fixture("ctr.tar")));
  assert.deepEqual(images, [
    [ME, "sha256:00fa5a0d5d87fde541fe56a6fd412f12830b82526b4091dd7e79c06833be6761"],
    [V2, "sha256:9f3acb62c5b0c4cb94acfca78101469ee514e8e9638f043223bea6761fc607ac"],
  ]);
});

describe("of an archive made by hand", () => {
  const one = layer("one\n");
  const two = layer("two\n");
  const manifestOf = (layers: readonly (readonly [type: string, bytes: Uint8Array])[]) => {
    const config = configOf([one, two].slice(0, layers.length).map((bytes) => sha256(bytes)));
    const oci = "application/vnd.oci.image";
    const list = layers.map(
      ([type, bytes]) =>
        `{"mediaType":"${oci}.layer.v1.tar${type}","digest":"${sha256(bytes)}","size":${bytes.length}}`,
    );
    return sha256(
      ascii(
        `{"schemaVersion":2,"mediaType":"${oci}.manifest.v1+json","config":{"mediaType":"${oci}.config.v1+json","digest":"${sha256(config)}","size":${config.length}},"layers":[${list.join(",")}]}`,
      ),
    );
  };

  test("the manifest is made by the rule, to the byte", async (t) => {
    const { images, added } = await taken(t, dockerArchive({ layers: [one, two] }));
    const expected = manifestOf([
      ["", one],
      ["", two],
    ]);
    assert.deepEqual([images, added], [[[BOX, expected]], 4]);
  });

  test("compressed layers stay so, under the type that their bytes say", async (t) => {
    const layers = [gzipSync(one), zstdCompressSync(two)];
    const parts = { layers, diffIDs: [sha256(one), sha256(two)] };
    assert.deepEqual((await judged(t, dockerArchive(parts))).brief, []);
    const { images } = await taken(t, dockerArchive(parts));
    const expected = manifestOf([
      ["+gzip", layers[0]!],
      ["+zstd", layers[1]!],
    ]);
    assert.deepEqual(images, [[BOX, expected]]);
  });

  test("equal layers as links, hard and symbolic, before and after the one they mean", async (t) => {
    const link = (type: string, linkname: string) => (name: string) => [{ name, type, linkname }];
    const [first, , third] = [layerName(0), layerName(1), layerName(2)];
    const ways: ((i: number, name: string) => readonly RawMember[])[] = [
      (i, name) =>
        i === 2 ? link("2", `../${first}`)(name) : [{ name, body: [one, two, one][i]! }],
      (i, name) => (i === 2 ? link("1", first)(name) : [{ name, body: [one, two, one][i]! }]),
      (i, name) =>
        i === 0 ? link("2", `../${third}`)(name) : [{ name, body: [one, two, one][i]! }],
      (i, name) => [{ name, body: [one, two, one][i]! }],
    ];
    const answers = new Set<string>();
    for (const member of ways) {
      const bytes = dockerArchive({ layers: [one, two, one], member });
      assert.deepEqual((await judged(t, bytes)).brief, []);
      answers.add(JSON.stringify((await taken(t, bytes)).images));
    }
    assert.equal(answers.size, 1);
  });

  test("as other tools spell it: config.json, layers at the root, blobs without an index", async (t) => {
    const config = configOf([sha256(one)]);
    const spelled = [
      { config: "config.json", at: "layer.tar", body: one },
      { config: `sha256:${hex(config)}`, at: `${hex(gzipSync(one))}.tar.gz`, body: gzipSync(one) },
      { config: `blobs/sha256/${hex(config)}`, at: `blobs/sha256/${hex(one)}`, body: one },
    ];
    for (const { config: name, at, body } of spelled) {
      const list = [{ Config: name, RepoTags: ["box:v1"], Layers: [at] }];
      const bytes = rawTar([
        { name: "manifest.json", body: json(list) },
        { name, body: config },
        { name: at, body },
      ]);
      assert.deepEqual((await judged(t, bytes)).brief, [], name);
      assert.equal((await taken(t, bytes)).images[0]![0], BOX);
    }
  });

  test("importing twice adds nothing, and mends what was damaged", async (t) => {
    const bytes = dockerArchive({ layers: [one, two] });
    const { store } = await taken(t, bytes);
    for (const source of sources(t, bytes))
      assert.equal((await importArchive(source, store, alone())).added, 0);
    for (const source of sources(t, bytes)) {
      writeFileSync(store.blobFile(sha256(one)), Buffer.alloc(one.length));
      assert.equal((await importArchive(source, store, alone())).added, 1);
      assert.equal(sha256(readFileSync(store.blobFile(sha256(one)))), sha256(one));
    }
  });
});

describe("what is not so is found, and nothing is taken", () => {
  const one = layer("one\n");
  const two = layer("two\n");
  const L0 = layerName(0);
  const L1 = layerName(1);
  const link = (from: string, to: string, type = "2"): RawMember => ({
    name: from,
    type,
    linkname: to,
  });
  const only =
    (...members: RawMember[]) =>
    () =>
      members;
  const loop = (i: number, name: string) => [link(name, `../${i === 0 ? L1 : L0}`)];
  const zeros = "0".repeat(64);
  const cases: Readonly<Record<string, readonly [bytes: Uint8Array, ...findings: string[]]>> = {
    "a layer that is not its diffID": [
      dockerArchive({ layers: [one], diffIDs: [sha256(two)] }),
      `finding diff-id-differs ${L0}`,
    ],
    "a compressed layer that is not its diffID": [
      dockerArchive({ layers: [gzipSync(one)], diffIDs: [sha256(two)] }),
      `finding diff-id-differs ${L0}`,
    ],
    "a compressed layer that is damaged": [
      dockerArchive({ layers: [gzipSync(one).subarray(0, -9)], diffIDs: [sha256(one)] }),
      `finding malformed ${L0}`,
    ],
    "one of two files that are claimed to be the same layer": [
      dockerArchive({ layers: [one, two], diffIDs: [sha256(one), sha256(one)] }),
      `finding diff-id-differs ${L1}`,
    ],
    "a layer that is not there": [
      dockerArchive({ layers: [one], member: only() }),
      `finding member-missing ${L0}`,
    ],
    "a config that is not there": [
      dockerArchive({ layers: [one], element: { Config: "x.json" } }),
      "finding member-missing x.json",
      `note unexpected-member ${hex(configOf([sha256(one)]))}.json`,
    ],
    "a config that is not what it is named": [
      dockerArchive({
        layers: [one],
        element: { Config: `${zeros}.json` },
        more: [{ name: `${zeros}.json`, body: configOf([sha256(one)]) }],
      }),
      `finding digest-differs ${zeros}.json`,
      `note unexpected-member ${hex(configOf([sha256(one)]))}.json`,
    ],
    "a config of other layers": [
      dockerArchive({ layers: [one, two], diffIDs: [sha256(one)] }),
      `finding config-differs ${hex(configOf([sha256(one)]))}.json`,
    ],
    "a diffID of another algorithm": [
      dockerArchive({ layers: [one], diffIDs: [`sha512:${zeros}`] }),
      `finding malformed ${L0}`,
    ],
    "a config without a file system": [
      dockerArchive({
        layers: [one],
        element: { Config: "c.json" },
        more: [{ name: "c.json", body: ascii('{"architecture":"amd64","os":"linux"}') }],
      }),
      "finding malformed c.json",
      `note unexpected-member ${hex(configOf([sha256(one)]))}.json`,
    ],
    "a config of 5 MiB": [
      dockerArchive({
        layers: [one],
        element: { Config: "c.json" },
        more: [{ name: "c.json", body: Buffer.alloc(5 << 20, "{") }],
      }),
      "finding malformed c.json",
      `note unexpected-member ${hex(configOf([sha256(one)]))}.json`,
    ],
    "links that lead in a circle": [
      dockerArchive({ layers: [one, two], member: loop }),
      `finding member-missing ${L0}`,
      `finding member-missing ${L1}`,
      `finding unsafe-member ${L0}`,
      `finding unsafe-member ${L1}`,
    ],
    "a link to itself": [
      dockerArchive({ layers: [one], member: (_, name) => [link(name, "layer.tar")] }),
      `finding member-missing ${L0}`,
      `finding unsafe-member ${L0}`,
    ],
    "a link out of the archive": [
      dockerArchive({ layers: [one], more: [link("x/layer.tar", "../../etc/layer.tar")] }),
      "finding unsafe-member x/layer.tar",
    ],
    "an absolute link": [
      dockerArchive({ layers: [one], more: [link("x/layer.tar", "/etc/layer.tar")] }),
      "finding unsafe-member x/layer.tar",
    ],
    "a hard link out of the archive": [
      dockerArchive({ layers: [one], more: [link("x/layer.tar", "../layer.tar", "1")] }),
      "finding unsafe-member x/layer.tar",
    ],
    "a link that is no layer's": [
      dockerArchive({ layers: [one], more: [link("x", L0)] }),
      "finding unsafe-member x",
    ],
    "a link to nothing": [
      dockerArchive({ layers: [one], more: [link("x/layer.tar", "../y/layer.tar")] }),
      "finding unsafe-member x/layer.tar",
    ],
    "a member out of the archive": [
      dockerArchive({ layers: [one], more: [{ name: "../x.tar", body: one }] }),
      'finding unsafe-member "../x.tar"',
    ],
    "a path out of the archive": [
      dockerArchive({ layers: [one], element: { Layers: ["../../layer.tar"] } }),
      "finding member-missing ../../layer.tar",
      `note unexpected-member ${L0}`,
    ],
    "a device": [
      dockerArchive({ layers: [one], more: [{ name: "x/layer.tar", type: "3" }] }),
      "finding unsafe-member x/layer.tar",
    ],
    "a layer twice": [
      dockerArchive({ layers: [one], more: [{ name: L0, body: two }] }),
      `finding duplicate-member ${L0}`,
    ],
    "a link and a file of one name": [
      dockerArchive({ layers: [one], more: [link(L0, "../x/layer.tar")] }),
      `finding duplicate-member ${L0}`,
    ],
    "a name for two images": [
      rawTar([
        ...dockerMembers({ layers: [one] }).filter(({ name }) => name !== "manifest.json"),
        { name: "1/layer.tar", body: two },
        { name: "two.json", body: configOf([sha256(two)]) },
        {
          name: "manifest.json",
          body: json([
            { Config: `${hex(configOf([sha256(one)]))}.json`, RepoTags: ["box"], Layers: [L0] },
            { Config: "two.json", RepoTags: ["box:latest"], Layers: ["1/layer.tar"] },
          ]),
        },
      ]),
      "finding duplicate-name docker.io/library/box:latest",
    ],
    "a name that is none": [
      dockerArchive({ layers: [one], tags: ["Box:v1"] }),
      'finding malformed "Box:v1"',
    ],
    "a list of another shape": [
      rawTar([{ name: "manifest.json", body: json([{ Config: 1 }]) }]),
      "finding malformed manifest.json",
    ],
    "an empty list": [
      rawTar([{ name: "manifest.json", body: json([]) }]),
      "finding nothing manifest.json",
    ],
  };
  for (const [what, [bytes, ...expected]] of Object.entries(cases)) {
    test(what, async (t) => {
      const path = join(tempDir(t), "a.tar");
      writeFileSync(path, bytes);
      const found = [];
      for (const source of sources(t, bytes)) {
        const { findings } = await verifyArchive(source, plain, alone());
        found.push(findings.map(({ code, at, level }) => `${level} ${code} ${at}`).sort());
      }
      for (const brief of found) assert.deepEqual(brief, [...expected].sort());
      for (const source of sources(t, bytes)) {
        const store = new FolderStore(join(tempDir(t), "store"));
        await assert.rejects(importArchive(source, store, alone()), /unproven|digest-differs/);
        assert.deepEqual(store.images(), []);
      }
    });
  }

  test("a list of 9 MiB", async (t) => {
    const bytes = rawTar([{ name: "manifest.json", body: Buffer.alloc(9 << 20, " ") }]);
    for (const source of sources(t, bytes)) {
      const { findings } = await verifyArchive(source, plain, alone());
      assert.ok(
        findings.some(({ at, message }) => at === "manifest.json" && /9437184/.test(message)),
      );
    }
  });

  test("64 MiB of JSON in a stream: what is over is not kept", async () => {
    const big = { body: Buffer.concat([ascii("{"), Buffer.alloc((4 << 20) - 1, " ")]) };
    const more = Array.from({ length: 18 }, (_, i) => ({ name: `${i}.json`, ...big }));
    const bytes = dockerArchive({ layers: [one], more });
    const { findings } = await verifyArchive(
      { bytes: pieces(bytes, 1 << 16), at: "x" },
      plain,
      alone(),
    );
    assert.equal(findings.filter(({ code }) => code === "unexpected-member").length, 18);
  });

  test("as a source of export: every finding, and no file", async (t) => {
    const path = join(tempDir(t), "a.tar");
    const [bytes] = cases["links that lead in a circle"]!;
    writeFileSync(path, bytes);
    const { findings } = await faultOf("unproven", () => openSources(path, () => assert.fail()));
    assert.equal(findings.length, 4);
    writeFileSync(path, dockerArchive({ layers: [one], diffIDs: [sha256(two)] }));
    const out = join(path, "../out.tar");
    const { code, err } = await say(["export", path, "-o", out]);
    assert.deepEqual([code, /should be sha256:/.test(err)], [2, true], err);
  });
});

describe("a layer is read, whatever its file is called", () => {
  const one = layer("one\n");
  const two = layer("two\n");
  const digests = (...all: readonly Uint8Array[]) => all.map(sha256);
  const archive = (at: string, body: Uint8Array, diffIDs: readonly string[], isBlob = false) => {
    const config = configOf(diffIDs);
    const name = isBlob ? `blobs/sha256/${hex(config)}` : `${hex(config)}.json`;
    return rawTar([
      { name, body: config },
      { name: at, body },
      {
        name: "manifest.json",
        body: json([{ Config: name, RepoTags: ["box:v1"], Layers: [at] }]),
      },
    ]);
  };
  /** Without the blobs of an image that is none. */
  const briefOf = async (source: Parameters<typeof verifyArchive>[0], layers: boolean) => {
    const { findings } = await verifyArchive(source, { canonical: false, layers }, alone());
    return findings
      .filter(({ code }) => code !== "unreachable")
      .map(({ code, at, level }) => `${level} ${code} ${at}`);
  };
  const isRefused = async (t: TestContext, bytes: Uint8Array) => {
    for (const source of sources(t, bytes)) {
      const store = new FolderStore(join(tempDir(t), "store"));
      await assert.rejects(importArchive(source, store, alone()), /unproven|digest-differs/);
      assert.deepEqual(store.images(), []);
    }
  };

  for (const name of ["a/json", "a/VERSION", "json", "repositories"])
    for (const [how, body] of [
      ["plain", one],
      ["gzip", gzipSync(one)],
    ] as const)
      test(`${name}, ${how}: a no where it is another one, a yes where it is not`, async (t) => {
        const wrong = archive(name, body, digests(two));
        assert.deepEqual((await judged(t, wrong)).brief, [`finding diff-id-differs ${name}`]);
        await isRefused(t, wrong);
        const right = archive(name, body, digests(one));
        assert.deepEqual((await judged(t, right)).brief, []);
        assert.equal((await taken(t, right)).images[0]![0], BOX);
      });

  for (const [how, packed] of [
    ["gzip", gzipSync(one)],
    ["zstd", zstdCompressSync(one)],
  ] as const)
    test(`a blob with ${how}: its diffID is proven, and nobody says yes who did not look`, async (t) => {
      const at = `blobs/sha256/${hex(packed)}`;
      for (const [bytes, expected] of [
        [archive(at, packed, digests(two), true), [`finding diff-id-differs ${at}`]],
        [archive(at, packed, digests(one), true), []],
      ] as const) {
        for (const source of sources(t, bytes))
          assert.deepEqual(await briefOf(source, true), expected);
        const [file, ...streams] = sources(t, bytes);
        assert.deepEqual(await briefOf(file!, false), expected);
        for (const source of streams)
          await faultOf("unsupported", () => verifyArchive(source, plain, alone()));
        if (expected.length > 0) await isRefused(t, bytes);
        else assert.equal((await taken(t, bytes)).images[0]![0], BOX);
      }
    });

  test("a blob with gzip that is not its digest, or is cut: a no from everywhere", async (t) => {
    const packed = gzipSync(one);
    const at = `blobs/sha256/${hex(packed)}`;
    const swapped = archive(at, gzipSync(one, { level: 0 }), digests(one), true);
    for (const source of sources(t, swapped))
      assert.ok(
        (await briefOf(source, false)).includes(`finding digest-differs ${sha256(packed)}`),
      );
    await isRefused(t, swapped);
    const cut = packed.subarray(0, -9);
    const broken = archive(`blobs/sha256/${hex(cut)}`, cut, digests(one), true);
    for (const source of sources(t, broken))
      assert.deepEqual(await briefOf(source, true), [`finding malformed blobs/sha256/${hex(cut)}`]);
    await isRefused(t, broken);
  });
});

test("--canonical: an archive of Docker's form is not one", async (t) => {
  for (const source of sources(t, dockerArchive({ layers: [layer("one\n")] }))) {
    const { canonical, findings } = await verifyArchive(source, { canonical: true }, alone());
    assert.equal(canonical, false);
    assert.ok(findings.every(({ code }) => code === "not-canonical"));
  }
});

test("a bit that is changed: no other image passes, and a file is judged as a stream is", async (t) => {
  const whole = readFileSync(fixture("docker-20.tar"));
  const next = seeded(20);
  const path = join(tempDir(t), "a.tar");
  let passed = 0;
  for (let i = 0; i < 400; i++) {
    const bytes = Uint8Array.from(whole);
    bytes[next(bytes.length)]! ^= 1 << next(8);
    writeFileSync(path, bytes);
    const verdicts = [];
    for (const source of [{ path }, { bytes: pieces(bytes), at: path }]) {
      const report = await verifyArchive(source, plain, alone());
      const codes = report.findings.map(({ code, at }) => `${code} ${at}`).sort();
      if (isVerified(report))
        for (const { digest } of report.images) assert.ok([TINY1, TINY2].includes(digest));
      verdicts.push([isVerified(report), codes]);
      if (isVerified(report)) passed++;
    }
    assert.deepEqual(verdicts[1], verdicts[0]);
  }
  // What nothing protects: names, old configs, times and owners in headers.
  assert.ok(passed > 0);
});
