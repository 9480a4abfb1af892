/** When the disk ends: what it says, what it leaves, and that the next run succeeds. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe } from "node:test";
import { mountTmpfs, whyNoMount } from "../../support/clients/mount.ts";
import { command, ingot, plainEnvironment } from "../../support/process/ingot.ts";
import { testUnless } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { type Ends, tidily } from "../../support/process/temp.ts";
import {
  assertNothingLeft,
  NAME,
  namesIn,
  refused,
  sample,
  succeeds,
} from "../../support/process/trouble.ts";

describe("a disk that is full", () => {
  const mounted = (name: string, body: (t: Ends) => Promise<void>) =>
    testUnless(whyNoMount, name, tidily(body));

  mounted("before export: it says how much is needed, and the old file stays", async (t) => {
    const { layout } = await sample(t);
    const disk = mountTmpfs(t, "size=1m");
    writeFileSync(join(disk, "out.tar"), "old");
    refused(
      await ingot(["export", `oci:${layout}`, "-o", join(disk, "out.tar")]),
      /free there, should be .* \([0-9]+ bytes more\)/,
      /make room/,
    );
    assert.equal(readFileSync(join(disk, "out.tar"), "utf8"), "old");
    assert.deepEqual(readdirSync(disk), ["out.tar"]);
  });

  mounted(
    "during import of a file and of a stream: the store stays what it was, and takes it once there is room",
    async (t) => {
      const { archive } = await sample(t);
      for (const how of ["file", "stream"] as const) {
        const disk = mountTmpfs(t, "size=6m");
        const store = join(disk, "store");
        const small = await sample(t, [1000]);
        await succeeds(["import", small.archive, "--store", store]);
        const ballast = join(disk, "ballast");
        writeFileSync(ballast, Buffer.alloc(3_500_000));
        const input = how === "file" ? undefined : readFileSync(archive);
        const words = ["import", how === "file" ? archive : "-", "--store", store];
        refused(
          await ingot(words, input === undefined ? {} : { input }),
          /free there, should be|disk is full/,
          /make room/,
        );
        assertNothingLeft(store);
        assert.deepEqual(namesIn(store), [NAME]);
        await succeeds(["verify", store]);
        rmSync(ballast);
        await succeeds(words, input);
        await succeeds(["verify", store, "--store", store]);
      }
    },
  );

  mounted("that has no room for more files: the same", async (t) => {
    const { archive, layout } = await sample(t);
    for (const how of ["file", "stream"] as const) {
      const disk = mountTmpfs(t, "size=60m,nr_inodes=40");
      const store = join(disk, "store");
      const input = how === "file" ? undefined : readFileSync(archive);
      const words = ["import", how === "file" ? archive : "-", "--store", store];
      refused(
        await ingot(words, input === undefined ? {} : { input }),
        /disk is full \(ENOSPC\)/,
        /df -i/,
      );
      assertNothingLeft(store);
      assert.deepEqual(namesIn(store), []);
      await run(["mount", "-o", "remount,nr_inodes=400", disk]);
      await succeeds(words, input);
      await succeeds(["verify", store]);
    }
    const disk = mountTmpfs(t, "size=60m,nr_inodes=3");
    writeFileSync(join(disk, "1"), "");
    writeFileSync(join(disk, "2"), "");
    refused(
      await ingot(["export", `oci:${layout}`, "-o", join(disk, "out.tar")]),
      /disk is full \(ENOSPC\)/,
      /df -i/,
    );
    rmSync(join(disk, "2"));
    await succeeds(["export", `oci:${layout}`, "-o", join(disk, "out.tar")]);
    await succeeds(["verify", join(disk, "out.tar")]);
  });

  mounted("that fills up while an export writes: the old file stays", async (t) => {
    const { layout } = await sample(t, Array(30).fill(1_500_000));
    const disk = mountTmpfs(t, "size=60m");
    const out = join(disk, "out.tar");
    writeFileSync(out, "old");
    // A hole is free space until it is filled: another process takes what the export counted on.
    const [words, env] = [
      [...(await command()), "export", `oci:${layout}`, "-o", out],
      plainEnvironment(),
    ];
    const eater = `dd if=/dev/zero of=${disk}/ballast bs=64k status=none 2>/dev/null & `;
    const { code, stderr } = await run(
      ["sh", "-c", `${eater} "$@"; code=$?; wait; exit $code`, "sh", ...words],
      { env },
    );
    refused({ code, stderr }, /disk is full|free there/, /make room/);
    assert.equal(readFileSync(out, "utf8"), "old");
    assertNothingLeft(disk);
    rmSync(join(disk, "ballast"));
    await succeeds(["export", `oci:${layout}`, "-o", out]);
    await succeeds(["verify", out]);
  });

  mounted("does not keep the store from being pruned", async (t) => {
    const { archive } = await sample(t);
    const disk = mountTmpfs(t, "size=8m");
    const store = join(disk, "store");
    await succeeds(["import", archive, "--store", store]);
    await succeeds(["remove", NAME, "--store", store]);
    await run(["dd", "if=/dev/zero", `of=${disk}/ballast`, "bs=4k"]);
    await succeeds(["prune", "--store", store]);
    assert.deepEqual(readdirSync(join(store, "blobs/sha256")), []);
  });

  mounted("that is read-only: another place is asked for, reading goes on", async (t) => {
    const { dir, archive, layout } = await sample(t);
    const disk = mountTmpfs(t, "size=20m");
    const store = join(disk, "store");
    await succeeds(["import", archive, "--store", store]);
    await run(["mount", "-o", "remount,ro", disk]);
    refused(
      await ingot(["export", `oci:${layout}`, "-o", join(disk, "out.tar")]),
      /read-only \(EROFS\)/,
      /choose another place/,
    );
    refused(
      await ingot(["import", archive, "--store", store]),
      /read-only \(EROFS\)/,
      /choose another place/,
    );
    refused(
      await ingot(["remove", NAME, "--store", store]),
      /read-only \(EROFS\)/,
      /choose another place/,
    );
    await succeeds(["export", NAME, "--store", store, "-o", join(dir, "again.tar")]);
    assert.ok(readFileSync(join(dir, "again.tar")).equals(readFileSync(archive)));
  });
});
