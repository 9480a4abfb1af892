/** Archives in volumes, found and read (docs/volumes.md). */
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { checkCuts, verifyVolume } from "../../../src/archive/volumes/check.ts";
import { openVolumes } from "../../../src/archive/volumes/find.ts";
import { isVerified } from "../../../src/image/findings.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import { faultOf } from "../../support/fault.ts";
import {
  alone,
  Blobs,
  canonical,
  container,
  gadget,
  type Image,
  noise,
  sha256,
  types,
} from "../../support/images/archive.ts";
import { contentsOf, cutInto } from "../../support/images/volumes.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

const app = container("docker.io/library/app:v1", noise(9000, 1), ["amd64", "arm64"]);
const probe = gadget("ghcr.io/example/probe:v1", noise(5000, 2));
const images = [app, probe];

/** An archive of a container and a gadget in volumes of 8 KiB at most. */
async function stage(t: Ends, of: readonly Image[] = images, below = 8192) {
  const dir = tempDir(t);
  const archive = await canonical(of);
  const folder = join(dir, "stick");
  mkdirSync(folder);
  const { list, files } = cutInto(archive, { folder, below, images: of });
  assert.ok(files.length >= 3);
  return { dir, folder, archive, list, files };
}

/** The store that importing these files makes. */
async function imported(dir: string, paths: readonly string[], name: string) {
  const volumes = await openVolumes(paths, alone());
  assert.ok(volumes);
  const store = join(dir, name);
  const done = await importArchive({ volumes }, new FolderStore(store), alone());
  return { contents: contentsOf(store), done };
}

async function reference(dir: string, archive: Uint8Array): Promise<string[]> {
  const file = join(dir, "whole.archive");
  writeFileSync(file, archive);
  await importArchive({ path: file }, new FolderStore(join(dir, "whole")), alone());
  return contentsOf(join(dir, "whole"));
}

/** What verify says of the volumes: whether it is a yes, and what it finds. */
async function verified(...paths: readonly string[]) {
  const volumes = await openVolumes(paths, alone());
  assert.ok(volumes);
  const report = await verifyArchive({ volumes }, { canonical: true }, alone());
  return { ...report, isYes: isVerified(report) && report.canonical === true };
}

const flip = (path: string, at: number) => {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
};

const changed = (bytes: Uint8Array, at: number) => {
  const copy = bytes.slice();
  copy[at]! ^= 1;
  return copy;
};

describe("volumes give what their archive gives", () => {
  test(
    "in any order, by the list, by any one of them, with or without the list named",
    tidily(async (t) => {
      const { dir, archive, list, files } = await stage(t);
      const expected = await reference(dir, archive);
      const ways = [
        [list],
        files,
        [...files].reverse(),
        [files[1]!],
        [files.at(-1)!, list, files[0]!],
      ];
      for (const [i, paths] of [...ways, ...files.map((file) => [file])].entries())
        assert.deepEqual((await imported(dir, paths, `store-${i}`)).contents, expected);
      const report = await verified(list);
      assert.deepEqual([report.isYes, report.volumes?.count], [true, files.length]);
    }),
  );

  test(
    "from two folders, each with the list or one of them",
    tidily(async (t) => {
      const { dir, archive, folder, list, files } = await stage(t);
      const expected = await reference(dir, archive);
      const other = join(dir, "other");
      mkdirSync(other);
      const moved = files
        .filter((_, i) => i % 2 === 1)
        .map((file) => {
          renameSync(file, join(other, basename(file)));
          return join(other, basename(file));
        });
      assert.deepEqual((await imported(dir, [list, moved[0]!], "one")).contents, expected);
      assert.deepEqual((await imported(dir, [...moved, files[0]!], "two")).contents, expected);
      copyFileSync(list, join(other, basename(list)));
      assert.deepEqual((await imported(dir, [moved[0]!, files[0]!], "three")).contents, expected);
      const missing = await faultOf("volumes-missing", () => openVolumes([moved[0]!], alone()));
      assert.deepEqual(missing.folders, [other]);
      assert.equal(missing.missing.length, files.length - moved.length);
      assert.ok(existsSync(folder));
    }),
  );

  test(
    "renamed: told apart by size and digest",
    tidily(async (t) => {
      const { dir, archive, folder, list, files } = await stage(t);
      const expected = await reference(dir, archive);
      const named = files.map((file, i) => {
        const to = join(folder, `part ${files.length - i}`);
        renameSync(file, to);
        return to;
      });
      assert.deepEqual((await imported(dir, [list], "by list")).contents, expected);
      assert.deepEqual((await imported(dir, [...named, list], "all named")).contents, expected);
      assert.deepEqual((await imported(dir, named, "without the list")).contents, expected);
      const elsewhere = join(dir, "list.json");
      renameSync(list, elsewhere);
      assert.deepEqual(
        (await imported(dir, [elsewhere, named[1]!], "list, too")).contents,
        expected,
      );
      // Each has the name of the next one.
      for (const [i, path] of named.entries()) renameSync(path, files[(i + 1) % files.length]!);
      renameSync(elsewhere, list);
      const { findings, isYes } = await verified(list);
      assert.equal(isYes, false);
      assert.match(
        findings[1]!.message,
        /^volume 2 of \d+: its bytes are sha256:\w+, which is volume 1, not /,
      );
    }),
  );

  test(
    "two volumes that are the same, found by their digests",
    tidily(async (t) => {
      const image = container("docker.io/library/zeros:v1", new Uint8Array(40_000));
      const { dir, archive, list, files, folder } = await stage(t, [image], 4097);
      const expected = await reference(dir, archive);
      const named = files.map((file, i) => {
        renameSync(file, join(folder, `p${i}`));
        return join(folder, `p${i}`);
      });
      assert.deepEqual(
        (await imported(dir, [list, ...named.reverse()], "named")).contents,
        expected,
      );
      assert.deepEqual((await imported(dir, [list], "found")).contents, expected);
    }),
  );

  test(
    "any images, any size",
    tidily(async (t) => {
      const root = tempDir(t);
      let runs = 0;
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 0, max: 6000 }), { minLength: 1, maxLength: 3 }),
          fc.integer({ min: 513, max: 30_000 }),
          fc.boolean(),
          async (sizes, below, reverse) => {
            const dir = join(root, `${runs++}`);
            mkdirSync(dir);
            const of = sizes.map((size, i) =>
              (i % 2 === 0 ? container : gadget)(`docker.io/library/i${i}:v1`, noise(size, size)),
            );
            const archive = await canonical(of);
            const { list, files } = cutInto(archive, { folder: dir, below, images: of });
            const paths = reverse ? [...files].reverse() : [list];
            const { contents } = await imported(dir, paths, "store");
            assert.deepEqual(contents, await reference(dir, archive));
            assert.equal((await verified(list)).isYes, true);
          },
        ),
        { numRuns: 40 },
      );
      assert.ok(runs >= 40);
    }),
  );
});

describe("what is wrong with volumes", () => {
  test(
    "each one missing: every one is named, with where it was looked for",
    tidily(async (t) => {
      const { folder, list, files } = await stage(t);
      const count = files.length;
      for (const [i, file] of files.entries()) {
        renameSync(file, `${folder}-away`);
        const given = i === 0 ? files[1]! : files[0]!;
        for (const paths of [[list], [given]]) {
          const { at, missing, ...rest } = await faultOf("volumes-missing", () =>
            openVolumes(paths, alone()),
          );
          assert.deepEqual({ at, ...rest }, { at: list, count, folders: [folder] });
          assert.deepEqual(
            missing.map(({ file: name, number }) => [name, number]),
            [[basename(file), i + 1]],
          );
        }
        renameSync(`${folder}-away`, file);
      }
      for (const file of files.slice(1)) rmSync(file);
      const { missing } = await faultOf("volumes-missing", () => openVolumes([list], alone()));
      assert.deepEqual(
        missing.map(({ number }) => number),
        files.slice(1).map((_, i) => i + 2),
      );
    }),
  );

  test(
    "a flipped byte: the volume is named, and nothing gets into the store",
    tidily(async (t) => {
      const { dir, list, files } = await stage(t);
      const store = join(dir, "store");
      for (const [i, file] of files.entries()) {
        const { length } = readFileSync(file);
        for (const at of [0, Math.floor(length / 2), length - 1]) {
          flip(file, at);
          const { isYes, findings, images: _, ...report } = await verified(list);
          assert.equal(isYes, false);
          const [first] = findings;
          assert.deepEqual([first!.code, first!.at], ["digest-differs", file]);
          assert.match(
            first!.message,
            new RegExp(`^volume ${i + 1} of ${files.length}: its bytes are sha256:`),
          );
          assert.equal(report.volumes?.count, files.length);
          const volumes = (await openVolumes([list], alone()))!;
          const refused = await faultOf("unproven", () =>
            importArchive({ volumes }, new FolderStore(store), alone()),
          );
          assert.equal(refused.findings[0]!.at, file);
          assert.deepEqual(contentsOf(store), []);
          const single = await verifyVolume(file, alone());
          assert.deepEqual(
            single.findings.map(({ code }) => code),
            ["digest-differs"],
          );
          flip(file, at);
        }
        const single = await verifyVolume(file, alone());
        assert.deepEqual([single.findings, single.number, single.count], [[], i + 1, files.length]);
      }
      // Two at once, the first of which stops the reading.
      flip(files[0]!, 156);
      flip(files.at(-1)!, 0);
      const { findings } = await verified(list);
      assert.deepEqual(
        findings.slice(0, 2).map(({ at }) => at),
        [files[0], files.at(-1)],
      );
      assert.deepEqual((await verified(list)).findings, findings);
    }),
  );

  test(
    "cut short, or longer than it was",
    tidily(async (t) => {
      const { dir, list, files } = await stage(t);
      const [, file = ""] = files;
      const bytes = readFileSync(file);
      for (const wrong of [bytes.subarray(0, 100), Buffer.concat([bytes, Buffer.alloc(1)])]) {
        writeFileSync(file, wrong);
        for (const paths of [[list], [file], [file, list]]) {
          const volumes = (await openVolumes(paths, alone()))!;
          const store = new FolderStore(join(dir, "store"));
          const { findings } = await faultOf("unproven", () =>
            importArchive({ volumes }, store, alone()),
          );
          assert.deepEqual(
            findings.map(({ code, at }) => [code, at]),
            [["size-differs", file]],
          );
          assert.match(
            findings[0]!.message,
            new RegExp(`^volume 2 of .* has ${wrong.length} bytes, not ${bytes.length}`),
          );
          assert.equal(existsSync(store.at), false);
        }
        const report = await verified(list);
        assert.deepEqual([report.isYes, report.findings[0]!.code], [false, "size-differs"]);
        assert.equal((await verifyVolume(file, alone())).findings[0]!.code, "size-differs");
      }
      rmSync(files[0]!);
      const { missing } = await faultOf("volumes-missing", () => openVolumes([list], alone()));
      assert.deepEqual(
        missing.map(({ number, found }) => [number, found?.size]),
        [
          [1, undefined],
          [2, bytes.length + 1],
        ],
      );
      truncateSync(file, bytes.length);
      assert.equal((await verifyVolume(file, alone())).findings.length, 0);
    }),
  );

  test(
    "of two archives",
    tidily(async (t) => {
      const { dir, folder, list, files } = await stage(t);
      const other = [container("docker.io/library/other:v1", noise(40_000, 9))];
      const bytes = await canonical(other);
      const beside = cutInto(bytes, { folder, stem: "other.tar", below: 8192, images: other });
      for (const paths of [
        [list, beside.list],
        [files[0]!, beside.files[1]!],
        [list, beside.files[1]!],
      ]) {
        const { message } = await faultOf("usage", () => openVolumes(paths, alone()));
        assert.match(
          message,
          /^there are volumes of two archives, should be of one: ".*big\.tar\.volumes\.json" and ".*other/,
        );
      }
      // Without its list, it is known by its bytes; with the right name, when it is read.
      const away = join(dir, "away");
      mkdirSync(away);
      copyFileSync(beside.files[1]!, join(away, "other.tar.002"));
      const { message } = await faultOf("usage", () =>
        openVolumes([list, join(away, "other.tar.002")], alone()),
      );
      assert.match(
        message,
        /is not a volume of the archive of ".*big\.tar\.volumes\.json": it is sha256:/,
      );
      copyFileSync(beside.files[1]!, files[1]!);
      const report = await verified(list);
      assert.equal(report.isYes, false);
      assert.equal(report.findings[0]!.at, files[1]);
    }),
  );

  test(
    "the same twice, what is none, several archives, no list",
    tidily(async (t) => {
      const { dir, folder, list, files, archive } = await stage(t);
      const copy = join(dir, basename(files[1]!));
      copyFileSync(files[1]!, copy);
      const twice = await faultOf("usage", () => openVolumes([list, files[1]!, copy], alone()));
      assert.match(
        twice.message,
        /^volume 2 of \d+ is named twice, should be once: it is ".*" and ".*"$/,
      );
      const odd = join(folder, "notes.txt");
      writeFileSync(odd, "hello");
      const none = await faultOf("usage", () => openVolumes([list, odd], alone()));
      assert.match(
        none.message,
        /notes\.txt" is not a volume of .*: it has 5 bytes, and no volume has$/,
      );
      const [a, b] = ["a.tar", "b.tar"].map((name) => join(dir, name));
      for (const path of [a!, b!]) writeFileSync(path, archive);
      const several = await faultOf("usage", () => openVolumes([a!, b!], alone()));
      assert.match(
        several.message,
        /^there are 2 archives, should be one: ".*a\.tar", ".*b\.tar"$/,
      );
      rmSync(list);
      for (const paths of [[files[1]!], files]) {
        const { at, hint } = await faultOf("not-found", () => openVolumes(paths, alone()));
        assert.equal(at, list);
        assert.match(hint ?? "", /cat big\.tar\.\[0-9\]\* > big\.tar/);
      }
      await faultOf("not-found", () => verifyVolume(files[1]!, alone()));
    }),
  );

  test(
    "a list that was changed in any byte",
    tidily(async (t) => {
      const { list, files } = await stage(t);
      const bytes = readFileSync(list);
      for (let at = 0; at < bytes.length; at++) {
        writeFileSync(list, changed(bytes, at));
        await faultOf("malformed", () => openVolumes([list], alone()));
        if (at % 50 === 0) await faultOf("malformed", () => openVolumes([files[0]!], alone()));
      }
    }),
  );

  test(
    "a list that tells of other images, or that is cut otherwise than export cuts",
    tidily(async (t) => {
      const { dir, folder, archive } = await stage(t);
      const lie = [{ reference: app.reference, digest: probe.descriptor.digest }, probe];
      const { list } = cutInto(archive, { folder, stem: "lie.tar", below: 8192, images: lie });
      const report = await verified(list);
      assert.deepEqual(
        report.findings.map(({ code, at }) => [code, at]),
        [["list-differs", list]],
      );
      const volumes = (await openVolumes([list], alone()))!;
      const store = new FolderStore(join(dir, "store"));
      const { findings } = await faultOf("unproven", () =>
        importArchive({ volumes }, store, alone()),
      );
      assert.deepEqual(
        findings.map(({ code }) => code),
        ["list-differs"],
      );
      const odd = {
        ...volumes,
        list: {
          ...volumes.list,
          images: images.map(({ reference, descriptor }) => ({
            reference,
            digest: descriptor.digest,
          })),
        },
      };
      const [first, ...rest] = odd.list.volumes;
      const uneven = {
        ...odd,
        list: { ...odd.list, volumes: [{ ...first!, size: 512 }, ...rest] },
      };
      assert.deepEqual(checkCuts(odd), []);
      assert.deepEqual(
        checkCuts(uneven).map(({ code }) => code),
        ["not-canonical"],
      );
    }),
  );
});

describe("layers in volumes", () => {
  test(
    "are looked into as they pass by",
    tidily(async (t) => {
      const layers = [noise(30_000, 4), noise(900, 5)];
      const packed = layers.map((layer) => gzipSync(layer));
      const make = (diffIDs: readonly Uint8Array[]): Image => {
        const blobs = new Blobs();
        const rootfs = { type: "layers", diff_ids: diffIDs.map(sha256) };
        const config = blobs.add(types.config, { architecture: "amd64", os: "linux", rootfs });
        const all = packed.map((layer) => blobs.add(`${types.layer}+gzip`, layer));
        const reference = "docker.io/library/packed:v1";
        return { reference, descriptor: blobs.manifest(config, all), blobs };
      };
      for (const isSo of [true, false]) {
        const { list } = await stage(t, [make(isSo ? layers : [...layers].reverse())]);
        const volumes = (await openVolumes([list], alone()))!;
        const { findings } = await verifyArchive(
          { volumes },
          { canonical: false, layers: true },
          alone(),
        );
        const codes = new Set(findings.map(({ code }) => code));
        assert.deepEqual([...codes], isSo ? [] : ["diff-id-differs"]);
      }
    }),
  );
});

describe("what is no volume stays what it is", () => {
  test(
    "an archive beside lists and volumes, and one that is named as a volume",
    tidily(async (t) => {
      const { dir, folder, archive } = await stage(t);
      for (const path of [
        join(folder, "big.tar"),
        join(folder, "plain"),
        join(dir, "backup.001"),
      ]) {
        writeFileSync(path, archive);
        assert.equal(await openVolumes([path], alone()), undefined);
      }
      writeFileSync(join(folder, "broken.volumes.json"), "{");
      assert.equal(await openVolumes([join(folder, "plain")], alone()), undefined);
    }),
  );
});
