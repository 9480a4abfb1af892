import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join, posix, sep } from "node:path";
import { describe, test } from "node:test";
import { checkSource, directories, longest, widest } from "../support/architecture.ts";
import { codeOnly, importsOf } from "../support/code.ts";
import { root } from "../support/process/ingot.ts";

const packages = Object.keys(
  JSON.parse(readFileSync(join(root, "package.json"), "utf8")).dependencies as object,
);

function sources(): Map<string, string> {
  const files = new Map<string, string>();
  for (const name of readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const path = `src/${name.split(sep).join("/")}`;
    files.set(path, readFileSync(join(root, path), "utf8"));
  }
  return files;
}

test("the source keeps the rules of the architecture", () => {
  const files = sources();
  assert.ok(files.size > 0, "there is no source to check");
  assert.deepEqual(checkSource(files, packages), []);
});

test("every listed directory has a file", () => {
  const used = new Set(
    [...sources().keys()].map((path) => posix.dirname(posix.relative("src", path))),
  );
  assert.deepEqual(
    directories.filter((directory) => !used.has(directory)),
    [],
  );
});

test("no directory of tests has more files than one of the source", () => {
  const counts = new Map<string, number>();
  for (const name of readdirSync(join(root, "test"), { recursive: true, encoding: "utf8" })) {
    if (!name.endsWith(".ts")) continue;
    const directory = posix.dirname(name.split(sep).join("/"));
    counts.set(directory, (counts.get(directory) ?? 0) + 1);
  }
  assert.ok(counts.size > 0, "there is no test to count");
  assert.deepEqual(
    [...counts].filter(([, count]) => count > widest),
    [],
  );
});

/** Files that exist so that the cases below can import them. */
const others = {
  "src/base/b.ts": "export const b = 1;\n",
  "src/tar/t.ts": "export const t = 1;\n",
  "src/oci/o.ts": "export const o = 1;\n",
  "src/store/s.ts": "export const s = 1;\n",
  "src/cli/c.ts": "export const c = 1;\n",
};

function verdict(path: string, text: string): readonly string[] {
  return checkSource(new Map(Object.entries({ ...others, [path]: text })), [
    "yaml",
    "citty",
    "@a/b",
  ]);
}

describe("the rules find", () => {
  const cases: readonly (readonly [name: string, path: string, text: string, said: RegExp])[] = [
    [
      "an import from above",
      "src/base/x.ts",
      'import { t } from "../tar/t.ts";',
      /imports from tar, which is above base/,
    ],
    [
      "an import from above by type",
      "src/base/x.ts",
      'import type { t } from "../tar/t.ts";',
      /which is above base/,
    ],
    [
      "an import from above by re-export",
      "src/base/x.ts",
      'export * from "../tar/t.ts";',
      /which is above base/,
    ],
    [
      "an import from above over two lines",
      "src/base/x.ts",
      'import {\n  t,\n} from\n  "../tar/t.ts";',
      /:3: imports from tar/,
    ],
    [
      "an import from above at run time",
      "src/base/x.ts",
      'await import("../tar/t.ts");',
      /which is above base/,
    ],
    [
      "an import from above in a type",
      "src/base/x.ts",
      'type T = import("../tar/t.ts").T;',
      /which is above base/,
    ],
    [
      "an import from above for its effect",
      "src/base/x.ts",
      'import "../tar/t.ts";',
      /which is above base/,
    ],
    [
      "an import from above by URL",
      "src/base/x.ts",
      'new URL("../tar/t.ts", import.meta.url);',
      /which is above base/,
    ],
    [
      "an import from above in a template",
      "src/base/x.ts",
      "`${await import('../tar/t.ts')}`;",
      /which is above base/,
    ],
    [
      "an import from a sibling above",
      "src/oci/x.ts",
      'import { t } from "../tar/t.ts";',
      /which is above oci/,
    ],
    [
      "an import of main.ts",
      "src/main.ts",
      'import "./main.ts";',
      /a cycle, src\/main.ts → src\/main.ts/,
    ],
    [
      "a name that another file exports",
      "src/tar/x.ts",
      "export function t() {}",
      /exports t, as does src\/tar\/t.ts/,
    ],
    [
      "a type that another file exports",
      "src/cli/x.ts",
      "export interface o {}",
      /exports o, as does src\/oci\/o.ts/,
    ],
    ["a computed import", "src/cli/x.ts", "await import(name);", /imports what it computes/],
    [
      "a template import",
      "src/cli/x.ts",
      "await import(`./${name}.ts`);",
      /imports what it computes/,
    ],
    ["a require", "src/cli/x.ts", 'require("left-pad");', /declared dependency/],
    ["an import without .ts", "src/tar/x.ts", 'import { t } from "./t";', /should end in .ts/],
    ["an import as .js", "src/tar/x.ts", 'import { t } from "./t.js";', /should end in .ts/],
    [
      "an import of nothing",
      "src/tar/x.ts",
      'import { n } from "./n.ts";',
      /there is no src\/tar\/n.ts/,
    ],
    ["an undeclared package", "src/cli/x.ts", 'import l from "left-pad";', /declared dependency/],
    ["an undeclared scope", "src/cli/x.ts", 'import c from "@a/c/d";', /declared dependency/],
    ["a runtime's module", "src/cli/x.ts", 'import { file } from "bun";', /declared dependency/],
    ["package.json below cli", "src/oci/x.ts", 'import p from "../../package.json";', /end in .ts/],
    ["a directory that is not listed", "src/utils/x.ts", "", /utils is not a listed directory/],
    ["a stray file in src", "src/utils.ts", "", /is not a listed directory/],
    ["a long file", "src/base/x.ts", "a;\n".repeat(longest + 1), /301 lines, expected at most 300/],
    ["node:fs", "src/store/x.ts", 'import fs from "node:fs";', /only \^src\/base\/fs/],
    ["node:fs/promises", "src/base/hash.ts", 'import fs from "node:fs/promises";', /imports/],
    ["node:child_process", "src/gadget/x.ts", 'import "node:child_process";', /base\/process/],
    ["node:crypto", "src/store/x.ts", 'import "node:crypto";', /base\/hash/],
    ["node:worker_threads", "src/image/x.ts", 'import "node:worker_threads";', /imports/],
    ["node:zlib", "src/tar/x.ts", 'import "node:zlib";', /base\/compression/],
    [
      "CompressionStream",
      "src/base/compression/gzip.ts",
      "new CompressionStream(kind);",
      /no file may/,
    ],
    ["tar-stream", "src/store/x.ts", 'import "tar-stream";', /src\/tar/],
    ["citty below cli", "src/image/x.ts", 'import "citty";', /imports "citty"/],
    ["consola below cli", "src/image/x.ts", 'import "consola/basic";', /imports "consola\/basic"/],
    ["node:http", "src/image/x.ts", 'import "node:https";', /src\/registry/],
    [
      "fetch, renamed ours",
      "src/cli/x.ts",
      'import { fetch as f } from "../store/s.ts";\nreturn fetch(d);',
      /touches the network/,
    ],
    ["fetch", "src/cli/x.ts", "const r = await fetch(url);", /touches the network/],
    ["process.exit", "src/cli/x.ts", "process.exit(1);", /touches process.exit/],
    ["process.exitCode", "src/cli/x.ts", "process.exitCode = 1;", /touches process.exit/],
    ["process.argv", "src/cli/x.ts", "run(process.argv);", /touches process.exit/],
    ["process.env", "src/gadget/x.ts", "const { A } = process.env;", /touches the environment/],
    ["env by destructuring", "src/gadget/x.ts", "const { env } = process;", /the environment/],
    ["node:process", "src/gadget/x.ts", 'import { env } from "node:process";', /node:process/],
    ["process.stdout", "src/image/x.ts", "process.stdout.write(a);", /and the terminal/],
    ["process.stderr", "src/image/x.ts", "process . stderr.write(a);", /and the terminal/],
    ["process.stdin", "src/image/x.ts", "for await (const c of process.stdin);", /the terminal/],
    ["console", "src/image/x.ts", "console.log(a);", /the terminal/],
    ["Date.now", "src/store/x.ts", "Date.now();", /touches the clock/],
    ["Date.now unbound", "src/store/x.ts", "const now = Date.now;", /touches the clock/],
    ["new Date()", "src/store/x.ts", "new Date( );", /touches the clock/],
    ["new Date", "src/store/x.ts", "(new Date).getTime();", /touches the clock/],
    ["Date()", "src/store/x.ts", "const now = Date();", /touches the clock/],
    ["performance.now", "src/store/x.ts", "performance.now();", /touches the clock/],
    ["Math.random", "src/store/x.ts", "Math.random();", /touches chance/],
    ["localeCompare", "src/store/x.ts", "a.sort((x, y) => x.localeCompare(y));", /the locale/],
    ["toLocaleString", "src/image/x.ts", "n.toLocaleString();", /the locale/],
    ["Intl", "src/image/x.ts", "new Intl.Collator();", /the locale/],
    ["a bare sort", "src/store/x.ts", "names.sort();", /an order that is not of bytes/],
    ["a bare toSorted", "src/store/x.ts", "names.toSorted( );", /an order that is not of bytes/],
    ["Bun", "src/main.ts", "Bun.file(a);", /touches Bun and Deno, which no file may/],
    ["Deno", "src/cli/x.ts", "if (typeof Deno === 'object') a();", /touches Bun and Deno/],
    ["Deno by globalThis", "src/cli/x.ts", "globalThis.Deno.env;", /touches Bun and Deno/],
    ["code in a template", "src/base/x.ts", "`a ${`b ${Date.now()}`} c`;", /touches the clock/],
    [
      "code after a regex",
      "src/base/x.ts",
      "const q = /[\"'`/]/; Date.now();",
      /touches the clock/,
    ],
    ["code after a division", "src/base/x.ts", "const q = a / b; Date.now(); c / d;", /the clock/],
  ];
  for (const [name, path, text, said] of cases) {
    test(name, () => {
      const found = verdict(path, text);
      assert.equal(found.length, 1, `one finding, not ${JSON.stringify(found)}`);
      assert.match(found[0] as string, said);
      assert.ok(found[0]?.startsWith(`${path}:`), found[0]);
    });
  }

  test("a cycle inside a folder, once", () => {
    const files = new Map([
      ["src/base/x.ts", 'import { y } from "./y.ts";'],
      ["src/base/y.ts", 'import { z } from "./z.ts";'],
      ["src/base/z.ts", 'import type { x } from "./x.ts";\nimport { y } from "./y.ts";'],
    ]);
    assert.deepEqual(checkSource(files, []), [
      "src/base/x.ts:1: a cycle, src/base/x.ts → src/base/y.ts → src/base/z.ts → src/base/x.ts",
      "src/base/y.ts:1: a cycle, src/base/y.ts → src/base/z.ts → src/base/y.ts",
    ]);
  });

  test("one file more than a directory may have, once", () => {
    const files = new Map(
      Array.from({ length: widest + 2 }, (_, i) => [`src/oci/x${i}.ts`, "export {};"] as const),
    );
    assert.deepEqual(checkSource(files, []), [
      `src/oci/x${widest}.ts:1: more than ${widest} files in oci`,
    ]);
  });

  test("main.ts as a target", () => {
    const files = new Map([
      ["src/main.ts", "export {};"],
      ["src/cli/x.ts", 'import "../main.ts";'],
    ]);
    assert.deepEqual(checkSource(files, []), [
      "src/cli/x.ts:1: imports from ., which is above cli",
    ]);
  });
});

describe("the rules allow", () => {
  const cases: readonly (readonly [name: string, path: string, text: string])[] = [
    [
      "an import from below",
      "src/image/x.ts",
      'import { b } from "../base/b.ts";\nimport "../store/s.ts";',
    ],
    ["an import from its own directory", "src/tar/x.ts", 'export { t } from "./t.ts";'],
    ["node modules without rule", "src/tar/x.ts", 'import { join } from "node:path";'],
    ["declared packages", "src/oci/x.ts", 'import "yaml";\nimport "@a/b/c";'],
    [
      "files in base/fs",
      "src/base/fs/atomic-file.ts",
      'import "node:fs";\nimport "node:fs/promises";',
    ],
    ["digests in hash.ts", "src/base/hash.ts", 'import "node:crypto";'],
    ["workers in main.ts", "src/main.ts", 'import "node:worker_threads";'],
    [
      "package.json in cli",
      "src/cli/x.ts",
      'import p from "../../package.json" with { type: "json" };',
    ],
    ["the clock in cli", "src/cli/x.ts", "new Date(); Date.now(); process.stderr.isTTY;"],
    ["argv in main.ts", "src/main.ts", "process.exitCode = run(process.argv, process.env);"],
    ["a date of a number", "src/base/x.ts", "new Date(1000 * epoch).toISOString();"],
    ["a sort by bytes", "src/base/x.ts", "names.sort(byBytes);"],
    [
      "a fetch of ours",
      "src/image/x.ts",
      'import { fetch } from "../store/s.ts";\nreturn fetch(d);',
    ],
    ["a fetch made here", "src/store/x.ts", "function fetch(a) {}\nconst b = fetch(a);"],
    [
      "methods named fetch",
      "src/store/x.ts",
      "const a = {\n  b,\n  fetch(d) {} };\nawait a.fetch(d);",
    ],
    [
      "words in a comment",
      "src/base/x.ts",
      '// Date.now() import "../cli/c.ts"\n/* Bun.file\n Deno */',
    ],
    [
      "words in a string",
      "src/base/x.ts",
      "const a = \"Date.now()\" + 'it\\'s Bun' + `Deno \\` ${a}`;",
    ],
    ["words in a regex", "src/base/x.ts", "const a = /Math.random\\/[/]'/g.test(b);"],
    ["a file as long as may be", "src/base/x.ts", "a;\n".repeat(longest)],
  ];
  for (const [name, path, text] of cases) {
    test(name, () => assert.deepEqual(verdict(path, text), []));
  }
});

test("codeOnly keeps every offset and every line of the source", () => {
  for (const [path, text] of sources()) {
    const code = codeOnly(text);
    assert.equal(code.length, text.length, path);
    assert.equal(code.split("\n").length, text.split("\n").length, path);
  }
});

test("codeOnly takes out comments, strings and regular expressions", () => {
  assert.equal(codeOnly('a("b\\"c"); // d'), 'a("    ");     ');
  assert.equal(codeOnly("a /* b\n*/ c"), "a     \n   c");
  assert.equal(codeOnly("`a${b}c`"), "` ${b} `");
  assert.equal(codeOnly("`a${{b: `c`}}d`;e"), "` ${{b: ` `}} `;e");
  assert.equal(codeOnly("a = /b/ / c / d"), "a = / / / c / d");
});

test("importsOf gives every import its line, in order", () => {
  const text =
    'import a from "a";\nexport * from "b";\nawait import("c");\nimport "d";\nimport(e);';
  assert.deepEqual(importsOf(text), [
    { line: 1, to: "a" },
    { line: 2, to: "b" },
    { line: 3, to: "c" },
    { line: 4, to: "d" },
    { line: 5, to: undefined },
  ]);
});
