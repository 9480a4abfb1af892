/** Archives in volumes, as people and programs take them (docs/volumes.md). */
import assert from "node:assert/strict";
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { describe, test } from "node:test";
import { writeLayout } from "../../support/images/image-layout.ts";
import { noise } from "../../support/images/layout.ts";
import { contentsOf, cutInto } from "../../support/images/volumes.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { ask, plain, say } from "../../support/process/say.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

const BIG = "docker.io/library/big:v1";

/** An archive of `size` bytes and some more, in volumes of a third of that. */
async function stage(t: Ends, size = 300_000) {
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const [digest = ""] = writeLayout(layout, [
    { reference: BIG, layers: [noise("a", size), "small"] },
  ]);
  const archive = join(dir, "whole.tar");
  const { code, err } = await say(["export", layout, "-o", archive]);
  assert.equal(code, 0, err);
  const folder = join(dir, "stick");
  mkdirSync(folder);
  const images = [{ reference: BIG, digest: digest as `sha256:${string}` }];
  const cut = cutInto(readFileSync(archive), { folder, below: Math.ceil(size / 3), images });
  assert.equal(cut.files.length, 4);
  const store = join(dir, "store");
  const in_ = (...words: string[]) => [...words, "--store", store];
  return { dir, layout, archive, folder, digest, store, in_, ...cut };
}

const flip = (path: string) => {
  const bytes = readFileSync(path);
  bytes[100]! ^= 1;
  writeFileSync(path, bytes);
};

describe("import of volumes", () => {
  test(
    "by the list, by any volume, from two sticks: what the archive gives",
    tidily(async (t) => {
      // Long enough to be hashed by a thread of its own.
      const { dir, archive, list, files, digest } = await stage(t, 24_000_000);
      const other = join(dir, "other");
      mkdirSync(other);
      const imported = async (...words: string[]) => {
        const store = join(dir, "store");
        const { code, out, err } = await say(["import", ...words, "--store", store]);
        assert.deepEqual([code, out], [0, `${BIG} ${digest}\n`], err);
        const contents = contentsOf(store);
        rmSync(store, { recursive: true });
        return contents;
      };
      const expected = await imported(archive);
      assert.deepEqual(await imported(list), expected);
      assert.deepEqual(await imported(files[2]!), expected);
      const moved = files.slice(1, 3).map((file) => join(other, basename(file)));
      for (const [i, to] of moved.entries()) renameSync(files[i + 1]!, to);
      assert.deepEqual(await imported(moved[1]!, files[0]!), expected);
      assert.deepEqual(await imported(...moved, list, files[3]!, files[0]!), expected);
    }),
  );

  test(
    "for a program: how many there were, and where their list is",
    tidily(async (t) => {
      const { archive, list, files, in_ } = await stage(t);
      const plainly = await ask(in_("import", archive));
      assert.ok(!("list" in plainly.document) && !("volumes" in plainly.document));
      for (const words of [[list], [files[2]!], files]) {
        const { code, document } = await ask(in_("import", ...words));
        const { added, ...rest } = plainly.document;
        assert.deepEqual([code, document], [0, { ...rest, added: 0, list, volumes: 4 }]);
        assert.equal(added, 4);
      }
    }),
  );

  test(
    "one that is missing is named before anything is done",
    tidily(async (t) => {
      const { folder, list, files, store, in_ } = await stage(t);
      rmSync(files[1]!);
      rmSync(files[3]!);
      for (const given of [list, files[0]!]) {
        const { code, out, err } = await say(in_("import", given));
        assert.deepEqual([code, out], [2, ""]);
        assert.match(
          err,
          /error: cannot find all volumes of ".*big\.tar\.volumes\.json": 2 of 4 are missing, looked in "/,
        );
        assert.ok(err.includes(`looked in ${JSON.stringify(folder)}\n`), err);
        assert.match(err, /^ {2}big\.tar\.002: volume 2 of 4, \d+ bytes, sha256:[0-9a-f]{64}$/m);
        assert.match(err, /^ {2}big\.tar\.004: volume 4 of 4, \d+ bytes, sha256:[0-9a-f]{64}$/m);
        assert.match(err, /^hint: copy them/m);
        plain(err);
      }
      assert.equal(existsSync(store), false);
      const { code, document } = await ask(in_("import", list));
      assert.deepEqual([code, document.error.code], [2, "volumes-missing"]);
      assert.deepEqual(
        document.error.facts.missing.map(({ file }: { file: string }) => file),
        ["big.tar.002", "big.tar.004"],
      );
    }),
  );

  test(
    "one that is damaged is named, and nothing is taken",
    tidily(async (t) => {
      const { list, files, store, in_ } = await stage(t);
      flip(files[2]!);
      const { code, out, err } = await say(in_("import", list));
      assert.deepEqual([code, out], [2, ""]);
      assert.match(
        err,
        /^ {2}.*big\.tar\.003: volume 3 of 4: its bytes are sha256:\w+, not sha256:\w+ \[digest-differs\]$/m,
      );
      assert.match(err, /nothing was changed/);
      plain(err);
      assert.deepEqual(existsSync(store) ? contentsOf(store) : [], []);
    }),
  );

  test(
    "several archives, and a stream among files",
    tidily(async (t) => {
      const { dir, archive, list, in_ } = await stage(t);
      const copy = join(dir, "copy.tar");
      copyFileSync(archive, copy);
      const several = await say(in_("import", archive, copy));
      assert.equal(several.code, 2);
      assert.match(
        several.err,
        /there are 2 archives, should be one: .*\n.*hint: take them one after the other/,
      );
      const stream = await say(in_("import", list, "-"), { input: "" });
      assert.equal(stream.code, 2);
      assert.match(stream.err, /"-" is a stream, and no volume/);
      const missing = await say(in_("import", list, "/nonexistent/big.tar.002"));
      assert.equal(missing.code, 2);
      assert.match(missing.err, /looked for "\/nonexistent\/big\.tar\.002"/);
      assert.equal((await say(in_("import", list, dir))).code, 2);
    }),
  );

  test(
    "a delta: what it relies on is asked for first, and then taken",
    tidily(async (t) => {
      const { dir, layout, in_ } = await stage(t);
      const next = join(dir, "next");
      const name = "docker.io/library/big:v2";
      const [digest] = writeLayout(next, [
        { reference: name, layers: [noise("a", 300_000), noise("b", 9000)] },
      ]);
      const delta = join(dir, "delta.tar");
      assert.equal((await say(["export", next, "--base", layout, "-o", delta])).code, 0);
      const images = [{ reference: name, digest: digest as `sha256:${string}` }];
      const { list, files } = cutInto(readFileSync(delta), {
        folder: dir,
        stem: "delta.tar",
        below: 4096,
        images,
      });
      const alone = await say(in_("import", list));
      assert.equal(alone.code, 2);
      assert.match(alone.err, /the delta leaves it out, and it is not in the store/);
      const unsure = await say(["verify", list]);
      assert.equal(unsure.code, 2);
      assert.match(unsure.out, new RegExp(`^COULD NOT SAY .*, ${files.length} volumes$`, "m"));
      const sure = await say(["verify", list, "--base", layout, "--canonical"]);
      assert.deepEqual([sure.code, sure.out.split("\n")[0]!.slice(0, 3)], [0, "OK "], sure.out);
      const base = join(dir, "whole.tar");
      assert.equal((await say(in_("import", base))).code, 0);
      const taken = await say(in_("import", files[1]!));
      assert.deepEqual([taken.code, taken.out], [0, `${name} ${digest}\n`], taken.err);
      assert.equal((await say(in_("verify", name))).code, 0);
    }),
  );
});

describe("verify of volumes", () => {
  test(
    "the whole, by the list and by all of them, also among other sources",
    tidily(async (t) => {
      const { archive, list, files, digest } = await stage(t);
      const whole = /: 1 image, 4 blobs, [^,]*, 4 volumes, canonical$/;
      for (const words of [[list], files, [files[3]!, list, files[1]!]]) {
        const { code, out } = await say(["verify", "--canonical", ...words]);
        const [line = "", image, ...rest] = out.split("\n");
        assert.deepEqual([code, image, rest], [0, `  ${BIG} ${digest}`, [""]]);
        assert.ok(line.startsWith(`OK ${list}: `), line);
        assert.match(line, whole);
      }
      const { code, document } = await ask(["verify", files[1]!, archive]);
      assert.equal(code, 0);
      assert.deepEqual(
        document.sources.map(({ source }: { source: string }) => source),
        [files[1], archive],
      );
      const some = [files[1]!, archive, `oci-archive:${files[3]!}`, "/nonexistent.tar", files[0]!];
      const apart = await ask(["verify", ...some]);
      assert.deepEqual(
        apart.document.sources.map(
          ({
            source,
            ok,
            volume,
          }: {
            source: string;
            ok: unknown;
            volume?: { number: number };
          }) => [source, ok, volume?.number],
        ),
        some.map((source, i) => [
          source,
          i === 3 ? undefined : true,
          [2, undefined, 4, undefined, 1][i],
        ]),
      );
      const all = await ask(["verify", archive, ...files, list]);
      const [plainly, cut, ...none] = all.document.sources;
      assert.deepEqual([cut.source, cut.volumes, none], [list, 4, []]);
      assert.deepEqual(cut, { ...plainly, source: list, list, volumes: 4 });
      assert.ok(!("list" in plainly) && !("volumes" in plainly));
      assert.deepEqual(Object.keys(cut), [
        "source",
        "ok",
        "images",
        "referrers",
        "blobs",
        "bytes",
        "list",
        "volumes",
        "absent",
        "findings",
      ]);
    }),
  );

  test(
    "one alone, with none of the others there",
    tidily(async (t) => {
      const { folder, list, files } = await stage(t);
      for (const [i, file] of files.entries()) if (i !== 1) rmSync(file);
      const file = files[1]!;
      const { size, digest } = JSON.parse(readFileSync(list, "utf8")).volumes[1];
      const { code, out, err } = await say(["verify", file]);
      assert.deepEqual([code, err], [0, ""]);
      assert.match(out, new RegExp(`^OK ${file}: volume 2 of 4, [0-9.]+ KiB, ${digest}\n$`));
      const said = await ask(["verify", file]);
      const volume = { number: 2, count: 4, size, digest };
      const yes = { source: file, ok: true, list, volume, findings: [] };
      assert.deepEqual([said.code, said.document], [0, { ok: true, sources: [yes] }]);
      flip(file);
      const no = await say(["verify", file]);
      assert.equal(no.code, 1);
      assert.match(
        no.out,
        /^NOT OK .*\n {2}finding: .*big\.tar\.002: volume 2 of 4: its bytes are .* \[digest-differs\]\n$/,
      );
      flip(file);
      const renamed = join(folder, "part two");
      renameSync(file, renamed);
      assert.match((await say(["verify", renamed])).out, /^OK .*part two: volume 2 of 4, /);
      renameSync(renamed, file);
      const whole = await say(["verify", list]);
      assert.equal(whole.code, 2);
      assert.match(whole.out, /^COULD NOT SAY /);
      assert.match(whole.err, /3 of 4 are missing/);
      for (const flag of ["--canonical", "--layers"]) {
        const refused = await say(["verify", flag, file]);
        assert.equal(refused.code, 2);
        assert.match(
          refused.err,
          new RegExp(`${flag} is about archives, and ".*big\\.tar\\.002" is one volume of one`),
        );
      }
      rmSync(list);
      const lost = await say(["verify", file]);
      assert.deepEqual([lost.code, lost.out], [2, `COULD NOT SAY ${file}\n`]);
      assert.match(
        lost.err,
        /looked for ".*big\.tar\.volumes\.json"\n.*hint: .*cat big\.tar\.\[0-9\]\* > big\.tar/,
      );
      plain(lost.err);
    }),
  );

  test(
    "a no names the volume, and hides no other verdict",
    tidily(async (t) => {
      const { archive, list, files } = await stage(t);
      flip(files[2]!);
      const { code, document } = await ask([
        "verify",
        list,
        files[0]!,
        archive,
        "/nonexistent.tar",
      ]);
      assert.equal(code, 2);
      const [no, yes, missing] = document.sources;
      assert.deepEqual([no.ok, no.source, yes.ok, yes.source], [false, list, true, archive]);
      assert.deepEqual([no.findings[0].code, no.findings[0].at], ["digest-differs", files[2]]);
      assert.equal(missing.error.code, "not-found");
      assert.equal((await say(["verify", list])).code, 1);
      const bytes = readFileSync(list);
      bytes[5]! ^= 1;
      writeFileSync(list, bytes);
      for (const source of [list, files[0]!]) {
        const said = await ask(["verify", source, archive]);
        assert.deepEqual(
          [said.code, said.document.sources[0].error.code, said.document.sources[1].ok],
          [2, "malformed", true],
        );
      }
    }),
  );
});

describe("a volume, or a list of volumes", () => {
  test(
    "is no source of other commands",
    tidily(async (t) => {
      const { dir, archive, list, files, in_ } = await stage(t);
      const output = join(dir, "out.tar");
      for (const source of [list, files[0]!, files[2]!]) {
        const what =
          source === list ? "the list of an archive's volumes" : "a volume of an archive";
        for (const words of [
          ["export", source, "-o", output],
          ["inspect", source],
          ["copy", source, `oci-archive:${output}`],
          ["export", archive, "--base", source, "-o", output],
          ["verify", archive, "--base", source],
        ]) {
          const { code, out, err } = await say(in_(...words));
          assert.deepEqual([code, out], [2, ""], words.join(" "));
          assert.ok(err.includes(`found ${what}, should be a whole archive in one file`), err);
          assert.match(
            err,
            /hint: import it first \(ingot import big\.tar\.volumes\.json\) .*cat big\.tar\.\[0-9\]\* > big\.tar/,
          );
          plain(err);
        }
      }
      assert.equal(existsSync(output), false);
    }),
  );

  testWith(
    ["sh", "cat", "sha256sum"],
    "is put together by cat, and checked by sha256sum",
    async (t) => {
      const { folder, archive, files } = await stage(t);
      await succeed(["sh", "-c", "cat big.tar.[0-9]* > big.tar"], { cwd: folder });
      assert.ok(readFileSync(join(folder, "big.tar")).equals(readFileSync(archive)));
      const page = readFileSync(new URL("../../../docs/volumes.md", import.meta.url), "utf8");
      const [, line = ""] = /^ {4}(.*sha256sum -c.*)$/m.exec(page) ?? [];
      const check = () => succeed(["sh", "-c", line], { cwd: folder });
      const { stdout } = await check();
      assert.deepEqual(
        `${stdout}`.trim().split("\n"),
        files.map((file) => `${basename(file)}: OK`),
      );
      flip(files[1]!);
      await assert.rejects(check);
    },
  );
});
