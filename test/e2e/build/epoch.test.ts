/** What a build says of itself: the time it was made, and by which builder. */
import assert from "node:assert/strict";
import { cpSync, existsSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { command, ingot, ownForm, plainEnvironment, root } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { run, succeed } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { readUstar } from "../../support/tar/ustar.ts";
import { writeTree } from "../../support/trees/tree.ts";

const CREATED = "org.opencontainers.image.created";
const VERSION = "io.inspektor-gadget.builder.version";

/** A copy of the hello gadget. */
function gadget(t: Ends): string {
  const folder = join(tempDir(t), "hello");
  cpSync(join(root, "examples/gadget/hello"), folder, { recursive: true });
  return folder;
}

type Annotations = Record<string, string>;

/** Every map of annotations in the archive's one image: of the index, its descriptors, the manifests, the configs. */
function annotationsOf(archive: Uint8Array): Annotations[] {
  const members = new Map(readUstar(archive).map(({ name, content }) => [name, content]));
  const json = (name: string) => JSON.parse(`${members.get(name)}`);
  const blob = ({ digest }: { digest: string }) => json(`blobs/sha256/${digest.slice(7)}`);
  const index = blob(json("index.json").manifests[0]);
  assert.equal(index.manifests.length, 2);
  const manifests = index.manifests.flatMap(
    (entry: { digest: string; annotations: Annotations }) => {
      const manifest = blob(entry);
      return [entry.annotations, manifest.annotations, manifest.config.annotations];
    },
  );
  return [index.annotations, ...manifests];
}

/** What all of them say under `key`; they must agree. */
function said(archive: Uint8Array, key: string): string | undefined {
  const values = new Set(annotationsOf(archive).map((annotations) => annotations[key]));
  assert.equal(values.size, 1, [...values].join(", "));
  return [...values][0];
}

interface Given {
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Builds the gadget into an archive on stdout. */
async function build(folder: string, { args = [], env = {} }: Given = {}): Promise<Buffer> {
  const { code, stdout, stderr } = await ingot(["build", folder, "-t", "x", "-o", "-", ...args], {
    env,
  });
  assert.equal(code, 0, stderr);
  return stdout;
}

/** A build that must end with exit code 2; what it says. Nothing may be left of it. */
async function refused(t: Ends, folder: string, { args = [], env = {} }: Given): Promise<string> {
  const out = join(tempDir(t), "out.tar");
  const { code, stdout, stderr } = await ingot(["build", folder, "-t", "x", "-o", out, ...args], {
    env,
  });
  assert.deepEqual([code, `${stdout}`, existsSync(out)], [2, "", false], stderr);
  return stderr;
}

describe("the time of a build", () => {
  test("is 0 unless it is given", async (t) => {
    assert.equal(said(await build(gadget(t)), CREATED), "1970-01-01T00:00:00Z");
  });

  const valid: readonly [string, string][] = [
    ["0", "1970-01-01T00:00:00Z"],
    ["1700000000", "2023-11-14T22:13:20Z"],
    ["0001", "1970-01-01T00:00:01Z"],
    // Seconds that 31, 32 and 33 bits cannot count.
    ["2147483648", "2038-01-19T03:14:08Z"],
    ["8589934592", "2242-03-16T12:56:32Z"],
    ["253402300799", "9999-12-31T23:59:59Z"],
  ];
  for (const [text, created] of valid) {
    test(`SOURCE_DATE_EPOCH=${text} and the flag alike are ${created}`, async (t) => {
      const folder = gadget(t);
      const fromEnvironment = await build(folder, { env: { SOURCE_DATE_EPOCH: text } });
      assert.equal(said(fromEnvironment, CREATED), created);
      const fromFlag = await build(folder, { args: ["--source-date-epoch", text] });
      assert.ok(fromFlag.equals(fromEnvironment));
    });
  }

  const invalid = [
    "",
    "now",
    "soon",
    "-1",
    "+1",
    "1.5",
    "1e3",
    "0x10",
    " 1",
    "1 ",
    "1\n",
    "١",
    "253402300800",
    "9".repeat(40),
  ];
  for (const text of invalid) {
    test(`SOURCE_DATE_EPOCH=${JSON.stringify(text)} is refused, and quoted`, async (t) => {
      const stderr = await refused(t, gadget(t), { env: { SOURCE_DATE_EPOCH: text } });
      assert.ok(stderr.includes(`SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, should be`), stderr);
    });
  }

  for (const text of ["tomorrow", "1.5", "253402300800", "Git"]) {
    test(`--source-date-epoch ${text} is refused, and quoted`, async (t) => {
      const stderr = await refused(t, gadget(t), { args: ["--source-date-epoch", text] });
      assert.ok(
        stderr.includes(`--source-date-epoch is ${JSON.stringify(text)}, should be`),
        stderr,
      );
    });
  }

  test("the flag goes before the variable", async (t) => {
    const given = { args: ["--source-date-epoch", "60"], env: { SOURCE_DATE_EPOCH: "120" } };
    assert.equal(said(await build(gadget(t), given), CREATED), "1970-01-01T00:01:00Z");
  });

  test("mtime is that of the newest source, and of nothing else", async (t) => {
    const folder = gadget(t);
    writeFileSync(join(folder, "README.md"), "newer than all of them");
    const times = { "build.yaml": 1_000, "gadget.yaml": 86_400.75, "program.wasm": 500 };
    for (const [name, time] of Object.entries(times)) utimesSync(join(folder, name), time, time);
    const args = ["--source-date-epoch", "mtime"];
    assert.equal(said(await build(folder, { args }), CREATED), "1970-01-02T00:00:00Z");
    utimesSync(join(folder, "build.yaml"), 90_000, 90_000);
    assert.equal(said(await build(folder, { args }), CREATED), "1970-01-02T01:00:00Z");
  });

  testWith(["git"], "git is that of the last commit that touched a source", async (t) => {
    const folder = gadget(t);
    const commit = async (time: string) => {
      const who = { NAME: "tester", EMAIL: "tester@example.org", DATE: time };
      const env = Object.fromEntries(
        Object.entries(who).flatMap(([key, value]) => [
          [`GIT_AUTHOR_${key}`, value],
          [`GIT_COMMITTER_${key}`, value],
        ]),
      );
      await succeed(["git", "add", "--all"], { cwd: folder });
      await succeed(["git", "-c", "commit.gpgsign=false", "commit", "-qm", "one"], {
        cwd: folder,
        env,
      });
    };
    await succeed(["git", "init", "-q"], { cwd: folder });
    const args = ["--source-date-epoch", "git"];
    assert.match(
      await refused(t, folder, { args }),
      /no commit has a file of|does not have any commits/,
    );
    await commit("2001-02-03T04:05:06+02:00");
    writeFileSync(join(folder, "README.md"), "no source");
    await commit("2011-01-01T00:00:00Z");
    assert.equal(said(await build(folder, { args }), CREATED), "2001-02-03T02:05:06Z");
    writeFileSync(join(folder, "gadget.yaml"), "name: changed\n");
    await commit("2021-01-01T00:00:00Z");
    assert.equal(said(await build(folder, { args }), CREATED), "2021-01-01T00:00:00Z");
  });

  testWith(
    ["git"],
    "git where there is no repository is refused, and says what to give instead",
    async (t) => {
      const stderr = await refused(t, gadget(t), { args: ["--source-date-epoch", "git"] });
      assert.match(stderr, /give --source-date-epoch a number, or mtime/);
    },
  );

  testWith(["faketime"], "now is the clock's", async (t) => {
    const out = join(tempDir(t), "out.tar");
    const words = [
      ...(await command(ownForm)),
      "build",
      gadget(t),
      "-t",
      "x",
      "-o",
      out,
      "--source-date-epoch",
      "now",
    ];
    const env = { ...plainEnvironment(), TZ: "UTC" };
    const { code, stderr } = await run(["faketime", "-f", "@2040-02-29 12:34:56", ...words], {
      env,
    });
    assert.equal(code, 0, stderr);
    assert.match(said(readFileSync(out), CREATED) ?? "", /^2040-02-29T12:3[45]:[0-5][0-9]Z$/);
  });
});

describe("--builder-version", () => {
  test("is the annotation, everywhere", async (t) => {
    const version = "v0.45.0-45-gfc2e80680-dirty";
    const archive = await build(gadget(t), { args: ["--builder-version", version] });
    assert.equal(said(archive, VERSION), version);
  });

  test("is a constant that is no release, unless it is given", async (t) => {
    assert.equal(said(await build(gadget(t)), VERSION), "ingot");
  });

  test("changes nothing but the annotation", async (t) => {
    const folder = gadget(t);
    const [plain, other] = [
      await build(folder),
      await build(folder, { args: ["--builder-version", "other"] }),
    ];
    const others = annotationsOf(other).map((annotations) => ({
      ...annotations,
      [VERSION]: "ingot",
    }));
    assert.deepEqual(others, annotationsOf(plain));
    assert.ok((await build(folder, { args: ["--builder-version=ingot"] })).equals(plain));
  });

  test("an annotation of gadget.yaml goes before it", async (t) => {
    const folder = writeTree(tempDir(t), {
      "gadget.yaml": `name: x\nannotations:\n  ${VERSION}: mine\n  ${CREATED}: never\n`,
    });
    const archive = await build(folder, { args: ["--builder-version", "flag"] });
    assert.equal(said(archive, VERSION), "mine");
    assert.equal(said(archive, CREATED), "1970-01-01T00:00:00Z");
  });

  test("an image without gadget.yaml says nothing of its builder", async (t) => {
    const folder = gadget(t);
    await succeed(["rm", join(folder, "gadget.yaml")]);
    const archive = await build(folder, { args: ["--builder-version", "flag"] });
    for (const annotations of annotationsOf(archive))
      assert.deepEqual(annotations, { [CREATED]: "1970-01-01T00:00:00Z" });
  });

  test("the image that ig's builder made, but for its local time", async (t) => {
    const { builderVersion, metadata, config } = JSON.parse(
      readFileSync(join(root, "test/reproducibility/golden/gadget-v1.json"), "utf8"),
    );
    const folder = writeTree(tempDir(t), { "gadget.yaml": metadata });
    const args = ["--builder-version", builderVersion, "--source-date-epoch", "1760966926"];
    const archive = await build(folder, { args });
    const index = readFileSync(
      join(root, "test/reproducibility/golden/gadget-v1.index.json"),
      "utf8",
    );
    const [made] = annotationsOf(archive);
    const inUtc = { [CREATED]: "2025-10-20T13:28:46Z" };
    assert.deepEqual(made, { ...JSON.parse(index).annotations, ...inUtc });
    assert.ok(
      readUstar(archive).some(({ name }) => name === `blobs/sha256/${config.digest.slice(7)}`),
    );
  });
});
