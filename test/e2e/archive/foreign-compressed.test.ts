/** Archives that are compressed, by their first bytes. */
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import { openSources } from "../../../src/source/source.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  canonical,
  container,
  gadget,
  noise,
  pieces,
  rawHeader,
} from "../../support/images/archive.ts";
import { ask, say } from "../../support/process/say.ts";
import { tempDir } from "../../support/process/temp.ts";

const whole = await canonical([
  gadget("ghcr.io/example/trace:v1", noise(600, 1)),
  container("docker.io/library/tool:v2", noise(9000, 2)),
]);
const packed = { gzip: gzipSync(whole), zstd: zstdCompressSync(whole) };
const forms = ["gzip", "zstd"] as const;

/** Bytes in a file and as a stream. */
function sources(t: TestContext, bytes: Uint8Array, name = "a.tar") {
  const path = join(tempDir(t), name);
  writeFileSync(path, bytes);
  return [
    { path },
    { bytes: pieces(bytes), at: "stream" },
    { bytes: pieces(bytes, 7), at: "slow" },
  ];
}

const exactly = { canonical: true };
const plain = { canonical: false };

for (const form of forms) {
  test(`verify of ${form}: yes, and that it is compressed; to the byte, no`, async (t) => {
    const {
      findings: _,
      at: __,
      ...expected
    } = await verifyArchive({ bytes: pieces(whole), at: "x" }, plain, alone());
    for (const source of sources(t, packed[form])) {
      const { findings, at, ...report } = await verifyArchive(source, plain, alone());
      assert.deepEqual(findings, []);
      assert.deepEqual(report, { ...expected, compression: form });
    }
    for (const source of sources(t, packed[form])) {
      const { findings, canonical: is, at } = await verifyArchive(source, exactly, alone());
      assert.equal(is, false);
      const message = `it is compressed with ${form}`;
      assert.deepEqual(findings, [{ code: "not-canonical", level: "finding", at, message }]);
    }
  });

  test(`import of ${form} takes the same blobs under the same names`, async (t) => {
    for (const source of sources(t, packed[form])) {
      const store = new FolderStore(join(tempDir(t), "store"));
      const { images, added } = await importArchive(source, store, alone());
      assert.deepEqual(
        images.map(({ reference }) => reference),
        ["docker.io/library/tool:v2", "ghcr.io/example/trace:v1"],
      );
      assert.equal(added, 9);
    }
  });

  test(`${form} that is damaged, cut, or followed by something, is a no and takes nothing`, async (t) => {
    const good = packed[form];
    const flipped = Uint8Array.from(good);
    flipped[good.length >> 1]! ^= 0x10;
    for (const bytes of [flipped, good.subarray(0, -3), Buffer.concat([good, Buffer.from("x")])]) {
      for (const source of sources(t, bytes)) {
        const { findings } = await verifyArchive(source, plain, alone());
        assert.ok(findings.some(({ level }) => level === "finding"));
      }
      for (const source of sources(t, bytes)) {
        const store = new FolderStore(join(tempDir(t), "store"));
        await faultOf("unproven", () => importArchive(source, store, alone()));
        assert.deepEqual(store.images(), []);
      }
    }
  });

  test(`${form} cannot be read here and there: import it first`, async (t) => {
    const [source] = sources(t, packed[form], "a.tar.x");
    const path = (source as { path: string }).path;
    const store = () => assert.fail("no store is asked for");
    for (const text of [path, `oci-archive:${path}:tool:v2`, `docker-archive:${path}`]) {
      const facts = await faultOf("unsupported", () => openSources(text, store));
      assert.equal(facts.found, `${form} compression`);
      assert.match(facts.hint ?? "", new RegExp(`^import it first .*${form} -dc FILE > FILE.tar$`));
    }
  });
}

test("other compressions are refused with the program that undoes them", async (t) => {
  for (const [magic, program] of [
    [[0x42, 0x5a, 0x68, 0x39, 0, 0, 0, 0], "bunzip2"],
    [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 0], "unxz"],
  ] as const) {
    for (const source of sources(t, Uint8Array.from(magic))) {
      const facts = await faultOf("unsupported", () => verifyArchive(source, plain, alone()));
      assert.match(facts.hint ?? "", new RegExp(program));
    }
    for (const source of sources(t, Uint8Array.from(magic))) {
      const store = new FolderStore(join(tempDir(t), "store"));
      await faultOf("unsupported", () => importArchive(source, store, alone()));
    }
  }
});

describe("of a bomb", () => {
  const MiB = 1024 * 1024;
  /** A header that says so, and zeros. */
  const bomb = (name: string, size: number, zeros: number) =>
    gzipSync(Buffer.concat([rawHeader({ name, size }), Buffer.alloc(zeros)]));

  test("a list of images of 1 GiB is refused before it is read", async (t) => {
    for (const source of sources(t, bomb("index.json", 1024 * MiB, 8 * MiB)).slice(0, 2)) {
      const { findings } = await verifyArchive(source, plain, alone());
      assert.match(findings[0]?.message ?? "", /1073741824 bytes, more than the 8388608/);
    }
  });

  test("zeros behind the end are not read for ever", async (t) => {
    const bytes = Buffer.concat([packed.gzip, gzipSync(Buffer.alloc(64 * MiB))]);
    for (const source of sources(t, bytes).slice(0, 2)) {
      const { findings } = await verifyArchive(source, plain, alone());
      assert.deepEqual(
        findings.map(({ code }) => code),
        ["bytes-after-end"],
      );
    }
  });

  test("of a file that no image needs, nothing stays", async (t) => {
    for (const source of sources(t, bomb("zeros", 64 * MiB, 64 * MiB)).slice(0, 2)) {
      const store = new FolderStore(join(tempDir(t), "store"));
      await faultOf("unproven", () => importArchive(source, store, alone()));
      assert.deepEqual(existsSync(join(store.at, "index.json")), false);
    }
  });
});

test("the commands: a compressed file by its name, and through a pipe", async (t) => {
  const dir = tempDir(t);
  const file = join(dir, "a.tar.zst");
  writeFileSync(file, packed.zstd);
  const verified = await ask(["verify", file, "-"], { input: packed.gzip });
  assert.equal(verified.code, 0);
  assert.deepEqual(
    verified.document.sources.map(({ compression }: { compression: string }) => compression),
    ["zstd", "gzip"],
  );
  assert.match((await say(["verify", file])).out, /^OK .*, zstd$/m);
  const no = await say(["verify", "--canonical", file]);
  assert.deepEqual([no.code, /^NOT OK .*, zstd, not canonical$/m.test(no.out)], [1, true]);
  const store = ["--store", join(dir, "store")];
  assert.equal((await say(["import", file, ...store])).code, 0);
  const out = join(dir, "out.tar");
  const names = ["docker.io/library/tool:v2", "ghcr.io/example/trace:v1"];
  assert.equal((await say(["export", ...names, "-o", out, ...store])).code, 0);
  assert.ok(readFileSync(out).equals(whole));
  const refused = await say(["export", file, "-o", out]);
  assert.equal(refused.code, 2);
  assert.match(refused.err, /found zstd compression.*\nhint: import it first/);
});
