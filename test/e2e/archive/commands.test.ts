/** export, import and verify, as people and programs use them. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { writeLayout } from "../../support/images/image-layout.ts";
import { ingot, root } from "../../support/process/ingot.ts";
import { ask, HELLO, place, plain, say, stocked } from "../../support/process/say.ts";

describe("export", () => {
  test("prints what is in the archive, and the same to a file, to stdout and from the store", async (t) => {
    const { dir, layout, digest, archive, in_ } = await stocked(t);
    const again = join(dir, "again.tar");
    const line = `${HELLO} ${digest}\n`;
    assert.deepEqual(await say(in_("export", "hello:v1", "-o", again)), {
      code: 0,
      out: line,
      err: "",
    });
    const bytes = readFileSync(archive);
    assert.ok(readFileSync(again).equals(bytes));
    const piped = await ingot(["export", `oci:${layout}`, "-o", "-"]);
    assert.deepEqual([piped.code, piped.stderr], [0, line]);
    assert.ok(piped.stdout.equals(bytes));
  });

  test("--json", async (t) => {
    const { dir, layout, digest } = place(t);
    const output = join(dir, "a.tar");
    const { code, document, err } = await ask(["export", layout, "-o", output]);
    assert.deepEqual([code, err], [0, ""]);
    const { size } = statSync(output);
    const images = [{ reference: HELLO, digest }];
    const none = { referrers: [], left: [], absent: [] };
    assert.deepEqual(document, { output, size, blobs: 4, resumed: 0, images, ...none });
    const piped = await ingot(["export", layout, "-o", "-", "--json"]);
    const other = { output: "-", size, blobs: 4, resumed: 0, images, ...none };
    assert.deepEqual(JSON.parse(piped.stderr), other);
  });

  test("--file: what a list names, with what the command line names", async (t) => {
    const { dir, archive, in_ } = await stocked(t);
    const list = join(dir, "images.txt");
    const output = join(dir, "b.tar");
    writeFileSync(list, "\ufeff# for the far side\r\n\n  hello:v1   # the one\r\n#\thello:v2\n");
    for (const more of [[], ["hello:v1"]]) {
      const { code, err } = await say(in_("export", ...more, "--file", list, "-o", output));
      assert.deepEqual([code, err], [0, ""]);
      assert.ok(readFileSync(output).equals(readFileSync(archive)));
    }
    for (const [text, said] of [
      ["# nothing\n", /images.txt names no source\n.*hint/],
      ["hello:v9\n", /cannot find the image: looked for "hello:v9"/],
      [Buffer.of(0xff, 0x0a), /it is not UTF-8/],
    ] as const) {
      writeFileSync(list, text);
      const { code, err } = await say(in_("export", "--file", list, "-o", join(dir, "no.tar")));
      assert.equal(code, 2);
      assert.match(err, said);
    }
    const { err } = await say(in_("export", "-o", join(dir, "no.tar")));
    assert.match(err, /the argument SOURCE is missing/);
    assert.equal(existsSync(join(dir, "no.tar")), false);
  });

  test("a platform that is not there", async (t) => {
    const { dir, layout } = place(t);
    const output = join(dir, "a.tar");
    const { code, err } = await say(["export", layout, "-o", output, "--platform", "linux/arm64"]);
    assert.equal(code, 2);
    assert.match(err, /linux\/arm64.*\nhint: there is linux\/amd64/);
    assert.equal(existsSync(output), false);
  });

  test("a folder that is not there, a folder in the way, a device", async (t) => {
    const { dir, layout } = place(t);
    const missing = await say(["export", layout, "-o", join(dir, "no/a.tar")]);
    assert.equal(missing.code, 2);
    assert.match(missing.err, /hint: create it first: mkdir -p /);
    const folder = await say(["export", layout, "-o", dir]);
    assert.equal(folder.code, 2);
    assert.match(folder.err, /is a folder|is a directory/);
    assert.equal((await say(["export", layout, "-o", "/dev/null"])).code, 0);
    assert.ok(statSync("/dev/null").isCharacterDevice());
  });

  test("a damaged blob leaves no file", async (t) => {
    const { dir, layout } = place(t, ["one", "x".repeat(5000)]);
    const blobs = join(layout, "blobs/sha256");
    const damaged = readdirSync(blobs).find((name) => statSync(join(blobs, name)).size === 5000);
    writeFileSync(join(blobs, damaged ?? ""), "y".repeat(5000));
    const output = join(dir, "a.tar");
    const { code, err } = await say(["export", layout, "-o", output]);
    assert.equal(code, 2);
    assert.match(err, /its bytes are sha256:[0-9a-f]{64}, should be sha256:/);
    assert.deepEqual(readdirSync(dir), ["layout"]);
  });
});

describe("import", () => {
  test("prints names and digests, from a file and from stdin", async (t) => {
    const { dir, archive, digest } = await stocked(t);
    for (const [i, input] of [undefined, readFileSync(archive)].entries()) {
      const store = join(dir, `store-${i}`);
      const words = ["import", input === undefined ? archive : "-", "--store", store];
      const { code, out, err } = await say(words, input === undefined ? {} : { input });
      assert.deepEqual([code, out], [0, `${HELLO} ${digest}\n`], err);
      assert.match(err, /4 blobs, .*; 4 of them new/);
    }
  });

  test("--json", async (t) => {
    const { archive, digest, store, in_ } = await stocked(t);
    const { code, document } = await ask(in_("import", archive));
    assert.equal(code, 0);
    const [image] = document.images;
    assert.deepEqual([image.reference, image.digest], [HELLO, digest]);
    const { images: _, bytes, ...rest } = document;
    assert.ok(bytes > 0);
    const none = { referrers: [], skipped: [], absent: [] };
    assert.deepEqual(rest, { store, blobs: 4, added: 0, ...none, warnings: [] });
  });

  test("what is no archive changes nothing", async (t) => {
    const { dir, in_ } = place(t);
    const file = join(dir, "a.tar");
    writeFileSync(file, "x".repeat(4096));
    const { code, out, err } = await say(in_("import", file));
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, /error: cannot take ".*a\.tar": it has 1 finding/);
    plain(err);
    assert.deepEqual((await ask(in_("list"))).document.images, []);
  });

  test("what is no archive is said to be none, and nothing of it to be kept", async (t) => {
    const { dir, archive, in_ } = await stocked(t);
    const cases = [
      ["", /: it is empty, should be an archive \[cut\]\n/],
      ["short\n", /cut off at offset 6; this may be no tar archive at all \[malformed\]\n/],
      [
        "root:x:0:0\n".repeat(100),
        /no checksum; this may be no tar archive at all \[malformed\]\n/,
      ],
    ] as const;
    for (const [text, said] of cases) {
      const file = join(dir, "odd");
      writeFileSync(file, text);
      for (const [words, input] of [
        [["import", file], undefined],
        [["import", "-"], Buffer.from(text)],
      ] as const) {
        const { code, err } = await say(in_(...words), input === undefined ? {} : { input });
        assert.equal(code, 2);
        assert.match(err, said);
        assert.match(err, /hint: nothing was changed: copy or download the archive again\n/);
      }
      assert.match((await say(["verify", file])).out, said);
    }
    const other = place(t, ["x".repeat(50_000)]);
    await say(["export", other.layout, "-o", archive]);
    const input = readFileSync(archive).subarray(0, 40_000);
    assert.match(
      (await say(in_("import", "-"), { input })).err,
      /the part that was received is kept for a day/,
    );
  });

  test("a layout in a folder, and no other folder", async (t) => {
    const { dir, layout, digest, in_ } = place(t);
    const { code, out, err } = await say(in_("import", layout));
    assert.equal(code, 0, err);
    assert.equal(out, `${HELLO} ${digest}\n`);
    assert.equal((await say(in_("verify", HELLO))).code, 0);
    assert.match((await say(in_("import", dir))).err, /it is a folder, should be a file/);
  });

  test("a file that is not there", async (t) => {
    const { in_ } = place(t);
    const { code, err } = await say(in_("import", "/nonexistent/a.tar"));
    assert.equal(code, 2);
    assert.match(err, /looked for "\/nonexistent\/a\.tar"/);
  });
});

describe("verify", () => {
  test("yes, of an archive, a layout, a stored image and stdin", async (t) => {
    const { archive, layout, digest, in_ } = await stocked(t);
    const words = in_("verify", archive, layout, "hello:v1", `oci:${layout}:${HELLO}`, "-");
    const { code, out } = await say(words, { input: readFileSync(archive) });
    assert.equal(code, 0, out);
    const lines = out.split("\n").filter((line) => line.startsWith("OK "));
    assert.equal(lines.length, 5);
    for (const line of lines) assert.match(line, /: 1 image, 4 blobs, \d+ bytes$/);
    assert.match(out, new RegExp(`^ {2}${HELLO} ${digest}$`, "m"));
    assert.match((await say(["verify", "--canonical", archive])).out, /^OK .*, canonical$/m);
  });

  test("no, with every finding", async (t) => {
    const { dir, archive } = await stocked(t);
    const damaged = join(dir, "damaged.tar");
    const bytes = readFileSync(archive);
    // Behind the headers of two directories and of the first blob.
    bytes[1536] = bytes[1536]! ^ 1;
    writeFileSync(damaged, bytes);
    const { code, out } = await say(["verify", damaged]);
    assert.equal(code, 1);
    assert.match(out, /^NOT OK /);
    assert.match(out, /^ {2}finding: .*\[digest-differs\]$/m);
  });

  test("the worst of several counts, and no fault hides a verdict", async (t) => {
    const { dir, archive } = await stocked(t);
    const empty = join(dir, "empty.tar");
    writeFileSync(empty, new Uint8Array(1024));
    const no = await ask(["verify", archive, empty]);
    assert.deepEqual([no.code, no.document.ok], [1, false]);
    const { code, document, err } = await ask(["verify", "/nonexistent.tar", empty, archive]);
    assert.equal(code, 2);
    assert.deepEqual(Object.keys(document), ["ok", "sources"]);
    const [missing, cut, good] = document.sources;
    assert.equal(missing.error.code, "not-found");
    assert.deepEqual([cut.ok, good.ok, good.source], [false, true, archive]);
    const members = ["source", "ok", "images", "referrers", "blobs", "bytes", "absent", "findings"];
    assert.deepEqual(Object.keys(good), members);
    for (const finding of cut.findings) {
      assert.deepEqual(Object.keys(finding), ["code", "at", "message", "level"]);
    }
    assert.ok(cut.findings.length > 0);
    assert.match(err, /nonexistent/);
  });

  test("nothing is no yes", async (t) => {
    const { dir } = place(t);
    const empty = join(dir, "empty");
    mkdirSync(empty);
    writeLayout(empty, []);
    assert.equal((await say(["verify", empty])).code, 1);
    assert.notEqual((await say(["verify", "-"], { input: "" })).code, 0);
    assert.equal((await say(["verify"])).code, 2);
  });

  test("--canonical is about archives", async (t) => {
    const { archive, layout, in_ } = await stocked(t);
    for (const source of [layout, "hello:v1", `oci-archive:${archive}:${HELLO}`]) {
      const { code, out, err } = await say(in_("verify", "--canonical", archive, source));
      assert.deepEqual([code, out], [2, ""]);
      assert.match(err, /--canonical is about archives, and ".*" is (?:a layout|an image)/);
    }
  });
});

test("no image is called what would be taken for a transport", async (t) => {
  const { dir, in_ } = await stocked(t);
  const hello = join(root, "examples/gadget/hello");
  const none = (name: string) =>
    new RegExp(`the name "${name}" begins with the transport [a-z-]+:, should be .*\nhint: `);
  for (const words of [
    ["copy", "hello:v1", "dir:foo"],
    ["copy", "hello:v1", "docker-archive:foo.tar"],
    ["tag", "hello:v1", "containers-storage:foo"],
    ["build", hello, "-t", "docker-daemon:foo:v1"],
    ["build", hello, "-t", "oci:foo", "-o", join(dir, "foo.tar")],
  ]) {
    const { code, out, err } = await say(in_(...words));
    assert.deepEqual([code, out], [2, ""]);
    assert.match(err, none(words.find((word) => /^[a-z-]+:foo/.test(word))!));
  }
  const { document } = await ask(in_("list"));
  assert.equal(document.images.length, 1);
  // A registry or a repository may be called so.
  for (const name of ["dir/foo:v1", "oci.example/dir:v1", "docker.io/library/dir:foo"])
    assert.equal((await say(in_("tag", "hello:v1", name))).code, 0, name);
});

test("a transport of other tools is refused, with what to do instead", async (t) => {
  const { in_ } = place(t);
  const cases: Readonly<Record<string, string>> = {
    "docker-daemon:x:1": "bring it into the store (docker save x:1 | ingot import -), ",
    "containers-storage:x:1":
      "bring it into the store (podman save --format oci-archive x:1 | ingot import -), ",
    "dir:/srv/x": "make a layout of it (skopeo copy dir:/srv/x oci:FOLDER), ",
    "oci-layout://srv/x": "a layout in a folder is named oci:srv/x",
  };
  for (const [text, hint] of Object.entries(cases)) {
    const { code, out, err } = await say(in_("inspect", text));
    const [transport] = text.split(":");
    const says = `ingot inspect: error: cannot use the source "${text}": found the transport ${transport}:, should be oci:, oci-archive:, docker-archive:, a path or a stored name\nhint: ${hint}`;
    assert.deepEqual([code, out, err.slice(0, says.length)], [2, "", says]);
  }
  const signing = await say(in_("sign", "docker://r.test/x:1", "--key", "none.key"));
  assert.match(signing.err, /bring it into the store \(ingot pull docker:\/\/r.test\/x:1\), /);
  for (const command of [["verify"], ["inspect"], ["sign", "--key", "none.key"]]) {
    const { code, err } = await say(in_(...command, "docker://me:secret@r.test/x"));
    assert.equal(code, 2);
    assert.doesNotMatch(err, /secret/);
  }
});
