/** What sessions left: taken when it proves to be the blob, never believed, and gone when it has to be. */
import assert from "node:assert/strict";
import {
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { pruneStore } from "../../../src/image/prune.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { importArchive } from "../../../src/verify/import.ts";
import { mountTmpfs, whyNoMount } from "../../support/clients/mount.ts";
import { faultOf } from "../../support/fault.ts";
import { alone } from "../../support/images/archive.ts";
import { noise, writeLayout } from "../../support/images/layout.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testUnless } from "../../support/process/needs.ts";
import {
  assertNothing,
  assertSame,
  done,
  leave,
  leftIn,
  takenOver,
} from "../../support/process/resume.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { refused } from "../../support/process/trouble.ts";
import { chanceFrom } from "../../support/registries/faulty.ts";

const NAME = "r.test/image:1";
const A_DAY = 24 * 3600;

/** An archive, its blobs by their digits, and a store that it came into unbroken. */
async function prepare(t: Ends, layers: readonly number[] = [0, 1, 5000, 300_000, 700_000]) {
  const dir = tempDir(t);
  const at = (name: string) => join(dir, name);
  writeLayout(at("layout"), [{ name: NAME, layers, seed: dir }]);
  await done(["export", `oci:${at("layout")}`, "-o", at("image.tar")]);
  await done(["import", at("image.tar"), "--store", at("unbroken")]);
  const folder = at("unbroken/blobs/sha256");
  const blobs: Record<string, Buffer> = Object.fromEntries(
    readdirSync(folder).map((hex) => [hex, readFileSync(join(folder, hex))]),
  );
  return { dir, blobs, archive: at("image.tar"), store: at("store"), unbroken: at("unbroken") };
}

type Prepared = Awaited<ReturnType<typeof prepare>>;

/** From a file and from a stream, in this process. */
async function takes({ archive, unbroken }: Prepared, store: string, how: "file" | "stream") {
  const source =
    how === "file"
      ? { path: archive }
      : { bytes: inPieces(readFileSync(archive)), at: "the stream" };
  await importArchive(source, new FolderStore(store), alone());
  assertSame(store, unbroken);
}

async function* inPieces(bytes: Uint8Array) {
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}

const mapped = (blobs: Prepared["blobs"], act: (bytes: Buffer, hex: string) => [string, Buffer]) =>
  Object.fromEntries(Object.entries(blobs).map(([hex, bytes]) => act(bytes, hex)));

describe("what was left is", () => {
  const chance = chanceFrom(11);
  const damages: Record<string, (bytes: Buffer, hex: string) => [string, Buffer]> = {
    "all of the blob": (bytes, hex) => [hex, bytes],
    "all of the blob, under the name of a part": (bytes, hex) => [`${hex}.part`, bytes],
    "a part of the blob": (bytes, hex) => [
      `${hex}.part`,
      bytes.subarray(0, Math.floor(chance() * bytes.length)),
    ],
    "a part of the blob, under the name of all": (bytes, hex) => [hex, bytes.subarray(1)],
    "the blob with a flipped bit": (bytes, hex) => {
      const copy = Buffer.from(bytes);
      if (copy.length > 0) copy[Math.floor(chance() * copy.length)]! ^= 4;
      return [hex, copy];
    },
    "the blob and more": (bytes, hex) => [hex, Buffer.concat([bytes, Buffer.from("more")])],
    "a hole of the blob's size": (bytes, hex) => [`${hex}.part`, Buffer.alloc(bytes.length)],
    "a part with a flipped bit": (bytes, hex) => {
      const copy = Buffer.from(bytes.subarray(0, bytes.length / 2));
      if (copy.length > 0) copy[Math.floor(chance() * copy.length)]! ^= 4;
      return [`${hex}.part`, copy];
    },
    "something else, and much of it": (bytes, hex) => [hex, noise(hex, bytes.length * 2 + 10)],
    "nothing of use": (bytes, hex) => [`${hex.slice(1)}.new`, bytes],
  };
  for (const [name, damage] of Object.entries(damages))
    test(`${name}: the store is that of an unbroken import`, async (t) => {
      const prepared = await prepare(t);
      for (const how of ["file", "stream"] as const) {
        const store = join(prepared.dir, how);
        leave(store, mapped(prepared.blobs, damage));
        const left = leftIn(store);
        await takes(prepared, store, how);
        if (name === "all of the blob")
          assert.equal(takenOver(store, left).whole, Object.keys(prepared.blobs).length);
      }
    });

  test("no file, or one that has another name elsewhere: that stays what it is", async (t) => {
    const prepared = await prepare(t);
    const hex = Object.keys(prepared.blobs).find((one) => prepared.blobs[one]!.length === 300_000)!;
    const elsewhere = join(prepared.dir, "elsewhere");
    const begun = prepared.blobs[hex]!.subarray(0, 1000);
    const kinds: Record<string, (at: string) => void> = {
      "a link": (at) => symlinkSync(elsewhere, at),
      "a second name": (at) => linkSync(elsewhere, at),
      "a folder": (at) => mkdirSync(join(at, "x"), { recursive: true }),
    };
    for (const make of Object.values(kinds))
      for (const name of [hex, `${hex}.part`])
        for (const how of ["file", "stream"] as const) {
          rmSync(prepared.store, { recursive: true, force: true });
          writeFileSync(elsewhere, begun);
          make(join(leave(prepared.store, {}), name));
          await takes(prepared, prepared.store, how);
          assert.ok(readFileSync(elsewhere).equals(begun));
        }
  });

  test("of use to a copy from another store, too", async (t) => {
    const { blobs, store, unbroken } = await prepare(t);
    leave(store, blobs);
    const left = leftIn(store);
    await done(["copy", unbroken, `oci:${store}`]);
    assertSame(store, unbroken);
    assert.ok(takenOver(store, left).whole >= 5);
  });

  test("of no use where the store has the blobs: it goes", async (t) => {
    const prepared = await prepare(t);
    await takes(prepared, prepared.store, "file");
    leave(prepared.store, prepared.blobs);
    await takes(prepared, prepared.store, "stream");
  });

  test("of several that were killed: one is taken, none stays", async (t) => {
    const prepared = await prepare(t);
    leave(prepared.store, prepared.blobs, { how: "again.a" });
    leave(prepared.store, prepared.blobs, { how: "again.b" });
    leave(
      prepared.store,
      mapped(prepared.blobs, (bytes, hex) => [`${hex}.part`, bytes.subarray(0, 9)]),
      { how: "again.c" },
    );
    await takes(prepared, prepared.store, "file");
  });
});

describe("what was left does not help an archive that lies", () => {
  test("the blob is there, the archive has another under its name", async (t) => {
    const { archive, blobs, store } = await prepare(t);
    const bytes = readFileSync(archive);
    const large = Object.values(blobs).find(({ length }) => length === 700_000)!;
    bytes[bytes.indexOf(large) + 650_000]! ^= 1;
    for (const path of [archive, undefined]) {
      leave(store, blobs);
      writeFileSync(archive, bytes);
      const source = path === undefined ? { bytes: inPieces(bytes), at: "-" } : { path };
      const act = () => importArchive(source, new FolderStore(store), alone());
      await faultOf(path === undefined ? "unproven" : "digest-differs", act);
      assert.deepEqual(readdirSync(join(store, "blobs/sha256")), []);
      assertNothing(store);
    }
  });
});

describe("what was left goes", () => {
  /** Something that no import here wants. */
  const other = () => ({ ["a".repeat(64)]: noise("other", 1000) });
  const folders = (store: string) =>
    existsSync(join(store, ".ingot/left")) ? readdirSync(join(store, ".ingot/left")) : [];

  test("after a day, not before; and with prune at once", async (t) => {
    const prepared = await prepare(t);
    const { archive, store } = prepared;
    leave(store, other());
    await done(["import", archive, "--store", store]);
    const [kept] = folders(store);
    assert.ok(kept !== undefined);
    const old = Date.now() / 1000 - A_DAY;
    utimesSync(join(store, ".ingot/left", kept), old + 600, old + 600);
    await done(["import", archive, "--store", store]);
    assert.deepEqual(folders(store), [kept]);
    utimesSync(join(store, ".ingot/left", kept), old - 600, old - 600);
    await takes(prepared, store, "file");
    leave(store, other());
    await pruneStore(new FolderStore(store));
    assertNothing(store);
  });

  test("of a build, at once; of a session that nobody can judge, not before a day has passed", async (t) => {
    const { archive, store } = await prepare(t);
    leave(store, other(), { how: "x" });
    const unknown = leave(store, other(), { who: "0.1.2.3" });
    await done(["import", archive, "--store", store]);
    assert.deepEqual(folders(store), []);
    assert.ok(existsSync(unknown));
    const old = Date.now() / 1000 - A_DAY - 600;
    utimesSync(unknown, old, old);
    await done(["import", archive, "--store", store]);
    assertNothing(store);
  });

  test("of a process that may still write, what is whole is taken, and no part", async (t) => {
    const prepared = await prepare(t);
    const { blobs, store } = prepared;
    const [first, second] = Object.keys(blobs).filter((hex) => blobs[hex]!.length > 100_000);
    const left = join(store, ".ingot/left/0.1.2.3-again.x");
    mkdirSync(left, { recursive: true });
    writeFileSync(join(left, first!), blobs[first!]!);
    writeFileSync(join(left, `${second}.part`), blobs[second!]!);
    const session = await new FolderStore(store).begin({ resumable: true });
    const begun = (hex: string) => session.coming(`sha256:${hex}` as Digest, 1).begun;
    assert.equal(begun(second!), undefined);
    assert.match(begun(first!) ?? "", /again\./);
    assert.deepEqual(readdirSync(left), [`${second}.part`]);
    session.drop();
  });

  testUnless(
    whyNoMount,
    "where its room is needed: an import, and one that fails for want of it",
    tidily(async (t) => {
      const { archive, unbroken } = await prepare(t, [2_000_000, 2_000_000]);
      const disk = mountTmpfs(t, "size=7m");
      const store = join(disk, "store");
      for (const input of [undefined, readFileSync(archive)]) {
        rmSync(store, { recursive: true, force: true });
        leave(store, { ["b".repeat(64)]: noise("other", 4_000_000) });
        await done(["import", input ? "-" : archive, "--store", store], input);
        assertSame(store, unbroken);

        rmSync(store, { recursive: true, force: true });
        leave(store, { ["b".repeat(64)]: noise("other", 1_000_000) });
        writeFileSync(join(disk, "ballast"), noise("ballast", 4_000_000));
        const words = ["import", input ? "-" : archive, "--store", store];
        refused(
          await ingot(words, input ? { input } : {}),
          /free there, should be|disk is full/,
          /make room/,
        );
        assertNothing(store);
        rmSync(join(disk, "ballast"));
        await done(words, input);
        assertSame(store, unbroken);
      }
    }),
  );
});
