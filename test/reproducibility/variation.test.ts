/**
 * The same sources, built and exported under conditions that vary one at a time: one and the same archive. Each test
 * is an axis and bears its name.
 */
import assert from "node:assert/strict";
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { root } from "../support/process/ingot.ts";
import { testUnless, testWith, which } from "../support/process/needs.ts";
import { tempDir } from "../support/process/temp.ts";
import { readUstar } from "../support/tar/ustar.ts";
import { writeTree } from "../support/trees/tree.ts";
import {
  asUser,
  axes,
  difference,
  NOISE,
  placeIn,
  type Condition as Shared,
  under,
  withUmask,
} from "../support/trees/variation.ts";

const missingCompiler = () =>
  ["clang", "llvm-strip"].find((program) => which(program) === undefined);

/** Why nothing can be built as somebody else; undefined where it can. */
function whyNobody(): string | undefined {
  if (process.getuid?.() !== 0) return "needs root, to become somebody else";
  const missing = which("setpriv") === undefined ? "setpriv" : missingCompiler();
  return missing && `not found on PATH: ${missing}`;
}

const NOBODY = 65534;
const TOOLS = ["clang", "llvm-strip"];
const TRACE_TAGS = ["trace:v1", "example.org/me/trace:v2"];

interface Condition extends Shared {
  /** The gadgets' folders. */
  readonly trace?: string;
  readonly hello?: string;
}

describe("one archive", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));
  const trace = join(dir, "trace");
  const hello = join(dir, "hello");
  let expected: Buffer;

  const place = () => placeIn(dir);

  /** Builds both gadgets into a new store and exports them under all their names: the archive. */
  async function cast(condition: Condition = {}): Promise<Buffer> {
    const { tags = TRACE_TAGS, place: folder = place(), more = [] } = condition;
    const store = ["--store", join(folder, "store")];
    const file = join(folder, "out.tar");
    const named = tags.flatMap((tag) => ["-t", tag]);
    await under(condition, ["build", condition.trace ?? trace, ...named, ...store]);
    await under(condition, ["build", condition.hello ?? hello, "-t", "hello", ...store]);
    await under(condition, ["export", ...tags, "hello", "-o", file, ...more, ...store]);
    return readFileSync(file);
  }

  async function same(condition: Condition): Promise<void> {
    assert.equal(difference(await cast(condition), expected), "");
  }

  before(async () => {
    chmodSync(dir, 0o755);
    for (const [name, folder] of [
      ["trace", trace],
      ["hello", hello],
    ] as const) {
      cpSync(join(root, "examples/gadget", name), folder, { recursive: true });
    }
    // Without a compiler every test below is skipped, or fails, by name.
    if (missingCompiler() !== undefined) return;
    expected = await cast();
    assert.equal(
      readUstar(expected).filter(
        ({ name }) => name.startsWith("blobs/sha256/") && !name.endsWith("/"),
      ).length,
      10,
    );
  });

  const axis = (
    name: string,
    condition: () => Condition | Promise<Condition>,
    needs: readonly string[] = [],
  ) => testWith([...TOOLS, ...needs], name, async () => same(await condition()));

  axes(axis, place, TRACE_TAGS);

  axis("the folder: its depth, its name, with a space and beyond ASCII", () => {
    const deep = join(place(), "a b/ü/c/d");
    cpSync(trace, join(deep, "other name"), { recursive: true });
    cpSync(hello, join(deep, "yet another"), { recursive: true });
    return { trace: join(deep, "other name"), hello: join(deep, "yet another") };
  });

  testWith(TOOLS, "the folders of headers that lie outside the gadget", async () => {
    const archives: Buffer[] = [];
    for (const name of ["a", "b b/deeper/ü"]) {
      const folder = join(place(), name);
      const [gadget, own, tree] = ["gadget", "own", "tree"].map((part) => join(folder, part)) as [
        string,
        string,
        string,
      ];
      // Code in a header: the object keeps the header's name and lines.
      const header = (what: string) =>
        `static inline int ${what}(int n) {\n\treturn n * ${what.length};\n}\n`;
      writeTree(folder, {
        "own/one.h": header("one"),
        "tree/three.h": header("three"),
        "tree/gadget/amd64/vmlinux.h": header("vmlinux"),
        "tree/gadget/arm64/vmlinux.h": header("vmlinux"),
        "gadget/program.bpf.c": [
          ...["one.h", "three.h", "vmlinux.h"].map((file) => `#include <${file}>`),
          '__attribute__((section("socket"), used)) int run(int *n) {',
          "\treturn one(n[0]) + three(n[1]) + vmlinux(n[2]);",
          "}",
        ].join("\n"),
      });
      const file = join(folder, "out.tar");
      await under({}, ["build", gadget, "-t", "x", "-I", own, "--headers", tree, "-o", file]);
      archives.push(readFileSync(file));
    }
    assert.equal(difference(archives[1]!, archives[0]!), "");
    assert.ok(archives[0]!.includes("one.h"));
  });

  axis("the path: relative, and through a link", () => {
    const folder = place();
    symlinkSync(hello, join(folder, "link"));
    return { cwd: trace, trace: ".", hello: join(folder, "link") };
  });

  axis("the sources' times and modes", () => {
    const folder = place();
    for (const [name, from] of [
      ["trace", trace],
      ["hello", hello],
    ] as const) {
      cpSync(from, join(folder, name), { recursive: true });
      for (const file of readdirSync(join(folder, name))) {
        chmodSync(join(folder, name, file), 0o700);
        utimesSync(join(folder, name, file), 2_000_000_000, 2_000_000_000);
      }
    }
    return { trace: join(folder, "trace"), hello: join(folder, "hello") };
  });

  axis("the neighbours: files that are no part of the gadget", () => {
    const folder = place();
    cpSync(trace, join(folder, "trace"), { recursive: true });
    for (const name of ["README.md", "unused.h", ".hidden", "Makefile"]) {
      writeFileSync(join(folder, "trace", name), "#error it was read\n");
    }
    return { trace: join(folder, "trace") };
  });

  testUnless(whyNobody(), "the user: nobody", async () => same(await asUser(NOBODY, place())));

  for (const umask of ["000", "077"]) {
    axis(`the umask: ${umask}`, () => ({ wrap: withUmask(umask) }));
  }

  axis("the environment: whatever compilers and runtimes may listen to", () => {
    const folder = place();
    mkdirSync(join(folder, "linux"));
    writeFileSync(join(folder, "linux/bpf.h"), "#error a header of the environment\n");
    const env = {
      CPATH: folder,
      C_INCLUDE_PATH: folder,
      CFLAGS: "-DX -O0",
      CPPFLAGS: "-DX",
      CCC_OVERRIDE_OPTIONS: "x-O2 +-O0 +-DX",
      COMPILER_PATH: folder,
      GCC_EXEC_PREFIX: folder,
      SDKROOT: folder,
      CLANG_CONFIG_FILE_SYSTEM_DIR: folder,
      DEPENDENCIES_OUTPUT: join(folder, "deps"),
      GOFLAGS: "-race",
      GOOS: "plan9",
      RUSTFLAGS: "-C opt-level=0",
      TERM: "dumb",
      ...NOISE,
    };
    return { env };
  });
});
