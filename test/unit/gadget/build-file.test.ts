import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { utf8 } from "../../../src/base/bytes.ts";
import { type BuildFile, parseBuildFile } from "../../../src/gadget/spec/build-file.ts";
import { shown } from "../../support/gadget-problems.ts";

const parse = (source: string) => {
  const { value, problems } = parseBuildFile(utf8(source), "build.yaml");
  return { value, shown: shown(problems, "build.yaml") };
};

test("a recipe is read, and what is left out is left to the defaults", () => {
  const cases: [string, BuildFile][] = [
    ["", {}],
    ["# nothing yet\n", {}],
    ["{}\n", {}],
    ["---\n", {}],
    ["wasm: go/program.go\n", { wasm: "go/program.go" }],
    ["wasm: rust/src/lib.rs", { wasm: "rust/src/lib.rs" }],
    [
      "wasm: program.wasm\r\nmetadata: meta.yaml\r\n",
      { wasm: "program.wasm", metadata: "meta.yaml" },
    ],
    ["ebpfsource: ./src/x.bpf.c\n", { ebpfsource: "./src/x.bpf.c" }],
    ['metadata: ""\nwasm: ""\n', { metadata: "", wasm: "" }],
    ["metadata: 5\n", { metadata: "5" }],
  ];
  for (const [source, expected] of cases)
    assert.deepEqual(parse(source), { value: expected, shown: [] }, source);
});

test("mistakes in a recipe are reported at their place", () => {
  const knows = "it knows ebpfsource, wasm, metadata";
  const cases: [string, BuildFile, string[]][] = [
    [
      "wsam: a.go\n",
      {},
      [`1:1 error: "wsam" is not a key of build.yaml: ${knows} [perhaps "wasm" is meant]`],
    ],
    [
      "# x\n  \nEBPFSource: a.c\n",
      {},
      [
        `3:1 error: "EBPFSource" is not a key of build.yaml: ${knows} [perhaps "ebpfsource" is meant]`,
      ],
    ],
    [
      "wasm: a.go\nplatforms: [x]\n",
      { wasm: "a.go" },
      [`2:1 error: "platforms" is not a key of build.yaml: ${knows}`],
    ],
    [
      "cflags: -DX\n",
      {},
      [
        '1:1 error: "cflags" is not read: it has had no effect since flags left build.yaml [set it in the source with #define]',
      ],
    ],
    ["wasm: [a.go]\n", {}, ['1:7 error: "wasm" is a list: it should be text']],
    ["metadata:\n  file: x\n", {}, ['2:3 error: "metadata" is a mapping: it should be text']],
    ["metadata:\n", {}, ['1:1 warning: "metadata" has no value [fill it or remove it]']],
    [
      'ebpfsource: ""\n',
      { ebpfsource: "" },
      ['1:13 error: "ebpfsource" is "": it should name a file [remove the key]'],
    ],
    [
      "wasm: main.py\n",
      { wasm: "main.py" },
      ['1:7 error: "main.py" is no wasm source: it should end in .go, .rs or .wasm'],
    ],
    [
      "ebpfsource: program.bpf.o\n",
      { ebpfsource: "program.bpf.o" },
      [
        '1:13 warning: "program.bpf.o" does not end in .c: clang may take it for something other than C',
      ],
    ],
    [
      "ebpfsource: -include x.c\n",
      { ebpfsource: "-include x.c" },
      [
        '1:13 error: "-include x.c" begins like an option: it should be a path [write "./-include x.c"]',
      ],
    ],
    [
      'wasm: "@args.go"\n',
      { wasm: "@args.go" },
      ['1:7 error: "@args.go" begins like an option: it should be a path [write "./@args.go"]'],
    ],
    [
      "metadata: /etc/x.yaml\n",
      { metadata: "/etc/x.yaml" },
      [
        `1:11 error: "/etc/x.yaml" is an absolute path: it should be relative to the gadget's folder`,
      ],
    ],
    [
      "metadata: 'C:\\x.yaml'\n",
      { metadata: "C:\\x.yaml" },
      [
        `1:11 error: "C:\\\\x.yaml" is an absolute path: it should be relative to the gadget's folder`,
      ],
    ],
    [
      'metadata: "a\\0b"\n',
      { metadata: "a\0b" },
      ['1:11 error: "a\\u0000b" holds a control character: no path should'],
    ],
    [
      "wasm: a/../../b.go\n",
      { wasm: "a/../../b.go" },
      [
        `1:7 warning: "a/../../b.go" is outside of the gadget's folder: the image depends on more than the folder`,
      ],
    ],
    [
      "- wasm: a.go\n",
      {},
      [
        '1:1 error: build.yaml holds a list: it should be a mapping [write "wasm: FILE", "ebpfsource: FILE" or "metadata: FILE"]',
      ],
    ],
    [
      "wasm\n",
      {},
      [
        '1:1 error: build.yaml holds text: it should be a mapping [write "wasm: FILE", "ebpfsource: FILE" or "metadata: FILE"]',
      ],
    ],
    [
      "wasm: a.go\nwasm: b.go\n",
      {},
      ['2:1 error: the key "wasm" stands twice: first on line 1 [remove one of the two]'],
    ],
  ];
  for (const [source, value, shown] of cases)
    assert.deepEqual(parse(source), { value, shown }, source);
});

test("an unknown key is an error wherever it stands", () => {
  const key = fc
    .stringMatching(/^[a-z][a-z0-9_-]{0,12}$/)
    .filter((it) => !/^(ebpfsource|wasm|metadata|null|cflags)$/.test(it));
  fc.assert(
    fc.property(
      key,
      fc.nat(3),
      fc.subarray(["wasm: a.go", "metadata: m.yaml", "ebpfsource: p.c"]),
      (word, at, rest) => {
        const lines = rest.toSpliced(at, 0, `${word}: x`);
        const { shown } = parse(`${lines.join("\n")}\n`);
        assert.equal(shown.length, 1);
        const line = lines.indexOf(`${word}: x`) + 1;
        assert.ok(
          shown[0]?.startsWith(`${line}:1 error: "${word}" is not a key of build.yaml`),
          shown[0],
        );
      },
    ),
  );
});
