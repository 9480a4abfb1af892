/** An archive that is read while it is written: the same bytes, and no one waits for the other for ever. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { archiveBytes } from "../../../src/archive/archive-bytes.ts";
import { planArchive, streamArchive } from "../../../src/archive/write.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { alone, Blobs, noise } from "../../support/images/archive.ts";

const blobs = new Blobs();
const image = blobs.container(noise(3_000_000, 1), "amd64");

/** The plan of an archive with one image of some megabytes. @param isDamaged whether a blob is in a file that is not there */
async function planned(isDamaged = false) {
  const store = new MemoryStore("memory");
  for (const [, bytes] of blobs) store.put(bytes);
  const found = (digest: Parameters<MemoryStore["find"]>[0]) => {
    const content = store.find(digest);
    return isDamaged && content instanceof Uint8Array && content.length > 1_000_000
      ? { path: "/dev/null/none", offset: 0, size: content.length }
      : content;
  };
  const damaged = { at: store.at, images: () => store.images(), find: found };
  return planArchive([{ reference: "registry.example/a:v1", descriptor: image, store: damaged }]);
}

test("the bytes that are read are those that would be written", async () => {
  const plan = await planned();
  const written: Uint8Array[] = [];
  const sink = { write: async (piece: Uint8Array) => void written.push(piece.slice()) };
  await streamArchive(plan, sink, alone());
  const read: Uint8Array[] = [];
  for await (const piece of archiveBytes(plan, alone())) read.push(piece.slice());
  assert.ok(read.length > 2);
  assert.deepEqual(Buffer.concat(read), Buffer.concat(written));
});

test("whoever stops reading stops the writing", async () => {
  const plan = await planned();
  let pieces = 0;
  for await (const piece of archiveBytes(plan, alone())) {
    pieces += piece.length > 0 ? 1 : 0;
    if (pieces === 2) break;
  }
  assert.equal(pieces, 2);
  const unread = archiveBytes(plan, alone())[Symbol.asyncIterator]();
  await unread.next();
  await unread.return?.(undefined);
});

test("what goes wrong in writing is thrown to whoever reads", async () => {
  const plan = await planned(true);
  const read = async () => {
    for await (const piece of archiveBytes(plan, alone())) assert.ok(piece.length > 0);
  };
  await assert.rejects(read, { name: "IngotError", code: "io" });
});
