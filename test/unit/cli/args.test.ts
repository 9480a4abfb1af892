import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { GLOBALS, type Options } from "../../../src/cli/args/options.ts";
import { hasFlag, parseArgs, splitCommandLine } from "../../../src/cli/args/parse.ts";
import { faultOf } from "../../support/fault.ts";

const options = {
  source: { type: "positional", required: true, multiple: true, description: "what" },
  output: {
    type: "string",
    alias: "o",
    valueHint: "FILE",
    required: true,
    description: "where to",
  },
  include: { type: "string", alias: "I", valueHint: "DIR", multiple: true, description: "more" },
  platform: { type: "string", valueHint: "LIST", description: "which" },
  kind: { type: "string", valueHint: "KIND", words: ["one", "two", "three"], description: "which" },
  strict: { type: "boolean", alias: "s", description: "how" },
  quiet: { type: "boolean", alias: "q", description: "how" },
} as const satisfies Options;

const parse = (...words: string[]) => parseArgs(words, options, "export");
const refused = (...words: string[]) => faultOf("usage", () => parse(...words));

describe("parseArgs reads", () => {
  const base = {
    source: ["a"],
    output: "b",
    include: [],
    platform: undefined,
    kind: undefined,
    strict: false,
    quiet: false,
  };
  const cases: readonly [name: string, words: string[], expected: object][] = [
    ["a long flag with its value apart", ["a", "--output", "b"], base],
    ["a long flag with =", ["a", "--output=b"], base],
    ["= in a value", ["a", "--output=b=c"], { ...base, output: "b=c" }],
    ["a short flag with its value apart", ["-o", "b", "a"], base],
    ["a short flag with its value attached", ["-ob", "a"], base],
    ["a word of a closed list", ["a", "-o", "b", "--kind", "two"], { ...base, kind: "two" }],
    ["- as a value", ["a", "-o", "-"], { ...base, output: "-" }],
    [
      "- as a value, attached",
      ["a", "-o-", "--platform=-"],
      { ...base, output: "-", platform: "-" },
    ],
    ["- as an argument", ["-", "-o", "b"], { ...base, source: ["-"] }],
    ["flags among arguments", ["a", "-o", "b", "c"], { ...base, source: ["a", "c"] }],
    [
      "a flag that may be repeated",
      ["a", "-o", "b", "-I", "x", "-Iy", "--include=z"],
      { ...base, include: ["x", "y", "z"] },
    ],
    ["booleans in one word", ["a", "-sq", "-o", "b"], { ...base, strict: true, quiet: true }],
    ["booleans and a value in one word", ["a", "-sqob"], { ...base, strict: true, quiet: true }],
    ["a boolean twice", ["a", "-s", "--strict", "-o", "b"], { ...base, strict: true }],
    [
      "nothing as a flag after --",
      ["-o", "b", "--", "-s", "--x", "--"],
      { ...base, source: ["-s", "--x", "--"] },
    ],
    ["a value that looks like a flag, with =", ["a", "--output=--b"], { ...base, output: "--b" }],
    ["a value that looks like a flag, attached", ["a", "-o-b"], { ...base, output: "-b" }],
  ];
  for (const [name, words, expected] of cases) {
    test(name, () => assert.deepEqual({ ...parse(...words) }, expected));
  }
});

describe("parseArgs refuses", () => {
  const cases: readonly [name: string, words: string[], message: RegExp, hint?: RegExp][] = [
    [
      "an unknown flag, near a right one",
      ["a", "-o", "b", "--plattform", "x"],
      /no flag "--plattform"/,
      /did you mean "--platform"\?/,
    ],
    ["the beginning of a flag", ["a", "-o", "b", "--plat=x"], /no flag "--plat"/, /"--platform"/],
    [
      "a long flag with one dash",
      ["a", "-o", "b", "-platform=x"],
      /no flag "-platform=x"/,
      /"--platform"/,
    ],
    [
      "an unknown flag, near nothing",
      ["a", "-o", "b", "--zzzzzz"],
      /no flag "--zzzzzz"/,
      /ingot export --help/,
    ],
    ["an unknown short flag", ["a", "-o", "b", "-x"], /no flag "-x"/],
    ["an unknown short flag after a known one", ["a", "-o", "b", "-sx"], /no flag "-x"/],
    ["the name of a positional as a flag", ["a", "-o", "b", "--source=x"], /no flag "--source"/],
    [
      "a name that every object has",
      ["a", "-o", "b", "--constructor=x"],
      /no flag "--constructor"/,
    ],
    ["--no- before a boolean", ["a", "-o", "b", "--no-strict"], /no flag "--no-strict"/],
    ["a flag without its value, at the end", ["a", "-o"], /-o has no value.*-o FILE/],
    ["a long flag without its value, at the end", ["a", "--output"], /--output has no value/],
    [
      "a flag where a value should be",
      ["a", "-o", "--strict"],
      /-o has no value: "--strict" follows/,
      /-o--strict/,
    ],
    ["-- where a value should be", ["a", "--output", "--"], /--output has no value/, /--output=--/],
    ["a value for a boolean", ["a", "-o", "b", "--strict=true"], /--strict takes no value.*"true"/],
    ["a flag twice", ["a", "-o", "b", "--output", "c"], /--output is given twice: "b" and "c"/],
    ["= after a short flag", ["a", "-o=b"], /-o is followed by "="/, /-o b/],
    ["an empty value", ["a", "--output="], /--output is empty, should be FILE/],
    ["an empty value, apart", ["a", "-o", ""], /-o is empty/],
    ["an empty argument", ["", "-o", "b"], /the argument SOURCE is empty/],
    [
      "a word that is not in the list",
      ["a", "-o", "b", "--kind", "on"],
      /^--kind is "on", should be one, two or three$/,
    ],
    ["a missing argument", ["-o", "b"], /the argument SOURCE is missing: what/, /--help/],
    ["a missing flag", ["a"], /the flag --output FILE is missing/],
  ];
  for (const [name, words, message, hint] of cases) {
    test(name, async () => {
      const facts = await refused(...words);
      assert.match(facts.message, message);
      if (hint !== undefined) assert.match(facts.hint ?? "", hint);
    });
  }

  test("an argument too many", async () => {
    const one = { file: { type: "positional", required: true, description: "it" } } as const;
    assert.deepEqual({ ...parseArgs(["a"], one, "import") }, { file: "a" });
    const facts = await faultOf("usage", () => parseArgs(["a", "b"], one, "import"));
    assert.match(facts.message, /an argument too many: "b"/);
  });
});

test("parseArgs holds an argument to the words that there are", async () => {
  const options = {
    shell: { type: "positional", required: true, words: ["a", "b"], description: "it" },
  } as const satisfies Options;
  const { shell }: { shell: "a" | "b" } = parseArgs(["b"], options, "completion");
  assert.equal(shell, "b");
  const { message } = await faultOf("usage", () => parseArgs(["c"], options, "completion"));
  assert.equal(message, 'the argument SHELL is "c", should be a or b');
});

test("parseArgs gives an optional argument or undefined", () => {
  const optional = { path: { type: "positional", required: false, description: "it" } } as const;
  assert.deepEqual({ ...parseArgs([], optional, "build") }, { path: undefined });
  assert.deepEqual({ ...parseArgs(["x"], optional, "build") }, { path: "x" });
});

test("parseArgs gives back any values, however they are spelled", () => {
  const value = fc.string({ minLength: 1 });
  const plain = value.filter((text) => text === "-" || !text.startsWith("-"));
  fc.assert(
    fc.property(plain, value, fc.array(value), fc.array(value, { minLength: 1 }), (a, b, c, d) => {
      const words = ["--platform", a, `--output=${b}`, ...c.flatMap((text) => `--include=${text}`)];
      const values = parse(...words, "--", ...d);
      assert.deepEqual([values.platform, values.output], [a, b]);
      assert.deepEqual([values.include, values.source], [c, d]);
    }),
  );
});

test("parseArgs either reads words or refuses them as bad usage", () => {
  const word = fc.oneof(
    fc.string(),
    fc.constantFrom("-o", "--output", "-I", "--", "-", "-s", "--strict", "--platform=x", "a"),
  );
  fc.assert(
    fc.property(fc.array(word), (words) => {
      try {
        assert.equal(typeof parse(...words).output, "string");
      } catch (error) {
        assert.equal((error as { code?: string }).code, "usage", String(error));
      }
    }),
  );
});

describe("splitCommand", () => {
  const cases: readonly [words: string[], name: string | undefined, rest: string[]][] = [
    [["list"], "list", []],
    [["--json", "list", "--quiet"], "list", ["--json", "--quiet"]],
    [["--store", "list", "tag", "a"], "tag", ["--store", "list", "a"]],
    [["--store=x", "tag", "a"], "tag", ["--store=x", "a"]],
    [["tag", "tag", "tag"], "tag", ["tag", "tag"]],
    [["--version"], undefined, ["--version"]],
    [["--", "list"], undefined, ["--", "list"]],
    [[], undefined, []],
  ];
  for (const [words, name, rest] of cases) {
    test(JSON.stringify(words), () => {
      assert.deepEqual(splitCommandLine(words, GLOBALS), { name, words: rest });
    });
  }
});

test("hasFlag looks before -- only", () => {
  assert.equal(hasFlag(["a", "--help"], "--help", "-h"), true);
  assert.equal(hasFlag(["a", "-h"], "--help", "-h"), true);
  assert.equal(hasFlag(["a", "--", "-h"], "--help", "-h"), false);
  assert.equal(hasFlag([], "--help"), false);
});

test("hasFlag sees a letter among others that take no value", () => {
  assert.equal(hasFlag(["-qh"], "-h"), true);
  assert.equal(hasFlag(["-qo", "file"], "--quiet", "-q"), true);
  assert.equal(hasFlag(["-oq"], "--quiet", "-q"), false);
  assert.equal(hasFlag(["-h=x"], "-x"), false);
});
