import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { IngotError } from "../../../src/base/error.ts";
import { evaluateTarget } from "../../../src/build/container-stages.ts";
import { parseDockerfile } from "../../../src/dockerfile/read.ts";
import { copyInto } from "../../../src/layer/copy/copy.ts";
import { addWorkdir } from "../../../src/layer/copy/workdir.ts";
import { entriesOf } from "../../../src/layer/pack/entries.ts";
import { pack } from "../../../src/layer/pack/pack.ts";
import { countChanges } from "../../../src/layer/tree/changes.ts";
import type { Entry } from "../../../src/layer/tree/entry.ts";
import { BuildMembers, checkMembers, checkPath } from "../../../src/layer/tree/limits.ts";
import { TrackedTree } from "../../../src/layer/tree/recorder.ts";
import { Tree } from "../../../src/layer/tree/tree.ts";
import { unpack } from "../../../src/layer/unpack/unpack.ts";
import { DEPTH_LIMIT, LAYER_MEMBERS, PATH_LIMIT } from "../../../src/tar/limits.ts";
import { faultOf } from "../../support/fault.ts";
import { node, pathsOf, treeOf } from "../../support/trees/layer-trees.ts";

const KEEP = { epoch: 5, timestamps: "keep" } as const;
const deep = (parts: number) => Array.from({ length: parts }, () => "d").join("/");
/** A path of so many bytes, none of its names too long. */
const long = (bytes: number) =>
  `${"n".repeat(199)}/`
    .repeat(bytes / 200 + 1)
    .slice(0, bytes - 1)
    .concat("z");

const tooLarge = async (act: () => unknown): Promise<Partial<IngotError<"too-large">["facts"]>> => {
  const { at, ...facts } = await faultOf("too-large", act);
  assert.ok(at.length <= 61, `the message has all of the path: ${at.length}`);
  return facts;
};

const copying = (from: Tree, dest: string, into = new Tree("the image")) =>
  copyInto(into, {
    from,
    sources: ["."],
    dest,
    add: false,
    exclude: [],
    parents: false,
    link: false,
    place: "Dockerfile:2:1",
  });

describe("a path of a layer", () => {
  const what = "the path";
  test("has at most as many parts as are read", async () => {
    checkPath(deep(DEPTH_LIMIT));
    assert.deepEqual(await tooLarge(() => checkPath(deep(DEPTH_LIMIT + 1))), {
      what,
      actual: 257,
      limit: 256,
      unit: "parts",
    });
  });

  test("has at most as many bytes as are read, a folder's slash among them", async () => {
    checkPath(long(PATH_LIMIT - 1));
    const facts = { what, actual: 4097, limit: 4096 };
    assert.deepEqual(await tooLarge(() => checkPath(long(PATH_LIMIT))), facts);
  });

  test("has names of at most 255 bytes, wherever they stand", async () => {
    for (const name of ["n".repeat(255), "é".repeat(127), `${"😀".repeat(63)}abc`])
      for (const path of [name, `a/${name}`, `${name}/b`]) checkPath(path);
    for (const name of ["n".repeat(256), "é".repeat(128), "😀".repeat(64)])
      for (const path of [name, `a/${name}`, `${name}/b`])
        assert.deepEqual(await tooLarge(() => checkPath(path)), {
          what: "a name in the path",
          actual: 256,
          limit: 255,
        });
  });

  test("at its bounds is read back", async () => {
    const recorder = new TrackedTree(new Tree("the image"));
    for (const path of [deep(DEPTH_LIMIT), long(PATH_LIMIT - 1), "é".repeat(127)]) {
      const parts = path.split("/");
      for (let i = 1; i <= parts.length; i++) recorder.set(parts.slice(0, i).join("/"), node("/"));
    }
    const entries = entriesOf(recorder.changes, KEEP);
    const read: Entry[] = [];
    for await (const entry of unpack({ at: "a layer", open: () => pack(entries) }))
      read.push(entry);
    assert.deepEqual(
      read.map(({ path }) => path),
      entries.map(({ path }) => path),
    );
    assert.ok(read.some(({ path }) => path.length === PATH_LIMIT - 1));
  });

  test("is judged where entries are made, of a folder on the way and a whiteout, too", async () => {
    const name = "n".repeat(252);
    const tree = treeOf({ [name]: "x", [`${"m".repeat(256)}/old`]: "x" });
    const gone = tree.copy();
    gone.remove(name);
    const facts = await tooLarge(() => entriesOf({ before: tree, after: gone }, KEEP));
    assert.deepEqual(facts, { what: "a name in the path", actual: 256, limit: 255 });
    const below = new TrackedTree(tree);
    below.set(`${"m".repeat(256)}/new`, node("x"));
    await tooLarge(() => entriesOf(below.changes, KEEP));
  });
});

describe("a destination", () => {
  test("of WORKDIR is as deep as it may be, or refused before anything is made", async () => {
    const tree = new Tree("the image");
    const made = await addWorkdir(tree, `/${deep(DEPTH_LIMIT)}`);
    assert.equal(countChanges(made), DEPTH_LIMIT);
    const empty = new Tree("the image");
    const facts = await tooLarge(() => addWorkdir(empty, `/${deep(DEPTH_LIMIT + 1)}`));
    assert.deepEqual(facts, {
      what: "the destination (WORKDIR)",
      actual: 257,
      limit: 256,
      unit: "parts",
    });
    assert.deepEqual(pathsOf(empty), []);
  });

  test("a hundred thousand folders deep is a fault like any other", async () => {
    const path = `/${deep(100_000)}`;
    const bytes = { actual: 200_001, limit: 4096 };
    assert.deepEqual(await tooLarge(() => addWorkdir(new Tree("the image"), path)), {
      what: "the destination (WORKDIR)",
      ...bytes,
    });
    assert.deepEqual(await tooLarge(() => copying(treeOf({ a: "x" }), `${path}/`)), {
      what: "the destination (Dockerfile:2:1)",
      actual: 200_002,
      limit: 4096,
    });
  });

  test("and what is put there are too deep together", async () => {
    const from = new Tree("the context");
    await addWorkdir(from, `/${deep(200)}`);
    const into = new Tree("the image");
    const fit = await copying(from, `/${deep(56)}/`, into.copy());
    assert.equal(entriesOf(fit, KEEP).length, 256);
    const changes = await copying(from, `/${deep(57)}/`, into.copy());
    const { actual } = await tooLarge(() => entriesOf(changes, KEEP));
    assert.equal(actual, 257);
  });
});

describe("the number of members", () => {
  test("of a layer is at most what is read", async () => {
    checkMembers(LAYER_MEMBERS, "the image");
    const facts = { what: "a layer of", actual: 1_000_001, limit: 1_000_000, unit: "members" };
    assert.deepEqual(await tooLarge(() => checkMembers(LAYER_MEMBERS + 1, "the image")), facts);
  });

  test("of a layer stops an instruction while it copies", async () => {
    const recorder = new TrackedTree(new Tree("the image"));
    const file = node("x");
    let made = 0;
    const { actual } = await tooLarge(() => {
      for (; made < 2 * LAYER_MEMBERS; made++) recorder.set(`${made}`, file);
    });
    assert.equal(made, LAYER_MEMBERS);
    assert.equal(actual, LAYER_MEMBERS + 1);
  });

  test("of a layer is not how often something was set", async () => {
    const recorder = new TrackedTree(treeOf({ a: "x" }));
    const [one, other] = [node("x"), node("y")];
    for (let set = 0; set < LAYER_MEMBERS; set++) recorder.set(`${set % 3}`, one);
    for (let set = 0; set < 300_000; set++) recorder.set("a", set % 2 === 0 ? one : other);
    assert.equal(countChanges(recorder.changes), 4);
    await tooLarge(() => {
      for (let set = 0; set < 2 * LAYER_MEMBERS; set++) recorder.set(`b${set}`, one);
    });
    assert.ok(countChanges(recorder.changes) < 1.1 * LAYER_MEMBERS);
  });

  const doubling = (stages: number) =>
    [
      "FROM scratch AS s0\nCOPY f /",
      ...Array.from({ length: stages }, (_, i) => {
        const copy = `COPY --from=s${i} / `;
        return `FROM scratch AS s${i + 1}\n${copy} /x\n${copy} /y`;
      }),
    ].join("\n");

  const build = (text: string, members: BuildMembers) => {
    const platform = { os: "linux", architecture: "amd64" };
    return evaluateTarget({
      file: parseDockerfile(Buffer.from(text), "Dockerfile"),
      target: undefined,
      scope: { buildArgs: new Map(), platform, buildPlatform: platform },
      directory: "/",
      context: treeOf({ f: "x" }),
      times: KEEP,
      members,
      created: "1970-01-01T00:00:05Z",
      openStore: () => assert.fail("nothing is built on"),
      pull: undefined,
    });
  };

  test("is bounded over all stages", async () => {
    // Stage n has 2^n files in 2^(n+1) - 2 folders, and makes all of them: 1, 4, 10, 22, 46.
    assert.equal((await build(doubling(4), new BuildMembers("Dockerfile", 83))).parts.length, 2);
    const facts = {
      what: "what all stages copy in",
      actual: 83,
      limit: 82,
      unit: "members",
    };
    const few = new BuildMembers("Dockerfile", 82);
    assert.deepEqual(await tooLarge(() => build(doubling(4), few)), facts);
    const thirty = await tooLarge(() => build(doubling(30), new BuildMembers("Dockerfile", 9999)));
    assert.ok(thirty.actual! < 3 * 9999, `${thirty.actual}`);
  });

  test("is bounded over all platforms", async () => {
    const members = new BuildMembers("Dockerfile", 3);
    for (let i = 0; i < 3; i++) await build("FROM scratch\nCOPY f /\n", members);
    await tooLarge(() => build("FROM scratch\nCOPY f /\n", members));
  });
});
