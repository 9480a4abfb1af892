import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { byBytes } from "../../../src/base/order.ts";
import { baseName, follow, join, normalizePath, parentOf } from "../../../src/layer/tree/path.ts";
import { Tree } from "../../../src/layer/tree/tree.ts";
import { faultOf } from "../../support/fault.ts";
import {
  line,
  node,
  pathsOf,
  show,
  someNode,
  somePath,
  treeOf,
} from "../../support/trees/layer-trees.ts";

test("a tree gives what was put into it, and nothing else", () => {
  const tree = treeOf({ "a/b": "x", "a/c/d": "-> ../b" });
  assert.deepEqual(show(tree), {
    a: "/ 755 0:0",
    "a/b": "x 644 0:0",
    "a/c": "/ 755 0:0",
    "a/c/d": "-> ../b 0:0",
  });
  assert.equal(tree.get("")?.kind, "directory");
  for (const path of ["b", "a/b/c", "a/x", "a/c/d/b", "ab", "a/"])
    assert.equal(tree.get(path), undefined, path);
  assert.deepEqual([tree.list("a/b"), tree.list("a/x"), tree.list("a/c/d")], [[], [], []]);
});

test("names come in the order of their bytes, whatever the order in which they were set", () => {
  const tree = new Tree("t");
  for (const name of ["\u{1f600}", "b", "\ufffd", "a", "_", "B"]) tree.set(name, node("x"));
  assert.deepEqual(tree.list(""), ["B", "_", "a", "b", "\ufffd", "\u{1f600}"]);
  tree.set("a0", node("x"));
  tree.remove("b");
  assert.deepEqual(tree.list(""), ["B", "_", "a", "a0", "\ufffd", "\u{1f600}"]);
});

test("a folder over a folder leaves what is in it; anything else takes all with it", async () => {
  const tree = treeOf({ "a/b/c": "x" });
  assert.equal(tree.set("a", node(["/", { mode: 0o700 }]))?.meta.mode, 0o755);
  assert.equal(tree.get("a")?.meta.mode, 0o700);
  assert.equal(line(tree.get("a/b/c")), "x 644 0:0");
  tree.set("a/b", node("file"));
  assert.deepEqual(Object.keys(show(tree)), ["a", "a/b"]);
  tree.set("a/b", node("/"));
  tree.set("a/b/c", node("x"));
  tree.set("a/b", node("file"));
  assert.equal(tree.get("a/b/c"), undefined);
  await faultOf("internal", () => tree.set("a/b/d", node("x")));
  tree.set("a/b", node("/"));
  assert.deepEqual(tree.list("a/b"), []);
});

test("what has no folder to lie in, and a root that is none, are mistakes of ours", async () => {
  const tree = treeOf({ a: "x" });
  await faultOf("internal", () => tree.set("b/c", node("x")));
  await faultOf("internal", () => tree.set("a/c", node("x")));
  await faultOf("internal", () => tree.set("", node("x")));
});

test("after a folder is removed, nothing is put into what it was", async () => {
  const tree = treeOf({ "a/b/c": "x" });
  tree.set("a/b/d", node("x"));
  assert.equal(tree.remove("a/b")?.kind, "directory");
  assert.equal(tree.remove("a/b"), undefined);
  assert.equal(tree.remove(""), undefined);
  await faultOf("internal", () => tree.set("a/b/e", node("x")));
  assert.deepEqual(Object.keys(show(tree)), ["a"]);
});

/** What happens to a tree: a node is set where it can be, or something removed. */
const happenings = fc.array(fc.tuple(somePath, fc.option(someNode)), { maxLength: 30 });

function happen(tree: Tree, all: readonly (readonly [string, ReturnType<typeof node> | null])[]) {
  for (const [path, found] of all) {
    if (found === null) tree.remove(path);
    else if (tree.get(parentOf(path))?.kind === "directory") tree.set(path, found);
  }
}

test("a copy and its original do not see what happens to the other", () => {
  fc.assert(
    fc.property(happenings, happenings, happenings, (before, one, other) => {
      const tree = new Tree("t");
      happen(tree, before);
      const copy = tree.copy();
      happen(tree, one);
      happen(copy, other);
      const alone = (after: typeof one) => {
        const again = new Tree("t");
        happen(again, [...before, ...after]);
        return show(again);
      };
      assert.deepEqual(show(tree), alone(one));
      assert.deepEqual(show(copy), alone(other));
    }),
  );
});

test("every path that a tree lists is there, sorted within its folder", () => {
  fc.assert(
    fc.property(happenings, (all) => {
      const tree = new Tree("t");
      happen(tree, all);
      for (const path of pathsOf(tree)) {
        assert.ok(tree.get(path));
        const names = tree.list(path);
        assert.deepEqual([...names].sort(byBytes), names);
      }
    }),
  );
});

test("paths are taken apart, put together and cleaned by their text", () => {
  assert.deepEqual(["a", "a/b/c", ""].map(parentOf), ["", "a/b", ""]);
  assert.deepEqual(["a", "a/b/c", ""].map(baseName), ["a", "c", ""]);
  assert.deepEqual([join("", "a"), join("a", "b"), join("a", "")], ["a", "a/b", "a"]);
  assert.deepEqual(["/a//b/./c/", ".", "../../a", "a/../b", "a/b/.."].map(normalizePath), [
    "a/b/c",
    "",
    "a",
    "b",
    "a",
  ]);
});

test("links are followed inside the tree, as far as something is there", () => {
  const tree = treeOf({
    "usr/lib/x": "x",
    lib: "-> usr/lib",
    "a/up": "-> ../lib",
    "a/out": "-> ../../../../lib/x",
    "a/abs": "-> /a/up/./x",
    gone: "-> /no/such",
    self: "-> self",
    two: "-> three",
    three: "-> ./two",
  });
  const leads = {
    "": "",
    "lib/x": "usr/lib/x",
    "a/up/x": "usr/lib/x",
    "a/out": "usr/lib/x",
    "a/abs": "usr/lib/x",
    "gone/y": "no/such/y",
    "lib/../x": "usr/x",
    "nothing/../x": "x",
    "a/new/b": "a/new/b",
  };
  for (const [path, real] of Object.entries(leads)) assert.equal(follow(tree, path), real, path);
  for (const path of ["self", "two", "self/x"]) assert.equal(follow(tree, path), undefined, path);
});

test("links are followed with a folder as their root", () => {
  const tree = treeOf({ "r/lib": "-> /usr/lib", "r/up": "-> ../..", "usr/lib/x": "x" });
  assert.equal(follow(tree, "lib/x", "r"), "r/usr/lib/x");
  assert.equal(follow(tree, "up/y", "r"), "r/y");
});

test("255 links on a way are followed, and not one more", () => {
  const chain = (count: number) => {
    const tree = treeOf({ l0: "x" });
    for (let i = 1; i <= count; i++) tree.set(`l${i}`, node(`-> l${i - 1}`));
    return follow(tree, `l${count}`);
  };
  assert.equal(chain(255), "l0");
  assert.equal(chain(256), undefined);
});
