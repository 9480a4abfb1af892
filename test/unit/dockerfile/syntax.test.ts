import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/base/bytes.ts";
import { quoted, quotedList } from "../../../src/dockerfile/image/go-format.ts";
import { BadSubstitution, expand } from "../../../src/dockerfile/lexer/expand.ts";
import { jsonStrings, splitInstruction, splitQuoted } from "../../../src/dockerfile/lexer/split.ts";
import { replaceMatches, trimMatch } from "../../../src/dockerfile/lexer/substitute.ts";
import { parseDockerfile } from "../../../src/dockerfile/read.ts";
import { formatDuration, parseDuration } from "../../../src/dockerfile/syntax/duration.ts";
import { BadPort, parsePorts } from "../../../src/dockerfile/syntax/ports.ts";
import { isSignal } from "../../../src/dockerfile/syntax/signals.ts";
import { faultOf } from "../../support/fault.ts";
import { work } from "../../support/images/container.ts";

test("durations, as Go reads and prints them", () => {
  const cases: readonly (readonly [string, number | undefined, string?])[] = [
    ["0", 0, "0s"],
    ["1ns", 1, "1ns"],
    ["1.5us", 1_500, "1.5µs"],
    ["1µs1μs", 2_000, "2µs"],
    ["500ms", 500_000_000, "500ms"],
    ["1m30s", 90_000_000_000, "1m30s"],
    ["1h", 3_600_000_000_000, "1h0m0s"],
    [".5h", 1_800_000_000_000, "30m0s"],
    ["1.000000001s", 1_000_000_001, "1.000000001s"],
    ["-1s", -1_000_000_000],
    ["", undefined],
    ["1", undefined],
    ["1 s", undefined],
    ["1d", undefined],
    ["9999999h", undefined],
  ];
  for (const [written, nanoseconds, printed] of cases) {
    assert.equal(parseDuration(written), nanoseconds, written);
    if (printed !== undefined) assert.equal(formatDuration(nanoseconds!), printed);
  }
});

test("law: a duration that is printed reads back", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }), (nanoseconds) => {
      assert.equal(parseDuration(formatDuration(nanoseconds)), nanoseconds);
    }),
  );
});

test("strings in quotes, as Go prints them", () => {
  assert.equal(
    quoted('a"b\\c\n\t\x07\x00\x7f é\u00a0\u200b\u2028\u{1f600}\ue000\u{10ffff}'),
    '"a\\"b\\\\c\\n\\t\\a\\x00\\x7f é\\u00a0\\u200b\\u2028\u{1f600}\\ue000\\U0010ffff"',
  );
  assert.equal(quotedList(["a b", ""]), '["a b" ""]');
});

test("ports", () => {
  assert.deepEqual(parsePorts("80").ports, ["80/tcp"]);
  assert.deepEqual(parsePorts("1-3/UDP").ports, ["1/udp", "2/udp", "3/udp"]);
  assert.deepEqual(parsePorts("127.0.0.1:8080:80"), { ports: ["80/tcp"], published: true });
  for (const word of ["1.2.3.4::80", ":80", "[::1]:8080:80", "1-2:80"])
    assert.deepEqual(parsePorts(word).ports, ["80/tcp"], word);
  for (const word of [
    "",
    "x",
    "65536",
    "2-1",
    "1-2-3",
    "80/x",
    "1-2:3-5",
    "/tcp",
    "-1",
    "1/tcp/x",
    "host:1:2",
  ])
    assert.throws(() => parsePorts(word), BadPort, word);
});

test("signals", () => {
  for (const word of ["SIGTERM", "term", "SigUsr1", "9", "RTMIN+3", "SIGRTMAX-14"])
    assert.ok(isSignal(word), word);
  for (const word of ["", "0", "SIGFOO", "RTMIN+16", "SIG", "1.5"])
    assert.ok(!isSignal(word), word);
});

test("words know where they stand", () => {
  const line = { text: '  COPY --a="b c" -- --d  e ', at: 0 };
  const { name, flags, rest } = splitInstruction(line, "\\");
  assert.deepEqual(name, { text: "COPY", at: 2 });
  assert.deepEqual(flags, [{ text: "--a=b c", at: 7 }]);
  assert.deepEqual(rest, { text: "--d  e", at: 20 });
  assert.deepEqual(splitQuoted({ text: 'a="b c" d\\ e', at: 4 }, "\\"), [
    { text: 'a="b c"', at: 4 },
    { text: "d\\ e", at: 12 },
  ]);
});

test("JSON arrays of strings", () => {
  assert.deepEqual(jsonStrings(' ["a", "\\ud800"] '), ["a", "\ufffd"]);
  assert.equal(jsonStrings('["a", 1]'), "mixed");
  assert.equal(jsonStrings("['a']"), undefined);
  assert.equal(jsonStrings('["a"] b'), undefined);
  assert.equal(jsonStrings('{"a": 1}'), undefined);
});

test("the longest pattern is found in time that grows with the text, not with its power", () => {
  const value = "a".repeat(5_000);
  assert.equal(
    trimMatch(value, `${"*a".repeat(30)}b`, { side: "front", greedy: true }, Error),
    value,
  );
  assert.equal(
    replaceMatches(`${value}b`, `${"a*".repeat(20)}b`, { replacement: "x", all: false }, Error),
    "x",
  );
});

test("an escape within single quotes of a pattern is plain, a wildcard is none: as in BuildKit v0.34.2", () => {
  const cases: readonly (readonly [text: string, value: string, expected: string])[] = [
    ["${X#'a\\*'}", "a\\*b", "*b"],
    ["${X/'\\*'/x}", "a\\*b", "ax"],
    ["${X%'\\b'}", "a\\b", "a"],
    ["${X#'a*'}", "aab", "ab"],
    ["${X/'\\'/-}", "a\\b", "a-b"],
  ];
  for (const [text, value, expected] of cases)
    assert.equal(expand(text, () => value, { escape: "\\" }).text, expected, text);
});

test("what is nested too deep, or too long to search, is refused", () => {
  const nested = (depth: number) => `${"${X:-".repeat(depth)}a${"}".repeat(depth)}`;
  assert.equal(expand(nested(99), () => undefined, { escape: "\\" }).text, "a");
  assert.throws(() => expand(nested(100_000), () => undefined, { escape: "\\" }), BadSubstitution);
  const long = () => "a".repeat(100_000);
  assert.throws(() => expand("${X//a*b/}", long, { escape: "\\" }), BadSubstitution);
  assert.equal(expand("${X%%a*}", long, { escape: "\\" }).text, "");
});

test("a line of a million spaces is read at once", () => {
  const spaces = " ".repeat(1_000_000);
  const { stages } = parseDockerfile(
    utf8(`FROM${spaces}scratch\nENV A=b${spaces}C=d\n`),
    "Dockerfile",
  );
  assert.equal(stages[0]!.instructions.length, 1);
});

const NAMES = new Map([
  ["A", "a b"],
  ["E", ""],
]);
const get = (name: string) => NAMES.get(name);
const options = { escape: "\\" };
const soup = fc
  .array(fc.constantFrom(..."$${}AEX:-+?#%/*\"'\\ ab<é😀".split(""), "😀", "${A", "${X:-"), {
    maxLength: 12,
  })
  .map((parts) => parts.join(""));

test("law: any text is expanded or refused, and nothing else happens", () => {
  fc.assert(
    fc.property(soup, (source) => {
      try {
        assert.equal(typeof expand(source, get, options).text, "string");
      } catch (error) {
        assert.ok(error instanceof BadSubstitution, String(error));
      }
    }),
    { numRuns: 5000 },
  );
});

test("law: text without special characters is what it was; in single quotes all of it is", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (source) => {
      const plain = source.replace(/[$'"\\]/g, "");
      assert.equal(expand(plain, get, options).text, plain);
      const inside = source.replaceAll("'", "");
      assert.equal(expand(`'${inside}'`, get, options).text, inside);
    }),
  );
});

test("variables that double, and what else would fill the memory, are bounded", async () => {
  const doubling = (start: string, line: string) => `${start}${line.repeat(40)}`;
  const env = doubling("FROM scratch\nENV A=aaaa\n", "ENV A=$A$A\n");
  assert.equal((await faultOf("too-large", () => work(env))).what, "the history of");
  const user = doubling("FROM scratch\nENV A=a\n", 'ENV A="$A$A"\nUSER x\n');
  await faultOf("too-large", () => work(user));
  const global = `ARG A=aaaa\n${"ARG A=$A$A\n".repeat(40)}FROM scratch\n`;
  await faultOf("source", () => work(global));
  const ports = `FROM scratch\nEXPOSE ${"0-65535 ".repeat(50)}\n`;
  assert.equal((await faultOf("too-large", () => work(ports))).unit, "ports");
});

test("a file of nothing but mistakes is refused with the first thousand", async () => {
  const { problems } = await faultOf("source", () => work("x\n".repeat(500_000)));
  assert.ok(problems.length >= 1000 && problems.length <= 1001, `${problems.length}`);
});

test("a file of very many good lines is read at once", () => {
  const many = `FROM scratch\n${"LABEL a=b\nONBUILD CMD x\nENV A=1\n".repeat(20_000)}`;
  const { config } = work(`${many}COPY ${"a \\\n".repeat(50_000)} /\n`);
  assert.equal(config.onBuild.length, 20_000);
});
