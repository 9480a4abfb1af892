/**
 * Dockerfiles of the kinds people write, against what BuildKit makes of the same file: file system, config and history.
 * What BuildKit made is in test/reproducibility/dockerfiles, written by scripts/dockerfiles.ts; BuildKit itself is not needed here.
 */
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { writeBases } from "../support/images/dockerfile-bases.ts";
import {
  caseNames,
  type Expected,
  expectedFile,
  readCase,
  stage,
} from "../support/images/dockerfiles.ts";
import { readMerged } from "../support/images/merged.ts";
import { ingot } from "../support/process/ingot.ts";
import { testUnless } from "../support/process/needs.ts";
import { differences } from "../support/trees/difference.ts";

interface Allowed {
  readonly why: string;
  /** Of each case by its name: the lines in which it differs, all of them and no others. */
  readonly cases: Readonly<Record<string, readonly string[]>>;
}

const NOTED = "0644 0:0 6 51715f41686be7e49e1fdae7fc419761a171c933e3c74e59a566d5c5a1fe3777";
const REFUSED = ["refused, should be built"];
const BUILT = ["built, should be refused"];

/** Where ingot does otherwise on purpose. */
const ALLOWED: readonly Allowed[] = [
  {
    why: "BuildKit gives to root what belongs to somebody whom it does not find: a mistake that is seen too late",
    cases: {
      "019-chown-unknown": REFUSED,
      "116-chown-unknown-group": REFUSED,
      "156-workdir-unknown-user": REFUSED,
    },
  },
  {
    why: "BuildKit takes `..` at the start of an archive's names away: such an archive was made to break out",
    cases: { "102-add-archive-outside": REFUSED },
  },
  {
    why: "BuildKit writes a file of this name into the layer, where it deletes another: the image is not what was copied",
    cases: { "176-whiteout-name": REFUSED },
  },
  {
    why: "BuildKit does not find the context's root below --parents, although it is there",
    cases: { "174-parents-of-everything": BUILT },
  },
  {
    why: "BuildKit looks for circles in stages that nobody needs: they are not looked at here",
    cases: { "184-circle-in-unneeded-stage": BUILT },
  },
  {
    why: "BuildKit follows a link that leads nowhere, beside --exclude and below --parents, although it copies the link itself",
    cases: {
      "175-exclude-beside-dangling-link": BUILT,
      "188-parents-and-dangling-link": BUILT,
    },
  },
  {
    why: "BuildKit is sent only what fits, and misses the folder where nothing in it does; in a stage it finds it",
    cases: { "180-wildcard-without-match-in-folder": BUILT },
  },
  {
    why: "BuildKit copies a file that --exclude fits when it is itself a source: its manual says otherwise",
    cases: {
      "020-exclude": [
        "- file nine/home1.txt 0644 0:0 2 4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
      ],
      "099-exclude-of-wildcards": ["five", "four", "one", "three"].map(
        (folder) =>
          `- file ${folder}/a.md 0644 0:0 5 6b2684e18a7cc2c929326fcd0648df1f80d463c57a8d0d938b53916294dfc1f5`,
      ),
    },
  },
  {
    why: "BuildKit loses the attributes user.* of what it copies, although they are in the layers of the base",
    cases: {
      "082-copy-tree-of-base": ["all/noted", "rootfs/usr/lib/noted"].flatMap(noted),
      "137-add-rootfs-of-layers": noted("usr/lib/noted"),
    },
  },
  {
    why: "BuildKit's BUILDPLATFORM is the machine it runs on: an image must not depend on where it is made",
    cases: {
      "145-build-platform-elsewhere": [
        '+ config Labels: {"built.on":"linux/arm64","org.example.base":"yes","org.example.kept":"yes"}',
        "+ file etc/arch.of.tools 0644 0:0 6 c1669e1d8edca98769c37d494b76442a1d6e5ffffd7b4da1fb63aef8ebaf6f01",
        "+ history 3: (empty) ARG BUILDPLATFORM=linux/arm64",
        "+ history 4: (empty) LABEL built.on=linux/arm64",
        '- config Labels: {"built.on":"linux/amd64","org.example.base":"yes","org.example.kept":"yes"}',
        "- file etc/arch.of.tools 0644 0:0 6 d54d20eadbec9c9cc5ac6e0e371abc96d64a0d724d1cf45297fab6098026a69d",
        "- history 3: (empty) ARG BUILDPLATFORM=linux/amd64",
        "- history 4: (empty) LABEL built.on=linux/amd64",
      ],
    },
  },
];

function noted(path: string): string[] {
  return [`+ file ${path} ${NOTED} user.note=6b657074`, `- file ${path} ${NOTED}`];
}

const work = realpathSync(mkdtempSync(join(tmpdir(), "ingot-dockerfiles-")));
after(() => rmSync(work, { recursive: true, force: true }));

let stored: Promise<string> | undefined;

/** A store with the bases. */
function store(): Promise<string> {
  stored ??= (async () => {
    const [layout, archive, path] = ["bases", "bases.tar", "store"].map((name) => join(work, name));
    writeBases(layout!);
    for (const words of [
      ["export", `oci:${layout}`, "-o", archive!],
      ["import", archive!, "--store", path!],
    ]) {
      const { code, stderr } = await ingot(words);
      assert.equal(code, 0, stderr);
    }
    return path!;
  })();
  return stored;
}

async function build(name: string): Promise<Omit<Expected, "by">> {
  const context = join(work, name);
  const { file, target, platform = "linux/amd64", args = {}, labels = {} } = stage(name, context);
  const archive = `${context}.tar`;
  const flag = (word: string, value: string | undefined) =>
    value === undefined ? [] : [word, value];
  const { code, stderr } = await ingot([
    ...["build", context, "-t", "name:1", "-o", archive, "--store", await store()],
    ...flag("--platform", platform),
    ...flag("--target", target),
    ...flag("--file", file === undefined ? undefined : join(context, file)),
    ...Object.entries(args).flatMap(([key, value]) => ["--build-arg", `${key}=${value}`]),
    ...Object.entries(labels).flatMap(([key, value]) => ["--label", `${key}=${value}`]),
  ]);
  if (code === 0) return { images: readMerged(archive) };
  assert.equal(code, 2, stderr);
  assert.doesNotMatch(stderr, /a mistake in ingot/);
  return { refused: stderr };
}

/** Why a case cannot be built here. */
function hindranceOf(name: string): string | undefined {
  const modes = Object.values(readCase(name).modes ?? {});
  const closed = modes.some((mode) => (Number.parseInt(mode, 8) & 0o400) === 0);
  return closed && process.getuid?.() !== 0 ? "only root can read its files" : undefined;
}

for (const name of caseNames()) {
  testUnless(hindranceOf(name), `${name}: as BuildKit has it`, async () => {
    const expected = JSON.parse(readFileSync(expectedFile(name), "utf8")) as Expected;
    const allowed = ALLOWED.flatMap(({ cases }) => cases[name] ?? []);
    const found = differences(expected, await build(name));
    assert.deepEqual(found, [...allowed].sort());
  });
}

test("no difference is allowed in a case that is not there", () => {
  const names = new Set(caseNames());
  const strangers = ALLOWED.flatMap(({ cases }) => Object.keys(cases)).filter(
    (name) => !names.has(name),
  );
  assert.deepEqual(strangers, []);
});
