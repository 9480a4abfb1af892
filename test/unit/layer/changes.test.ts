import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { entriesOf } from "../../../src/layer/pack/entries.ts";
import { type Changes, countChanges } from "../../../src/layer/tree/changes.ts";
import type { Entry, Node } from "../../../src/layer/tree/entry.ts";
import { baseName, join, memberName, parentOf } from "../../../src/layer/tree/path.ts";
import type { Times } from "../../../src/layer/tree/times.ts";
import { Tree } from "../../../src/layer/tree/tree.ts";
import { applyLayer } from "../../../src/layer/unpack/apply.ts";
import { faultOf } from "../../support/fault.ts";
import {
  members,
  node,
  pathsOf,
  type Short,
  show,
  showEntries,
  someNode,
  somePath,
  treeOf,
  unlinked,
} from "../../support/trees/layer-trees.ts";

const KEEP = { epoch: 5, timestamps: "keep" } as const;

/** The layer of what `act` does to a tree, as lines. */
function layerOf(
  before: Readonly<Record<string, Short>>,
  act: (tree: Tree) => void,
  times: Times = KEEP,
): string[] {
  const tree = treeOf(before);
  return showEntries(entriesOf(changed(tree, act), times));
}

/** What `act` does to `tree`. */
function changed(tree: Tree, act: (tree: Tree) => void): Changes {
  const before = tree.copy();
  act(tree);
  return { before, after: tree };
}

describe("the normal form of a layer", () => {
  test("has every folder on the way, as the tree has it", () => {
    const lines = layerOf({ a: ["/", { mode: 0o700, uid: 7 }], "a/b/c": "x", d: "x" }, (tree) =>
      tree.set("a/b/e", node("new")),
    );
    assert.deepEqual(lines, ["a: / 700 7:0", "a/b: / 755 0:0", "a/b/e: new 644 0:0"]);
  });

  test("is sorted as in a walk: a folder, what is in it, what is beside it", () => {
    const lines = layerOf({ a: "/" }, (tree) => {
      for (const path of ["a/z", "\u{1f600}", "\ufffd", "a-b", "a.c", "a0", "Z", "a/!"])
        tree.set(path, node("x"));
    });
    assert.deepEqual(
      lines.map((line) => line.split(":")[0]),
      ["Z", "a-b", "a.c", "a", "a/!", "a/z", "a0", "\ufffd", "\u{1f600}"],
    );
  });

  test("makes the first name of a node the file, the others links; of links too, of folders never", () => {
    const lines = layerOf({ old: "old" }, (tree) => {
      const [file, link, folder] = [node("same"), node("-> x"), node("/")];
      for (const path of ["d", "b", "c"]) tree.set(path, file);
      for (const path of ["l2", "l1"]) tree.set(path, link);
      for (const path of ["f1", "f2"]) tree.set(path, folder);
      tree.set("old2", tree.get("old")!);
    });
    assert.deepEqual(lines, [
      "b: same 644 0:0",
      "c: = b",
      "d: = b",
      "f1: / 755 0:0",
      "f2: / 755 0:0",
      "l1: -> x 0:0",
      "l2: = l1",
      "old2: old 644 0:0",
    ]);
  });

  test("has times as asked for: all the epoch, none after it, or as they are", () => {
    const act = (tree: Tree) => {
      tree.set("early", node(["x", { mtime: -3 }]));
      tree.set("late", node(["x", { mtime: 9 }]));
      tree.set("late2", tree.get("late")!);
      tree.set("link", node(["-> y", { mtime: 8 }]));
    };
    const times = (timestamps: "set" | "clamp" | "keep") => {
      const changes = changed(new Tree("t"), act);
      return entriesOf(changes, { epoch: 5, timestamps }).map(
        ({ node, ...entry }) => (node?.meta ?? ("meta" in entry ? entry.meta : undefined))?.mtime,
      );
    };
    assert.deepEqual(times("set"), [5, 5, 5, 5]);
    assert.deepEqual(times("clamp"), [-3, 5, 5, 5]);
    assert.deepEqual(times("keep"), [-3, 9, 9, 8]);
  });

  test("gives symbolic links mode 0777 and leaves other nodes as they are", () => {
    const link: Node = {
      ...(node("-> x") as Node & { kind: "symlink" }),
      meta: { mode: 0o755, uid: 1, gid: 2, mtime: 0 },
    };
    const xattrs = new Map([["user.k", Uint8Array.of(0, 255)]]);
    const file = node(["x", { mode: 0o6755, xattrs }]);
    const changes = changed(new Tree("t"), (tree) => {
      tree.set("l", link);
      tree.set("f", file);
    });
    const entries = entriesOf(changes, KEEP);
    assert.equal(entries[1]?.node?.meta.mode, 0o777);
    assert.equal(entries[0]?.node, file);
    const [set] = entriesOf(changes, { epoch: 9, timestamps: "set" });
    assert.deepEqual(set?.node, { ...file, meta: { ...file.meta, mtime: 9 } });
  });

  test("says nothing of the root, and nothing at all where nothing changed", () => {
    assert.deepEqual(
      layerOf({ a: "x" }, (tree) => tree.set("", node(["/", { mode: 0o700 }]))),
      [],
    );
  });
});

describe("what is gone", () => {
  test("is an empty file .wh.NAME of mode 0, at the epoch; of a folder just one", () => {
    const before = { "a/b/c": "x", "a/d": "x" };
    const lines = layerOf(before, (tree) => {
      tree.remove("a/b");
      tree.remove("a/d");
    });
    assert.deepEqual(lines, ["a: / 755 0:0", "a/.wh.b:  0 0:0 @5", "a/.wh.d:  0 0:0 @5"]);
  });

  test("needs no whiteout where something else has taken its place", () => {
    assert.deepEqual(
      layerOf({ "a/b/c": "x", d: "x" }, (tree) => {
        tree.set("a", node("file"));
        tree.set("d", node("/"));
      }),
      ["a: file 644 0:0", "d: / 755 0:0"],
    );
  });

  test("is said name by name where the folder is there again", () => {
    const before = { "a/b/c": "x", "a/d": "x", "a/e": "x" };
    const lines = layerOf(before, (tree) => {
      tree.remove("a");
      tree.set("a", node(["/", { mode: 0o700 }]));
      tree.set("a/e", node("new"));
    });
    assert.deepEqual(lines, [
      "a: / 700 0:0",
      "a/.wh.b:  0 0:0 @5",
      "a/.wh.d:  0 0:0 @5",
      "a/e: new 644 0:0",
    ]);
  });

  test("is said name by name, too, where something else was in between", () => {
    const lines = layerOf({ "a/b/c": "x", "a/d": "x" }, (tree) => {
      tree.set("a/new", node("x"));
      tree.set("a", node("file"));
      tree.set("a", node("/"));
      tree.set("a/d", node("new"));
    });
    assert.deepEqual(lines, ["a: / 755 0:0", "a/.wh.b:  0 0:0 @5", "a/d: new 644 0:0"]);
  });

  test("is not said of what was never there", () => {
    assert.deepEqual(
      layerOf({}, (tree) => {
        tree.set("a", node("/"));
        tree.set("a/b", node("x"));
        tree.remove("a");
        tree.remove("nothing");
      }),
      [],
    );
  });
});

describe("no layer has", () => {
  const refused = async (
    path: string,
    found: Node = node("x"),
    before: Record<string, Short> = {},
  ) => {
    const changes = changed(treeOf(before), (tree) => tree.set(path, found));
    return faultOf("unsupported", () => entriesOf(changes, KEEP));
  };

  test("a name that would be a whiteout", async () => {
    assert.match((await refused(".wh.x")).found, /begins with "\.wh\."/);
    await refused("a/.wh.x", node("x"), { a: "/" });
    await refused("a/.wh..wh..opq", node("x"), { a: "/" });
    await refused(".wh.d/x", node("x"), { ".wh.d": "/" });
  });

  test("a name that is not UTF-8, nor such a link", async () => {
    assert.match((await refused("a\udcff")).found, /not UTF-8/);
    assert.match((await refused("l", node("-> a\udcff"))).found, /not UTF-8/);
  });

  test("what no image can have", async () => {
    const meta = { mode: 0, uid: 0, gid: 0, mtime: 0 };
    const facts = await refused("s", { kind: "refused", meta, why: "a socket", at: "/x/s" });
    assert.deepEqual([facts.at, facts.found], ["/x/s", "a socket"]);
  });

  test("two names that only normalization tells apart, also where the other is older", async () => {
    const [composed, apart] = ["\u00e9", "e\u0301"];
    const facts = await refused(`a/${apart}`, node("x"), { [`a/${composed}`]: "x" });
    assert.match(facts.found, /Unicode takes for the same/);
    const elsewhere = layerOf({ [`a/${composed}`]: "x" }, (tree) => tree.set(apart, node("x")));
    assert.equal(elsewhere.length, 1);
    const above = layerOf({ [composed]: "/", [apart]: "/" }, (tree) =>
      tree.set(`${apart}/new`, node("x")),
    );
    assert.equal(above.length, 2);
  });

  test("a name that is both a whiteout's and a file's", async () => {
    const before = { a: "x" };
    const changes = changed(treeOf(before), (tree) => {
      tree.remove("a");
      tree.set(".wh.a", node("x"));
    });
    await faultOf("unsupported", () => entriesOf(changes, KEEP));
  });
});

/** Something is set where it can be, or set under a second name, or removed. */
const happenings = fc.array(
  fc.tuple(somePath, fc.oneof(someNode, somePath, fc.constant(undefined))),
  { maxLength: 25 },
);
type Happening = readonly [path: string, what: Node | string | undefined];

function happen(tree: Tree, all: readonly Happening[]): void {
  for (const [path, what] of all) {
    const found = typeof what === "string" ? tree.get(what) : what;
    if (what === undefined) tree.remove(path);
    else if (found === undefined || (typeof what === "string" && found.kind === "directory"))
      continue;
    else if (tree.get(parentOf(path))?.kind === "directory") tree.set(path, found);
  }
}

/** A tree, and the same after more has happened to it, with what changed. */
function story(first: readonly Happening[], then: readonly Happening[]) {
  const tree = new Tree("t");
  happen(tree, first);
  return changed(tree, () => happen(tree, then));
}

test("the entries of a change, applied to the old tree, give the new one", async () => {
  await fc.assert(
    fc.asyncProperty(happenings, happenings, async (first, then) => {
      const changes = story(first, then);
      const tree = changes.before.copy();
      await applyLayer(tree, members(entriesOf(changes, KEEP)));
      assert.deepEqual(unlinked(show(tree)), unlinked(show(changes.after)));
    }),
    { numRuns: 500 },
  );
});

/** What is other, by path, as somebody sees it who goes over all of both trees. */
function differences({ before, after }: Changes): Map<string, Node | "removed"> {
  const all = new Map<string, Node | "removed">();
  for (const path of pathsOf(after))
    if (before.get(path) !== after.get(path)) all.set(path, after.get(path)!);
  for (const path of pathsOf(before))
    if (after.get(path) === undefined && after.get(parentOf(path))?.kind === "directory")
      all.set(path, "removed");
  return all;
}

test("every difference has its entry, and no other path but the folders on the way", () => {
  fc.assert(
    fc.property(happenings, happenings, (first, then) => {
      const changes = story(first, then);
      const all = differences(changes);
      const entries = new Set(entriesOf(changes, KEEP).map(({ path }) => path));
      const wanted = [...all].map(([path, what]) => {
        const name = what === "removed" ? `.wh.${baseName(path)}` : baseName(path);
        return join(parentOf(path), name);
      });
      for (const path of wanted) assert.ok(entries.delete(path), path);
      for (const path of entries)
        assert.ok(
          wanted.some((below) => below.startsWith(`${path}/`)),
          path,
        );
      assert.equal(countChanges(changes), all.size);
    }),
  );
});

test("entries are sorted, each path once, each after its folder, each link after its file", () => {
  fc.assert(
    fc.property(happenings, happenings, (first, then) => {
      const changes = story(first, then);
      const seen = new Map<string, Entry>();
      let last = "";
      for (const entry of entriesOf(changes, KEEP)) {
        const name = memberName(entry.path, entry.node?.kind === "directory");
        assert.ok(Buffer.compare(Buffer.from(last), Buffer.from(name)) < 0, `${last}, ${name}`);
        const parent = parentOf(entry.path);
        if (parent !== "") assert.equal(seen.get(parent)?.node?.kind, "directory");
        if (entry.link !== undefined) assert.ok(seen.get(entry.link)?.node);
        last = name;
        seen.set(entry.path, entry);
      }
    }),
  );
});

describe("a layer over a tree", () => {
  const meta = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
  const file = (path: string): Entry => ({ path, node: node("new") as Entry["node"] & object });
  const apply = async (before: Readonly<Record<string, Short>>, ...entries: Entry[]) => {
    const tree = treeOf(before);
    await applyLayer(tree, members(entries));
    return tree;
  };
  const folder = (path: string, mode = 0o711): Entry => ({
    path,
    node: { kind: "directory", meta: { ...meta, mode } },
  });

  test("takes away by whiteouts, wherever they stand, what is below it and not its own", async () => {
    const before = { "a/b/old": "x", "a/b/x/old": "x", "a/c": "x", d: "x" };
    const entries = [file("a/b/x/new"), file("a/.wh.b"), file("a/.wh.c"), file(".wh.d"), file("d")];
    const want = ["a", "a/b", "a/b/x", "a/b/x/new", "d"];
    for (const order of [entries, [...entries].reverse()])
      assert.deepEqual(pathsOf(await apply(before, ...order)), want);
  });

  test("takes away all that a folder had by an opaque whiteout, wherever it stands", async () => {
    const before = { "a/b/c/bar": "x", "a/d": "x", e: "x" };
    const entries = [folder("a"), file("a/.wh..wh..opq"), folder("a/b"), file("a/b/c/foo")];
    const want = ["a", "a/b", "a/b/c", "a/b/c/foo", "e"];
    for (const order of [entries, [...entries].reverse()])
      assert.deepEqual(pathsOf(await apply(before, ...order)), want);
  });

  test("passes over aufs's housekeeping, makes nothing for a whiteout, refuses one of nothing", async () => {
    const tree = await apply(
      { a: "x" },
      file(".wh..wh.plnk/1"),
      file("b/.wh.x"),
      file(".wh..wh.aufs"),
    );
    assert.deepEqual(pathsOf(tree), ["a"]);
    await faultOf("malformed", () => apply({}, file("a/.wh.")));
  });

  test("replaces what is of another kind, and gives a folder its metadata", async () => {
    const before = { "a/b": "x", "f/x": "x", l: "-> a" };
    const tree = await apply(before, folder("a"), file("f"), folder("l"), folder("", 0o700));
    assert.deepEqual(show(tree), {
      a: "/ 711 0:0",
      "a/b": "x 644 0:0",
      f: "new 644 0:0",
      l: "/ 711 0:0",
    });
    assert.equal(tree.get("")?.meta.mode, 0o700);
  });

  test("follows links of folders, also for hard links, and makes the folders that are missing", async () => {
    const before = { lib: "-> usr/lib", "usr/lib/old": "x" };
    const entries = [file("lib/a/new"), { path: "hard", link: "lib/old", meta }];
    const tree = await apply(before, ...entries);
    assert.equal(tree.get("hard"), tree.get("usr/lib/old"));
    assert.deepEqual(pathsOf(tree), [
      "hard",
      "lib",
      "usr",
      "usr/lib",
      "usr/lib/a",
      "usr/lib/a/new",
      "usr/lib/old",
    ]);
    assert.equal(tree.get("usr/lib/a")?.meta.mode, 0o755);
  });

  test("may have a folder vanish between two of its members", async () => {
    const tree = await apply({ "a/old": "x" }, file("a/.wh.old"), file(".wh.a"), file("a/new"));
    assert.deepEqual(pathsOf(tree), ["a", "a/new"]);
    const linked = await apply({ b: "/", l: "-> b" }, file("l/x"), file(".wh.l"), file("l/y"));
    assert.deepEqual(pathsOf(linked), ["b", "b/x", "l", "l/y"]);
    const again = await apply({}, file("a/b/c"), file("a"), folder("a"), file("a/b/d"));
    assert.deepEqual(pathsOf(again), ["a", "a/b", "a/b/d"]);
  });

  test("cannot link to nothing or a folder, nor lie below a file or in a circle of links", async () => {
    await faultOf("malformed", () => apply({}, { path: "a", link: "b", meta }));
    await faultOf("malformed", () => apply({ b: "/" }, { path: "a", link: "b", meta }));
    await faultOf("malformed", () => apply({ b: "x" }, file("b/c")));
    await faultOf("malformed", () => apply({ b: "-> b" }, file("b/c")));
  });
});
