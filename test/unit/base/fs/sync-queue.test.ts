import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { OpenFile, openWrite } from "../../../../src/base/fs/file.ts";
import { SyncQueue } from "../../../../src/base/fs/sync-queue.ts";
import { faultOf } from "../../../support/fault.ts";
import { tempDir } from "../../../support/process/temp.ts";

test("a file that cannot be synced nor closed is told by settle, and by nothing else", async (t) => {
  const dir = tempDir(t);
  const syncs = new SyncQueue();
  syncs.add(new OpenFile("a file that is not open", 1_000_000));
  const other = openWrite(join(dir, "other"), "create");
  other.write(Buffer.from("whole"), 0);
  syncs.add(other);
  await syncs.room();
  await new Promise((next) => setTimeout(next, 50));
  assert.equal((await faultOf("io", () => syncs.settle())).doing, "sync");
  assert.equal(readFileSync(join(dir, "other"), "utf8"), "whole");
});
