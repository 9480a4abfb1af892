import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, linkSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { concat } from "../../../src/base/bytes.ts";
import { isIngotError } from "../../../src/base/error.ts";
import { type CopyRequest, copyInto } from "../../../src/layer/copy/copy.ts";
import { addWorkdir } from "../../../src/layer/copy/workdir.ts";
import { entriesOf } from "../../../src/layer/pack/entries.ts";
import { pack } from "../../../src/layer/pack/pack.ts";
import { countChanges } from "../../../src/layer/tree/changes.ts";
import { diskTree } from "../../../src/layer/tree/disk-tree.ts";
import type { Node } from "../../../src/layer/tree/entry.ts";
import { parentOf } from "../../../src/layer/tree/path.ts";
import { TrackedTree } from "../../../src/layer/tree/recorder.ts";
import type { ReadTree, Tree } from "../../../src/layer/tree/tree.ts";
import { applyLayer } from "../../../src/layer/unpack/apply.ts";
import { faultOf } from "../../support/fault.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import {
  line,
  members,
  pathsOf,
  type Short,
  show,
  showEntries,
  someNode,
  somePath,
  treeOf,
  unlinked,
} from "../../support/trees/layer-trees.ts";
import { writeTree } from "../../support/trees/tree.ts";

type Nodes = Readonly<Record<string, Short>>;
const KEEP = { epoch: 0, timestamps: "keep" } as const;
const REST = { add: false, exclude: [], parents: false, link: false, place: "Dockerfile:3:1" };

/** COPY of `words`, the last one the destination, onto a tree of `image`. */
async function copy(
  image: Tree | Nodes,
  context: ReadTree | Nodes,
  words: string,
  more: Partial<CopyRequest> = {},
): Promise<Tree> {
  const tree = isTree(image) ? image : treeOf(image);
  const from = isTree(context) ? context : treeOf(context, "the context");
  const sources = words.split(" ");
  const dest = sources.pop()!;
  await copyInto(tree, { ...REST, from, sources, dest, ...more });
  return tree;
}

const isTree = <T extends ReadTree>(tree: T | Nodes): tree is T => typeof tree.get === "function";

describe("a file is copied", () => {
  const context: Nodes = { f: ["x", { mode: 0o4711, mtime: 7 }], "d/g": "y" };
  const cases: readonly (readonly [words: string, image: Nodes, want: Record<string, string>])[] = [
    ["f /a", {}, { a: "x 4711 0:0 @7" }],
    ["f /a/", {}, { a: "/ 755 0:0", "a/f": "x 4711 0:0 @7" }],
    ["f/ /a", {}, { a: "x 4711 0:0 @7" }],
    ["./d/../f /", {}, { f: "x 4711 0:0 @7" }],
    ["../../f /", {}, { f: "x 4711 0:0 @7" }],
    ["f /a/b/c", {}, { a: "/ 755 0:0", "a/b": "/ 755 0:0", "a/b/c": "x 4711 0:0 @7" }],
    ["f /a", { a: ["/", { mode: 0o700 }] }, { a: "/ 700 0:0", "a/f": "x 4711 0:0 @7" }],
    ["f /a", { a: "old" }, { a: "x 4711 0:0 @7" }],
    ["f d/g /a/", {}, { a: "/ 755 0:0", "a/f": "x 4711 0:0 @7", "a/g": "y 644 0:0" }],
    ["f d/g /a", {}, { a: "y 644 0:0" }],
  ];
  for (const [words, image, want] of cases) {
    test(`${words} onto ${JSON.stringify(Object.keys(image))}`, async () => {
      assert.deepEqual(show(await copy(image, context, words)), want);
    });
  }

  test("not over a folder, and not into a file", async () => {
    await faultOf("unsupported", () => copy({ "a/f/x": "x" }, context, "f /a"));
    await faultOf("unsupported", () => copy({ a: "x" }, context, "f /a/"));
    await faultOf("unsupported", () => copy({ a: "x" }, context, "f /a/b/c"));
  });
});

describe("a folder is copied", () => {
  const context: Nodes = {
    d: ["/", { mode: 0o700, mtime: 9 }],
    "d/s": ["/", { mode: 0o711, uid: 3, mtime: 4 }],
    "d/s/f": "x",
    "d/.h": "hidden",
  };
  const inside = { "a/.h": "hidden 644 0:0", "a/s": "/ 711 3:0 @4", "a/s/f": "x 644 0:0" };
  test("as what is in it, the folder itself only giving its time", async () => {
    for (const words of ["d /a", "d/ /a", "d/. /a/", "d /a/", "/d /a"])
      assert.deepEqual(
        show(await copy({}, context, words)),
        { a: "/ 755 0:0 @9", ...inside },
        words,
      );
    assert.deepEqual(pathsOf(await copy({}, context, ". /")), ["d", "d/.h", "d/s", "d/s/f"]);
    assert.deepEqual(pathsOf(await copy({}, context, "d/s f /x/", { sources: ["d/s"] })), [
      "x",
      "x/f",
    ]);
  });

  test("into one that is there, which keeps its own metadata; one below gets the source's", async () => {
    const image: Nodes = {
      a: ["/", { mode: 0o750, uid: 5 }],
      "a/s": ["/", { uid: 6 }],
      "a/s/old": "o",
    };
    assert.deepEqual(show(await copy(image, context, "d /a")), {
      a: "/ 750 5:0 @9",
      ...inside,
      "a/s/old": "o 644 0:0",
    });
  });

  test("keeping extended attributes that the other lacks", async () => {
    const attributes = (name: string, value: number) => ({
      xattrs: new Map([[name, Uint8Array.of(value)]]),
    });
    const tree = await copy(
      { "a/s": ["/", attributes("user.a", 65)] },
      { "d/s": ["/", attributes("user.b", 66)] },
      "d /a",
    );
    assert.equal(line(tree.get("a/s")), "/ 755 0:0 user.a=A user.b=B");
  });

  test("not over a file, nor over a link that is below the destination", async () => {
    await faultOf("unsupported", () => copy({ a: "x" }, context, "d /a"));
    await faultOf("unsupported", () => copy({ "a/s": "x" }, context, "d /a"));
    await faultOf("unsupported", () => copy({ "a/s": "-> /b", "b/c": "x" }, context, "d /a"));
    await faultOf("unsupported", () => copy({ "a/s/f/x": "x" }, context, "d /a"));
  });

  test("with files over files and links, which are not followed", async () => {
    const image: Nodes = { "a/s/f": "-> /b", b: "old" };
    const tree = await copy(image, context, "d /a");
    assert.equal(line(tree.get("a/s/f")), "x 644 0:0");
    assert.equal(line(tree.get("b")), "old 644 0:0");
  });
});

describe("links", () => {
  const context: Nodes = {
    "real/f": "x",
    "real/l": "-> f",
    link: "-> real",
    file: "-> real/f",
    out: "-> ../../real/f",
    abs: "-> /real/f",
    loop: "-> loop",
    lost: "-> gone",
  };

  test("that are sources are followed, never out, and keep their name", async () => {
    for (const name of ["file", "out", "abs"])
      assert.deepEqual(show(await copy({}, context, `${name} /a/`)), {
        a: "/ 755 0:0",
        [`a/${name}`]: "x 644 0:0",
      });
    assert.deepEqual(pathsOf(await copy({}, context, "link /a")), ["a", "a/f", "a/l"]);
    assert.deepEqual(pathsOf(await copy({}, context, "link/f /a/")), ["a", "a/f"]);
    assert.deepEqual(pathsOf(await copy({}, context, "li* /a/")), ["a", "a/f", "a/l"]);
    assert.deepEqual(pathsOf(await copy({}, context, "link/* /a/")), ["a", "a/f", "a/l"]);
    assert.deepEqual(pathsOf(await copy({}, context, "l*k/f /a/")), []);
  });

  test("inside of a folder stay as they are", async () => {
    const tree = await copy({}, context, ". /");
    assert.equal(line(tree.get("lost")), "-> gone 0:0");
    assert.equal(line(tree.get("real/l")), "-> f 0:0");
  });

  test("that lead nowhere are not found", async () => {
    await faultOf("not-found", () => copy({}, context, "loop /a"));
    await faultOf("not-found", () => copy({}, context, "lost /a"));
  });

  test("on the way to the destination and at it are followed, inside the image", async () => {
    const image: Nodes = {
      lib: "-> usr/lib",
      "usr/lib/x": "x",
      cfg: "-> /etc/../../new/cfg",
      dir: "-> lib",
    };
    assert.equal(line((await copy(image, context, "file /lib/y")).get("usr/lib/y")), "x 644 0:0");
    assert.equal(line((await copy(image, context, "file /cfg")).get("new/cfg")), "x 644 0:0");
    assert.equal(line((await copy(image, context, "file /dir")).get("usr/lib/file")), "x 644 0:0");
    const tree = await copy(image, context, "link /dir");
    assert.equal(line(tree.get("dir")), "-> lib 0:0");
    assert.deepEqual(tree.list("usr/lib"), ["f", "l", "x"]);
    await faultOf("unsupported", () => copy({ a: "-> a" }, context, "file /a/b"));
  });
});

describe("hard links", () => {
  const linked = (): Tree => {
    const tree = treeOf({ "d/a": "x", e: "/" });
    tree.set("d/b", tree.get("d/a")!);
    tree.set("e/c", tree.get("d/a")!);
    return tree;
  };

  test("stay within a source, and do not reach to another one nor to the original", async () => {
    const from = linked();
    const tree = await copy({}, from, "d e /t/");
    assert.deepEqual(show(tree), {
      t: "/ 755 0:0",
      "t/a": "x 644 0:0",
      "t/b": "= t/a",
      "t/c": "x 644 0:0",
    });
    assert.notEqual(tree.get("t/a"), from.get("d/a"));
  });

  test("stay under --chown and --chmod", async () => {
    const tree = await copy({}, linked(), ". /", { chown: "1:2", chmod: "600" });
    assert.deepEqual(show(tree)["d/b"], "= d/a");
    assert.equal(line(tree.get("d/a")), "x 600 1:2");
  });
});

describe("wildcards", () => {
  const context: Nodes = {
    "a.txt": "a",
    ".h.txt": "h",
    "b.md": "b",
    "d1/x": "1",
    "d2/x.txt": "2",
    "d2/s/x": "3",
    "arr[0]": "z",
  };
  const cases: Record<string, string[]> = {
    "*.txt": [".h.txt", "a.txt"],
    "d*": ["s", "s/x", "x", "x.txt"],
    "*/x": ["x"],
    "d?/*": ["x", "x.txt"],
    "d[^1]/*": ["x", "x.txt"],
    "arr[[]0]": ["arr[0]"],
    "nothing*": [],
    "d1/no*": [],
  };
  for (const [pattern, want] of Object.entries(cases)) {
    test(pattern, async () => {
      const tree = await copy({ t: "/" }, context, `${pattern} /t/`);
      assert.deepEqual(
        pathsOf(tree, "t"),
        want.map((name) => `t/${name}`),
      );
    });
  }

  test("that fit nothing make nothing, not even the destination", async () => {
    assert.deepEqual(pathsOf(await copy({}, context, "nothing* /t/")), []);
    assert.deepEqual(pathsOf(await copy({}, context, "a.txt no* /")), ["a.txt"]);
  });

  test("in a folder that is not there are mistakes", async () => {
    const facts = await faultOf("not-found", () => copy({}, context, "d3/* /t/"));
    assert.deepEqual(facts.near, ["d1", "d2"]);
  });

  test("take what fits in the order of its bytes", async () => {
    assert.equal(line((await copy({}, context, "*.??t /t")).get("t")), "a 644 0:0");
  });

  test("that do not end are mistakes", async () => {
    const facts = await faultOf("usage", () => copy({}, context, "[a /t"));
    assert.match(facts.message, /Dockerfile:3:1: the source "\[a"/);
  });
});

describe("what is not there", () => {
  test("is said with what looks like it", async () => {
    const facts = await faultOf("not-found", () =>
      copy({}, { "src/main.ts": "x" }, "src/mian.ts /"),
    );
    assert.deepEqual(facts.near, ["src/main.ts"]);
    assert.match(facts.what, /"src\/mian\.ts" of Dockerfile:3:1/);
    assert.match(facts.at, /the context/);
    const above = await faultOf("not-found", () =>
      copy({}, { "src/main.ts": "x" }, "scr/main.ts /"),
    );
    assert.deepEqual(above.near, ["src"]);
  });

  test("is said to be left out, where it is", async () => {
    const tree = treeOf({ a: "x" });
    const from: ReadTree = {
      at: "the context",
      get: (path) => tree.get(path),
      list: (path) => tree.list(path),
      children: (path) => tree.children(path),
      leavesOut: (path) => path === "secret",
    };
    const facts = await faultOf("not-found", () => copy({}, from, "secret/key /"));
    assert.match(facts.hint ?? "", /\.dockerignore.*!secret\/key/);
    assert.equal((await faultOf("not-found", () => copy({}, from, "other /"))).hint, undefined);
  });

  test("what no image can have is a fault for who copies it, not for its neighbours", async () => {
    const meta = { mode: 0, uid: 0, gid: 0, mtime: 0 };
    const socket: Node = { kind: "refused", meta, why: "a socket", at: "/c/s" };
    const from = treeOf({ a: "x" });
    from.set("s", socket);
    assert.equal((await faultOf("unsupported", () => copy({}, from, ". /"))).found, "a socket");
    assert.deepEqual(pathsOf(await copy({}, from, "a /")), ["a"]);
    assert.deepEqual(pathsOf(await copy({}, from, ". /", { exclude: ["s"] })), ["a"]);
  });
});

describe("--chown", () => {
  const image: Nodes = {
    "etc/passwd": "root:x:0:0::/:/bin/sh\n# no\nbad\napp:x:100:101::/:/bin/sh\napp:x:9:9::/:\n",
    "etc/group": "root:x:0:\nweb:x:33:app\n",
  };
  const context: Nodes = { "d/f": ["x", { uid: 5, gid: 6 }], "d/l": "-> f" };
  const owners: Record<string, string> = {
    "1000": "1000:1000",
    "1000:1": "1000:1",
    app: "100:101",
    "app:": "100:101",
    "app:web": "100:33",
    "app:5": "100:5",
    "7:web": "7:33",
    ":web": "0:33",
    root: "0:0",
    "root:root": "0:0",
  };
  for (const [chown, owner] of Object.entries(owners)) {
    test(`${chown} is ${owner}, for folders that are made, too`, async () => {
      const tree = await copy(image, context, "d /new/t/", { chown });
      for (const path of ["new", "new/t", "new/t/f", "new/t/l"])
        assert.match(line(tree.get(path)), new RegExp(` ${owner}$`), path);
    });
  }

  test("without it owners are the source's", async () => {
    assert.equal(line((await copy(image, context, "d/f /x/")).get("x/f")), "x 644 5:6");
  });

  test("knows the image's users and no others", async () => {
    const facts = await faultOf("not-found", () => copy(image, context, "d /t", { chown: "ap" }));
    assert.match(facts.what, /the user "ap" of Dockerfile:3:1/);
    assert.deepEqual(facts.near, ["app"]);
    await faultOf("not-found", () => copy(image, context, "d /t", { chown: "0:app" }));
    await faultOf("not-found", () => copy({}, context, "d /t", { chown: "app" }));
    await faultOf("not-found", () => copy({}, context, "d /t", { chown: "-1" }));
    await faultOf("not-found", () => copy({}, context, "d /t", { chown: "4294967296" }));
    const linked: Nodes = { "etc/passwd": "-> ../lib/pw", "lib/pw": "u:x:3:4:::\n" };
    assert.equal(
      line((await copy(linked, context, "d/f /t", { chown: "u" })).get("t")),
      "x 644 3:4",
    );
  });
});

describe("--chmod", () => {
  const context: Nodes = {
    "d/f": "x",
    "d/x": ["x", { mode: 0o4750 }],
    "d/s/g": ["x", { mode: 0o600 }],
    "d/l": "-> f",
  };
  const modes: readonly (readonly [chmod: string, f: string, x: string, s: string])[] = [
    ["600", "600", "600", "600"],
    ["04755", "4755", "4755", "4755"],
    ["7777", "7777", "7777", "7777"],
    ["+x", "755", "4751", "755"],
    ["a+X", "644", "4751", "755"],
    ["u=rwX,go=rX", "644", "755", "755"],
    ["go=", "600", "4700", "700"],
    ["go=u", "666", "4777", "777"],
    ["g=u-w,o=", "640", "4750", "750"],
    ["u-s,o+w", "646", "752", "757"],
    ["+t", "1644", "5750", "1755"],
    ["o+t,o+s", "644", "4750", "755"],
    ["g+s", "2644", "6750", "2755"],
    ["a=r", "444", "444", "444"],
    ["=rw", "666", "666", "666"],
    ["u+r-w+x", "544", "4550", "555"],
    ["-X", "644", "4640", "644"],
  ];
  for (const [chmod, f, x, s] of modes) {
    test(chmod, async () => {
      const tree = await copy({}, context, "d /t", { chmod });
      const mode = (path: string) => tree.get(path)?.meta.mode.toString(8);
      assert.deepEqual([mode("t/f"), mode("t/x"), mode("t/s"), mode("t/l")], [f, x, s, "777"]);
    });
  }

  test("a number is for folders that are made, too, without its highest bits", async () => {
    const tree = await copy({ old: "/" }, context, "d/f /new/t/", { chmod: "4640" });
    assert.equal(line(tree.get("new/t")), "/ 640 0:0");
    assert.equal(line(tree.get("new")), "/ 640 0:0");
    assert.equal(
      line((await copy({}, context, "d/f /new/", { chmod: "+w" })).get("new")),
      "/ 755 0:0",
    );
    assert.equal(
      line((await copy({ old: "/" }, context, "d /old", { chmod: "600" })).get("old")),
      "/ 755 0:0",
    );
  });

  test("is a number up to 7777, or changes", async () => {
    for (const chmod of ["", "9", "77777", "0o755", "u", "u+q", "x+r", "+x,", "755,+x"])
      await faultOf("usage", () => copy({}, context, "d /t", { chmod }));
  });
});

describe("--exclude", () => {
  const context: Nodes = {
    "d/a.txt": "x",
    "d/b.md": "x",
    "d/s/c.txt": "x",
    "d/s/e.md": "x",
    "home.txt": "x",
    "home.md": "x",
  };
  const cases: readonly (readonly [words: string, exclude: string[], want: string[]])[] = [
    ["d /t/", ["*.txt"], ["b.md", "s", "s/c.txt", "s/e.md"]],
    ["d /t/", ["**/*.txt"], ["b.md", "s", "s/e.md"]],
    ["d /t/", ["s"], ["a.txt", "b.md"]],
    ["d /t/", ["s", "!s/e.md"], ["a.txt", "b.md", "s", "s/e.md"]],
    ["d /t/", ["*"], []],
    ["d* /t/", ["*"], []],
    ["hom* /t/", ["*.txt"], ["home.md"]],
    ["home.txt home.md /t/", ["*.txt"], ["home.md"]],
    [". /t/", ["d/*.txt", "home.*"], ["d", "d/b.md", "d/s", "d/s/c.txt", "d/s/e.md"]],
  ];
  for (const [words, exclude, want] of cases) {
    test(`${exclude.join(" ")} of ${words}`, async () => {
      const tree = await copy({}, context, words, { exclude });
      assert.deepEqual(
        pathsOf(tree, "t"),
        want.map((name) => `t/${name}`),
      );
      assert.equal(tree.get("t")?.kind, "directory");
    });
  }

  test("has to be a pattern", async () => {
    const facts = await faultOf("usage", () => copy({}, context, "d /t", { exclude: ["[a"] }));
    assert.match(facts.message, /--exclude "\[a"/);
  });
});

describe("--parents", () => {
  const context: Nodes = {
    x: ["/", { mode: 0o711, mtime: 3 }],
    "x/y": ["/", { mode: 0o700, uid: 4 }],
    "x/y/a.txt": "a",
    "x/y/b.txt": "b",
    "x/y/z/c.txt": "c",
    "x/w/d.txt": "d",
    "top.txt": "t",
  };
  const cases: Record<string, string[]> = {
    "x/y/a.txt": ["x", "x/y", "x/y/a.txt"],
    "./x/y/a.txt": ["x", "x/y", "x/y/a.txt"],
    "x/./y/a.txt": ["y", "y/a.txt"],
    "./x/./y/*.txt": ["y", "y/a.txt", "y/b.txt"],
    "x/y/./z/.": ["z", "z/c.txt"],
    "x/./y/./z": ["y", "y/z", "y/z/c.txt"],
    "x/*/./*.txt": ["a.txt", "b.txt", "d.txt"],
    "x/**/c.txt": ["x", "x/y", "x/y/z", "x/y/z/c.txt"],
    "**/*.txt": [
      "top.txt",
      "x",
      "x/w",
      "x/w/d.txt",
      "x/y",
      "x/y/a.txt",
      "x/y/b.txt",
      "x/y/z",
      "x/y/z/c.txt",
    ],
    "x/y/z": ["x", "x/y", "x/y/z", "x/y/z/c.txt"],
    "no*": [],
    "x/./no*": [],
    "x/y/./": ["a.txt", "b.txt", "z", "z/c.txt"],
  };
  for (const [source, want] of Object.entries(cases)) {
    test(source, async () => {
      const tree = await copy({}, context, `${source} /t/`, { parents: true });
      assert.deepEqual(
        pathsOf(tree, "t"),
        want.map((name) => `t/${name}`),
      );
      assert.equal(line(tree.get("t")).slice(0, 9), "/ 755 0:0");
    });
  }

  test("gives folders that it makes the source's metadata, and one that was there its mode", async () => {
    const made = await copy({}, context, "x/y/a.txt /t/", {
      parents: true,
      chown: "8:9",
      chmod: "600",
    });
    assert.equal(line(made.get("t/x")), "/ 600 8:9 @3");
    const tree = await copy({ "t/x": ["/", { uid: 2, mtime: 1 }] }, context, "x/y/a.txt /t/", {
      parents: true,
      chmod: "600",
    });
    assert.equal(line(tree.get("t/x")), "/ 711 2:0 @1");
    assert.equal(line(tree.get("t/x/y")), "/ 600 4:0");
  });

  test("gives a folder its metadata once, whatever is copied into it", async () => {
    const tree = await copy({}, context, "**/*.txt /t/", { parents: true, chmod: "755" });
    for (const path of pathsOf(tree)) assert.equal(tree.get(path)?.meta.mode, 0o755, path);
  });

  test("with --exclude", async () => {
    const tree = await copy({}, context, "x/**/*.txt /t/", {
      parents: true,
      exclude: ["x/y/*.txt"],
    });
    assert.deepEqual(pathsOf(tree, "t"), [
      "t/x",
      "t/x/w",
      "t/x/w/d.txt",
      "t/x/y",
      "t/x/y/z",
      "t/x/y/z/c.txt",
    ]);
  });

  test("takes a file that fits what stands before the pivot only where it fits all", async () => {
    assert.deepEqual(pathsOf(await copy({}, context, "**/./y/a.txt /", { parents: true })), [
      "y",
      "y/a.txt",
    ]);
    assert.deepEqual(pathsOf(await copy({}, context, "*/**/./a.txt /", { parents: true })), [
      "a.txt",
    ]);
  });

  test("must find a source without wildcards", async () => {
    await faultOf("not-found", () => copy({}, context, "x/no /t/", { parents: true }));
    await faultOf("not-found", () => copy({}, context, "no/./x /t/", { parents: true }));
    await faultOf("not-found", () =>
      copy({}, context, "top.txt /t/", { parents: true, exclude: ["top.*"] }),
    );
  });
});

describe("--link", () => {
  test("looks at nothing in the image, and is put over it", async () => {
    const image: Nodes = {
      a: ["/", { mode: 0o1777, uid: 3 }],
      "a/old": "o",
      lib: "-> usr/lib",
      "usr/lib/x": "x",
      f: "file",
    };
    const tree = treeOf(image);
    const from = treeOf({ n: "new" });
    const request = { ...REST, from, sources: ["n"], link: true };
    const changes = await copyInto(tree, { ...request, dest: "/a/" });
    const lines = showEntries(entriesOf(changes, KEEP));
    assert.deepEqual(lines, ["a: / 755 0:0", "a/n: new 644 0:0"]);
    assert.equal(line(tree.get("a/old")), "o 644 0:0");
    await copyInto(tree, { ...request, dest: "/lib/" });
    assert.deepEqual(
      [line(tree.get("lib")), tree.list("lib"), tree.list("usr/lib")],
      ["/ 755 0:0", ["n"], ["x"]],
    );
    await copyInto(tree, { ...request, dest: "/f/" });
    assert.equal(line(tree.get("f/n")), "new 644 0:0");
  });

  test("means nothing with --chmod, and knows no names", async () => {
    const image: Nodes = { lib: "-> usr/lib", "usr/lib/x": "x" };
    const tree = await copy(image, { n: "new" }, "n /lib/", { link: true, chmod: "600" });
    assert.equal(line(tree.get("usr/lib/n")), "new 600 0:0");
    for (const chmod of [undefined, "600"])
      await faultOf("usage", () =>
        copy(image, { n: "new" }, "n /lib/", { link: true, chown: "app", chmod }),
      );
    assert.equal(
      line((await copy({}, { n: "new" }, "n /", { link: true, chown: "root:5" })).get("n")),
      "new 644 0:5",
    );
  });
});

test("here-documents are files of mode 0644, after the other sources, never unpacked", async () => {
  const bytes = new TextEncoder().encode("hi\n");
  const files = [
    { name: "EOF", bytes },
    { name: "two", bytes: await tarOf({ x: "x" }) },
  ];
  const tree = await copy({}, { a: "x" }, "a /t/", { files, chown: "1:2", add: true });
  assert.deepEqual(Object.keys(show(tree)), ["t", "t/EOF", "t/a", "t/two"]);
  assert.equal(line(tree.get("t/EOF")), "hi\n 644 1:2");
  const [file] = files;
  const one = await copy({}, {}, "/cfg", { files: [file!], chmod: "+x" });
  assert.equal(line(one.get("cfg")), "hi\n 755 0:0");
});

test("changes are what has changed, and later sources come over earlier ones", async () => {
  const tree = treeOf({ "old/x": "x", a: "a" });
  const from = treeOf({ "d/a": "1", "e/a": "2", "e/b": "3" });
  const changes = await copyInto(tree, { ...REST, from, sources: ["d", "e"], dest: "/" });
  assert.deepEqual(
    entriesOf(changes, KEEP).map(({ path }) => path),
    ["a", "b"],
  );
  assert.deepEqual([line(tree.get("a")), line(tree.get("b"))], ["2 644 0:0", "3 644 0:0"]);
  const none = await copyInto(tree, { ...REST, from, sources: ["no*"], dest: "/t/" });
  assert.equal(countChanges(none), 0);
});

/** A tree of what can be put together of these, one after the other. */
const someTree = fc.array(fc.tuple(somePath, someNode), { maxLength: 15 }).map((nodes) => {
  const tree = treeOf({});
  for (const [path, found] of nodes)
    if (tree.get(parentOf(path))?.kind === "directory") tree.set(path, found);
  return tree;
});

test("whatever is copied: the layer, put over what was there, gives what is there now", async () => {
  let copied = 0;
  const request = fc.record({
    sources: fc.array(
      fc.oneof(somePath, fc.constantFrom(".", "*", "a/*", "?/b", "**/b", "a/./*")),
      { minLength: 1, maxLength: 2 },
    ),
    dest: fc.tuple(somePath, fc.constantFrom("", "/")).map(([path, end]) => `/${path}${end}`),
    chown: fc.constantFrom(undefined, "1:2"),
    chmod: fc.constantFrom(undefined, "700", "u+x"),
    exclude: fc.constantFrom([], ["b"], ["*", "!a"]),
    parents: fc.boolean(),
    link: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(someTree, someTree, request, async (image, from, request) => {
      const before = image.copy();
      const source = JSON.stringify(show(from));
      try {
        const changes = await copyInto(image, { ...REST, ...request, from });
        const entries = entriesOf(changes, KEEP);
        await applyLayer(before, members(entries));
        copied += entries.length;
      } catch (error) {
        if (isIngotError(error, "not-found") || isIngotError(error, "unsupported")) return;
        throw error;
      }
      assert.deepEqual(unlinked(show(before)), unlinked(show(image)));
      assert.equal(JSON.stringify(show(from)), source);
    }),
    { numRuns: 1000 },
  );
  assert.ok(copied > 100, `only ${copied} entries were copied`);
});

/** A tar of these. */
async function tarOf(nodes: Nodes): Promise<Uint8Array> {
  const tree = treeOf({});
  const recorder = new TrackedTree(tree);
  for (const path of pathsOf(treeOf(nodes))) recorder.set(path, treeOf(nodes).get(path)!);
  const pieces: Uint8Array[] = [];
  for await (const piece of pack(entriesOf(recorder.changes, KEEP))) pieces.push(piece.slice());
  return concat(pieces);
}

describe("ADD", () => {
  const inside: Nodes = {
    "bin/app": ["program", { mode: 0o4755, uid: 5, gid: 6, mtime: 7 }],
    bin: ["/", { mode: 0o711, uid: 5 }],
    "bin/l": "-> app",
  };
  const archive = async (pressed: (bytes: Uint8Array) => Uint8Array = (bytes) => bytes) => {
    const bytes = pressed(await tarOf(inside));
    const from = treeOf({}, "the context");
    const meta = { mode: 0o600, uid: 0, gid: 0, mtime: 1 };
    from.set("a.bin", { kind: "file", meta, size: bytes.length, source: { kind: "bytes", bytes } });
    return from;
  };
  const add = async (
    image: Nodes,
    from: ReadTree,
    words: string,
    more: Partial<CopyRequest> = {},
  ) => show(await copy(image, from, words, { add: true, ...more }));

  test("unpacks a tar by its content, plain or gzipped, with its owners, modes and times", async () => {
    for (const pressed of [undefined, (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes))]) {
      assert.deepEqual(
        await add({}, await archive(pressed), "a.bin /t", { chmod: "600", exclude: ["*"] }),
        {
          t: "/ 755 0:0",
          "t/bin": "/ 711 5:0",
          "t/bin/app": "packed 4755 5:6 @7",
          "t/bin/l": "-> app 0:0",
        },
      );
    }
    assert.deepEqual(Object.keys(await add({}, await archive(), "a.bin /t", { add: false })), [
      "t",
    ]);
  });

  test("gives all of it to --chown, and the folders above it, too", async () => {
    const shown = await add({}, await archive(), "*.bin /t/u", { chown: "1:2" });
    for (const [path, said] of Object.entries(shown)) assert.match(said, / 1:2( |$)/, path);
  });

  test("replaces what is of another kind, and follows links with the destination as root", async () => {
    const image: Nodes = { "t/bin": "-> /usr", "t/usr/app/x": "x", usr: "/" };
    const shown = await add(image, await archive(), "a.bin /t");
    assert.equal(shown["t/bin"], "/ 711 5:0");
    const from = treeOf({});
    const bytes = await tarOf({ "bin/app": "x" });
    const bare = bytes.slice(512); // without the folder's own member
    const meta = { mode: 0o600, uid: 0, gid: 0, mtime: 1 };
    from.set("b", {
      kind: "file",
      meta,
      size: bare.length,
      source: { kind: "bytes", bytes: bare },
    });
    const through = await add(image, from, "b /t");
    assert.equal(through["t/bin"], "-> /usr 0:0");
    assert.equal(through["t/usr/app"], "packed 644 0:0");
    assert.equal(through["t/usr/app/x"], undefined);
  });

  test("copies what is no tar as it is: empty, text, a damaged or other gzip file", async () => {
    const gzipped = gzipSync("text ".repeat(1000));
    for (const bytes of [
      Buffer.of(),
      Buffer.from("text"),
      gzipped,
      gzipped.subarray(0, 15),
      Buffer.alloc(1024),
      Buffer.alloc(600, "x"),
    ]) {
      const from = treeOf({});
      const meta = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
      from.set("f", {
        kind: "file",
        meta,
        size: bytes.length,
        source: { kind: "bytes", bytes: new Uint8Array(bytes) },
      });
      assert.deepEqual(Object.keys(await add({}, from, "f /t/")), ["t", "t/f"]);
    }
  });

  test("cannot tell what is in bzip2 and xz", async () => {
    for (const magic of [Buffer.from("BZh91AY&SY"), Buffer.from("fd377a585a0000", "hex")]) {
      const from = treeOf({});
      const meta = { mode: 0o644, uid: 0, gid: 0, mtime: 0 };
      from.set("f", {
        kind: "file",
        meta,
        size: magic.length,
        source: { kind: "bytes", bytes: new Uint8Array(magic) },
      });
      const facts = await faultOf("unsupported", () => copy({}, from, "f /t/", { add: true }));
      assert.match(facts.hint ?? "", /unpack it/);
    }
  });
});

testWith(["tar", "gzip"], "ADD gives what GNU tar has packed: the tree that it was", async (t) => {
  const dir = writeTree(tempDir(t), {
    "in/a/b": "x",
    "in/a/c": "",
    [`in/${"long".repeat(40)}/é`]: "y",
    "in/t": "",
  });
  linkSync(join(dir, "in/a/b"), join(dir, "in/z"));
  symlinkSync(`../${"far/".repeat(30)}away`, join(dir, "in/a/link"));
  chmodSync(join(dir, "in/a"), 0o1770);
  chmodSync(join(dir, "in/a/b"), 0o6711);
  const want = show(diskTree(join(dir, "in")));
  for (const format of ["gnu", "posix"]) {
    const owner = ["--owner=0", "--group=0", `--format=${format}`];
    execFileSync("tar", [...owner, "-czf", join(dir, "t.tgz"), "-C", join(dir, "in"), "."]);
    const tree = await copy({}, diskTree(dir), "t.tgz /", { add: true });
    const shown = Object.entries(show(tree)).map(([path, said]) => [
      path,
      said.replace("packed", "disk"),
    ]);
    assert.deepEqual(Object.fromEntries(shown), want, format);
  }
});

describe("WORKDIR", () => {
  const made = async (image: Nodes, path: string, user?: string) => {
    const tree = treeOf(image);
    const changes = await addWorkdir(tree, path, user);
    const entries = entriesOf(changes, KEEP);
    assert.equal(
      entries.filter(({ path }) => !changes.before.get(path)).length,
      countChanges(changes),
    );
    return showEntries(entries.filter(({ path }) => !changes.before.get(path)));
  };

  test("makes every folder that is missing, 0755, for the user", async () => {
    const image: Nodes = { a: ["/", { mode: 0o700 }], "etc/passwd": "app:x:7:8:::\n", l: "-> a" };
    assert.deepEqual(await made(image, "/a/b/c"), ["a/b: / 755 0:0", "a/b/c: / 755 0:0"]);
    assert.deepEqual(await made(image, "/l/b", "app"), ["a/b: / 755 7:8"]);
    assert.deepEqual(await made(image, "/l/b", "5:9"), ["a/b: / 755 5:9"]);
    assert.deepEqual(await made(image, "/a", "app"), []);
    assert.deepEqual(await made(image, "/"), []);
  });

  test("below a set-group-id folder keeps the bit, and the group where there is no user", async () => {
    const image: Nodes = { a: ["/", { mode: 0o3775, uid: 3, gid: 50 }] };
    assert.deepEqual(await made(image, "/a/b/c"), ["a/b: / 2755 0:50", "a/b/c: / 2755 0:50"]);
    assert.deepEqual(await made(image, "/a/b", "5:9"), ["a/b: / 2755 5:9"]);
  });

  test("not where a file is, nor for a user that is not there", async () => {
    await faultOf("unsupported", () => made({ a: "x" }, "/a/b"));
    await faultOf("not-found", () => made({}, "/a", "app"));
  });
});
