/** When a pipe ends, a place is not as it should be, or a blob is damaged: what it says, what it leaves, what heals it. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it } from "node:test";
import { asOther, whyNoOther } from "../../support/clients/mount.ts";
import { command, ingot, plainEnvironment } from "../../support/process/ingot.ts";
import { testUnless } from "../../support/process/needs.ts";
import { run } from "../../support/process/run.ts";
import { tempDir, tidily } from "../../support/process/temp.ts";
import {
  assertNothingLeft,
  NAME,
  namesIn,
  refused,
  sample,
  succeeds,
} from "../../support/process/trouble.ts";

describe("a pipe or a device that ends", () => {
  it(
    "a reader that goes away early",
    tidily(async (t) => {
      const { layout } = await sample(t);
      const words = [...(await command()), "export", `oci:${layout}`, "-o", "-"];
      // The exit code of the first program of a pipe, in any shell.
      const { stderr, stdout } = await run(
        ["sh", "-c", '{ "$@"; echo "code $?" >&2; } | head -c 1000', "sh", ...words],
        { env: plainEnvironment() },
      );
      assert.equal(stdout.length, 1000);
      assert.match(stderr, /code 2/);
      refused(
        { code: 2, stderr },
        /cannot write to "?standard output"?: the reader has closed the pipe \(EPIPE\)/,
        /ended early/,
      );
    }),
  );

  it(
    "a reader of a named pipe that goes away early",
    tidily(async (t) => {
      const { layout } = await sample(t);
      const dir = tempDir(t);
      const words = [...(await command()), "export", `oci:${layout}`, "-o", join(dir, "pipe")];
      const { stderr } = await run(
        [
          "sh",
          "-c",
          'mkfifo "$0"; head -c 1000 "$0" >/dev/null & "$@"; echo "code $?" >&2',
          join(dir, "pipe"),
          ...words,
        ],
        { env: plainEnvironment(), timeout: 60_000 },
      );
      assert.match(stderr, /code 2/);
      assert.match(stderr, /the reader has closed the pipe/);
    }),
  );

  it(
    "a stream to read from that is closed from the start",
    tidily(async (t) => {
      const store = join(tempDir(t), "store");
      const words = [...(await command()), "import", "-", "--store", store];
      const { code, stderr } = await run(["sh", "-c", '"$@" <&-', "sh", ...words], {
        env: plainEnvironment(),
      });
      refused({ code, stderr }, /cannot/, /hint/);
      assert.deepEqual(namesIn(store), []);
      assertNothingLeft(store);
    }),
  );

  testUnless(
    existsSync("/dev/full") ? undefined : "there is no /dev/full",
    "a device without room",
    tidily(async (t) => {
      const { layout } = await sample(t);
      refused(
        await ingot(["export", `oci:${layout}`, "-o", "/dev/full"]),
        /"\/dev\/full": the disk is full \(ENOSPC\)/,
        /make room/,
      );
      assert.ok(statSync("/dev/full").isCharacterDevice());
      const words = [...(await command()), "export", `oci:${layout}`, "-o", "-"];
      refused(
        await run(["sh", "-c", '"$@" > /dev/full', "sh", ...words], { env: plainEnvironment() }),
        /standard output"?: the disk is full \(ENOSPC\)/,
        /make room/,
      );
    }),
  );
});

describe("a place that is not as it should be", () => {
  it(
    "an output folder that does not exist, or is a file; an output that is a folder",
    tidily(async (t) => {
      const { dir, layout } = await sample(t);
      const to = (out: string) => ingot(["export", `oci:${layout}`, "-o", join(dir, out)]);
      refused(
        await to("none/out.tar"),
        /cannot find the folder: looked for ".*none"/,
        /mkdir -p .*none/,
      );
      refused(await to("image.tar/out.tar"), /should be a folder \(ENOTDIR\)/, /check the path/);
      refused(
        await to("layout"),
        /it is a folder, should be a file \(EISDIR\)/,
        /name a file in it/,
      );
      assert.deepEqual(new Set(readdirSync(dir)), new Set(["layout", "image.tar"]));
    }),
  );

  it(
    "an archive that is not there, or a folder",
    tidily(async (t) => {
      const { dir } = await sample(t);
      const store = join(dir, "store");
      refused(
        await ingot(["import", join(dir, "none.tar"), "--store", store]),
        /cannot find/,
        /check the path/,
      );
      refused(await ingot(["import", dir, "--store", store]), /\(EISDIR\)/, /name a file in it/);
      assert.equal(existsSync(store), false);
      // What a shell makes of <(…) is read once, which is not enough for these.
      for (const words of [["inspect"], ["export", "-o", join(dir, "out.tar")]])
        refused(
          await ingot([...words, "/dev/null", "--store", store]),
          /found a pipe or a device, should be a file/,
          /ingot import \/dev\/null/,
        );
    }),
  );

  testUnless(
    whyNoOther,
    "an archive and a blob that may not be read, a folder that may not be written",
    tidily(async (t) => {
      const { dir, layout, archive } = await sample(t);
      chmodSync(dir, 0o755);
      const [own, home] = [join(dir, "own"), join(dir, "home")];
      for (const folder of [own, home]) {
        mkdirSync(folder);
        chmodSync(folder, 0o777);
      }
      const other = async (...words: string[]) =>
        run(asOther([...(await command()), ...words]), {
          env: { ...plainEnvironment(), HOME: home },
          cwd: dir,
        });
      chmodSync(archive, 0);
      refused(
        await other("import", archive, "--store", join(own, "store")),
        /image\.tar": permission denied \(EACCES\)/,
        /who may read it says/,
      );
      assert.deepEqual(readdirSync(own), []);
      refused(
        await other("export", `oci:${layout}`, "-o", join(dir, "out.tar")),
        /permission denied \(EACCES\)/,
        /choose a folder that you may write to/,
      );
      const blob = join(layout, "blobs/sha256", largest(layout));
      chmodSync(blob, 0);
      refused(
        await other("export", `oci:${layout}`, "-o", join(own, "out.tar")),
        /permission denied \(EACCES\)/,
        /who may read it says/,
      );
      assert.deepEqual(readdirSync(own), []);
    }),
  );
});

describe("a blob of the store that is damaged", () => {
  const damages: Record<string, (file: string) => void> = {
    flipped: (file) => {
      const bytes = readFileSync(file);
      bytes[50_000] = bytes[50_000]! ^ 1;
      writeFileSync(file, bytes);
    },
    "cut short": (file) => truncateSync(file, 99_999),
    gone: (file) => rmSync(file),
    "a folder": (file) => {
      rmSync(file);
      mkdirSync(file);
    },
  };
  for (const [damage, act] of Object.entries(damages)) {
    it(
      `${damage}: export leaves no file, names it and says how to heal; import heals it and writes nothing else`,
      tidily(async (t) => {
        const { dir, archive } = await sample(t);
        const [store, out] = [join(dir, "store"), join(dir, "out.tar")];
        await succeeds(["import", archive, "--store", store]);
        const hex = largest(store);
        const blobs = join(store, "blobs/sha256");
        act(join(blobs, hex));
        writeFileSync(out, "old");
        for (const to of [out, join(dir, "new.tar")])
          refused(
            await ingot(["export", NAME, "--store", store, "-o", to]),
            new RegExp(hex),
            /import|again/,
          );
        assert.equal(readFileSync(out, "utf8"), "old");
        assert.deepEqual(
          new Set(readdirSync(dir)),
          new Set(["layout", "image.tar", "store", "out.tar"]),
        );
        const piped = await ingot(["export", NAME, "--store", store, "-o", "-"]);
        refused(piped, new RegExp(hex), /import|again/);
        assert.ok(
          piped.stdout.length < readFileSync(archive).length,
          "the archive must not end as if it were whole",
        );
        const times = () =>
          new Map(
            readdirSync(blobs)
              .filter((name) => name !== hex)
              .map((name) => [name, statSync(join(blobs, name)).ctimeMs]),
          );
        const before = times();
        const input = damage === "flipped" ? { input: readFileSync(archive) } : {};
        const healed = await ingot(
          ["import", damage === "flipped" ? "-" : archive, "--store", store, "--json"],
          input,
        );
        assert.equal(healed.code, 0, healed.stderr);
        assert.equal(JSON.parse(healed.stdout.toString()).added, 1);
        assert.deepEqual(times(), before);
        await succeeds(["export", NAME, "--store", store, "-o", out]);
        assert.ok(readFileSync(out).equals(readFileSync(archive)));
      }),
    );
  }
});

/** The name of a blob that is a layer. */
function largest(layout: string): string {
  const blobs = join(layout, "blobs/sha256");
  return readdirSync(blobs).find((name) => statSync(join(blobs, name)).size === 100_000)!;
}
