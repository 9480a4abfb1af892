import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type ErrorCode, type ErrorDetails, IngotError } from "../../../src/base/error.ts";
import { within } from "../../../src/base/subject.ts";
import {
  alternatives,
  describeError,
  formatProblem,
} from "../../../src/cli/output/error-messages.ts";
import {
  cleanLine,
  escapeControl,
  formatBytes,
  plural,
  quote,
  quoteSubject,
  table,
} from "../../../src/cli/output/text.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;
const problem = { file: "gadget.yaml", line: 3, column: 5, message: "no key x", hint: "y?" };

type Samples = {
  readonly [C in ErrorCode]: readonly (readonly [
    facts: ErrorDetails[C],
    message: string,
    more?: { readonly hint?: RegExp; readonly details?: readonly string[] },
  ])[];
};

/** For every code what is said: a code without a sentence, or without a test, does not compile. */
const samples: Samples = {
  usage: [[{ message: "m", hint: "h" }, "m", { hint: /^h$/ }]],
  io: [
    [
      { doing: "open", at: "/a/b", code: "ENOENT", message: "x" },
      'cannot open "/a/b": no such file or directory (ENOENT)',
      { hint: /check the path/ },
    ],
    [
      { doing: "create", at: "/a/b", code: "ENOENT", message: "x" },
      'cannot create "/a/b": no such file or directory (ENOENT)',
      { hint: /mkdir -p "\/a"/ },
    ],
    [
      { doing: "write", at: "/a/b", code: "EACCES", message: "x" },
      'cannot write "/a/b": permission denied (EACCES)',
      { hint: /ls -ld "\/a"/ },
    ],
    [
      { doing: "read", at: "/a/b", code: "EACCES", message: "x" },
      'cannot read "/a/b": permission denied (EACCES)',
      { hint: /ls -l "\/a\/b"/ },
    ],
    [
      { doing: "write to", at: "standard output", code: "EPIPE", message: "x" },
      "cannot write to standard output: the reader has closed the pipe (EPIPE)",
      { hint: /incomplete/ },
    ],
    [
      { doing: "read", at: "x", code: "EISDIR", message: "x" },
      'cannot read "x": it is a folder, should be a file (EISDIR)',
    ],
    [{ doing: "write", at: "x", code: "EODD", message: "odd" }, 'cannot write "x": odd (EODD)'],
    [{ doing: "write", at: "x", code: "EUNKNOWN", message: "odd" }, 'cannot write "x": odd'],
  ],
  "not-found": [
    [
      { what: "the image", at: within("x", "/s"), near: ["y", "z"] },
      'cannot find the image: looked for "x" in "/s"',
      { hint: /^did you mean "y" or "z"\?$/ },
    ],
    [
      { what: "the image", at: within("x", "/s"), as: ["a/x:latest", "b/x:latest"] },
      'cannot find the image: looked for "x" in "/s", as "a/x:latest" or "b/x:latest"',
    ],
    [
      { what: "the folder", at: "/s", hint: "make it" },
      'cannot find the folder: looked for "/s"',
      { hint: /^make it$/ },
    ],
    [
      { what: "the file", at: "/s", near: ["/t"], hint: "make it" },
      'cannot find the file: looked for "/s"',
      { hint: /^did you mean "\/t"\? \(make it\)$/ },
    ],
  ],
  "volumes-missing": [
    [
      {
        at: "/s/big.tar.volumes.json",
        count: 5,
        missing: [
          { file: "big.tar.002", number: 2, size: 512, digest: A },
          {
            file: "big.tar.003",
            number: 3,
            size: 512,
            digest: B,
            found: { path: "/s/big.tar.003", size: 1 },
          },
        ],
        folders: ["/s", "/t"],
      },
      'cannot find all volumes of "/s/big.tar.volumes.json": 2 of 5 are missing, looked in "/s", "/t"',
      {
        details: [
          `big.tar.002: volume 2 of 5, 512 bytes, ${A}`,
          `big.tar.003: volume 3 of 5, 512 bytes, ${B}; "/s/big.tar.003" has 1 byte`,
        ],
        hint: /copy them/,
      },
    ],
  ],
  ambiguous: [
    [
      { what: "the image", at: "x", matches: ["a", "b"] },
      'cannot choose the image: "x" fits 2 of them, should fit one',
      { details: ["a", "b"], hint: /digest/ },
    ],
  ],
  "digest-differs": [
    [
      { at: "f", expected: A, actual: B },
      `cannot use "f": its bytes are ${B}, should be ${A}`,
      { hint: /damaged/ },
    ],
  ],
  "size-differs": [
    [
      { at: "f", expected: 2, actual: 1 },
      'cannot use "f": it has 1 byte, should have 2 bytes',
      { hint: /damaged/ },
    ],
  ],
  "blob-missing": [
    [
      { digest: A, at: "/s", neededBy: B },
      `cannot find a blob: ${A} is not in "/s", and ${B} needs it`,
      { hint: /import it again/ },
    ],
  ],
  malformed: [
    [
      { what: "JSON", at: "index.json", why: "it ends early", hint: "h" },
      'cannot read JSON "index.json": it ends early',
      { hint: /^h$/ },
    ],
    [{ what: "the image name", at: '"a b"', why: "no" }, 'cannot read the image name "a b": no'],
  ],
  "too-large": [
    [
      { what: "the file", at: "f", actual: 2, limit: 1 },
      'cannot take the file "f": it has 2 bytes, should have at most 1 byte',
    ],
    [
      { what: "the file", at: "f", limit: 4096 },
      'cannot take the file "f": it has more than 4096 bytes, which is the most that is taken',
    ],
    [
      { what: "the archive", at: "f", actual: 9, limit: 3, unit: "members" },
      'cannot take the archive "f": it has 9 members, should have at most 3 members',
    ],
  ],
  unsupported: [
    [
      { what: "the layout", at: "f", found: "version 2", expected: "version 1" },
      'cannot use the layout "f": found version 2, should be version 1',
    ],
    [
      { what: "the archive", at: "f", found: "xz", expected: "gzip", hint: "h" },
      'cannot use the archive "f": found xz, should be gzip',
      { hint: /^h$/ },
    ],
  ],
  changed: [
    [
      { at: "f", why: "it has 3 bytes, and had 2" },
      'cannot read "f": it has 3 bytes, and had 2, should stay as it is until it is read',
      { hint: /stop it/ },
    ],
  ],
  source: [
    [
      {
        what: "the metadata",
        at: "gadget.yaml",
        problems: [
          { ...problem, level: "error" },
          { ...problem, level: "warning" },
        ],
      },
      'cannot use the metadata "gadget.yaml": it has 1 error and 1 warning',
      {
        details: [
          "gadget.yaml:3:5: error: no key x (y?)",
          "gadget.yaml:3:5: warning: no key x (y?)",
        ],
      },
    ],
    [
      { what: "the gadget", at: "g", problems: [{ ...problem, level: "warning" }] },
      'cannot use the gadget "g": it has 1 warning',
      { details: ["gadget.yaml:3:5: warning: no key x (y?)"], hint: /^--strict makes warnings/ },
    ],
  ],
  "program-missing": [
    [
      { program: "clang", needed: "to compile x", install: "apt-get install clang" },
      'cannot run "clang", which is needed to compile x: it is not on the PATH',
      { hint: /apt-get install clang/ },
    ],
    [
      { program: "/opt/clang", needed: "to compile x", install: "apt-get install clang" },
      'cannot run "/opt/clang", which is needed to compile x: there is no such program',
    ],
  ],
  "program-failed": [
    [
      { program: "clang", command: "clang x", status: "exit status 1", output: "a\nb", hint: "h" },
      "clang failed: exit status 1",
      { details: ["$ clang x", "a", "b"], hint: /^h$/ },
    ],
    [
      { program: "clang", command: "clang x", status: "exit status 1", output: "" },
      "clang failed: exit status 1",
      { details: ["$ clang x", "(it said nothing)"] },
    ],
  ],
  "no-space": [
    [
      { at: "/s", needed: 2048, free: 1024 },
      'cannot write to "/s": 1.00 KiB are free there, should be 2.00 KiB (1024 bytes more)',
      { hint: /ingot prune/ },
    ],
  ],
  registry: [
    [
      { doing: "get", at: "r.example/x:v1", code: "401", why: "UNAUTHORIZED who" },
      'cannot get "r.example/x:v1": authentication is required (HTTP 401): UNAUTHORIZED who',
      { hint: /^log in: ingot login r\.example / },
    ],
    [
      { doing: "get", at: "r.example/x:v1", code: "429", why: "limit 100;w=21600", after: 30 },
      'cannot get "r.example/x:v1": the registry\'s rate limit is reached (HTTP 429): limit 100;w=21600',
      { hint: /^wait 30 s/ },
    ],
    [
      { doing: "push", at: "r/x:v1", code: "503", why: "" },
      'cannot push "r/x:v1": server error (HTTP 503)',
      { hint: /later/ },
    ],
    [
      { doing: "push", at: "r/x:v1", code: "418", why: "tea" },
      'cannot push "r/x:v1": HTTP 418: tea',
    ],
    [
      { doing: "get", at: "r/x:v1", code: "tls", why: "self-signed" },
      'cannot get "r/x:v1": the TLS connection could not be verified: self-signed',
      { hint: /--ca-file FILE/ },
    ],
    [
      { doing: "get", at: "r/x:v1", code: "400", why: "Client sent HTTP to an HTTPS server." },
      'cannot get "r/x:v1": HTTP 400: Client sent HTTP to an HTTPS server.',
      { hint: /it speaks TLS.*--ca-file FILE/ },
    ],
    [
      { doing: "get", at: "r/x:v1", code: "cut", why: "socket hang up" },
      'cannot get "r/x:v1": the connection broke off, several times: socket hang up',
      { hint: /kept/ },
    ],
  ],
  busy: [
    [
      { what: "the store", at: "/s", holder: "process 7" },
      'cannot have the store "/s" alone: process 7 is using it',
      { hint: /wait/ },
    ],
  ],
  unproven: [
    [
      { at: "f", findings: [{ code: "cut", at: "m", message: "it ends early" }] },
      'cannot take "f": it has 1 finding, should have none',
      { details: ["m: it ends early [cut]"], hint: /nothing was changed/ },
    ],
  ],
  internal: [
    [{ message: "oh\n  at x.ts:1" }, "a mistake in ingot itself: oh", { hint: /--debug/ }],
  ],
};

describe("the sentence for", () => {
  for (const [code, cases] of Object.entries(samples)) {
    test(code, () => {
      assert.ok(cases.length > 0);
      for (const [facts, message, more = {}] of cases) {
        const said = describeError(new IngotError(code as ErrorCode, facts));
        assert.equal(said.message, message);
        assert.doesNotMatch(
          `${said.message}${said.hint}`.replace(/undefined$/, ""),
          /undefined|\[object/,
        );
        if (more.hint !== undefined) assert.match(said.hint ?? "", more.hint);
        if (more.details !== undefined) assert.deepEqual(said.details, more.details);
      }
    });
  }
});

test("formatProblem leaves out the hint that is not there", () => {
  const { hint: _, ...bare } = problem;
  assert.equal(formatProblem({ ...bare, level: "error" }), "gadget.yaml:3:5: error: no key x");
});

test("alternatives", () => {
  assert.equal(alternatives(["a"]), '"a"');
  assert.equal(alternatives(["a", "b"]), '"a" or "b"');
  assert.equal(alternatives(["a", "b", "c"]), '"a", "b" or "c"');
});

describe("text", () => {
  test("clean leaves a terminal nothing to obey", () => {
    assert.equal(
      escapeControl("a\u001b[31mb\u0007\u009b\u202ec\r"),
      "a\\u001b[31mb\\u0007\\u009b\\u202ec\\u000d",
    );
    assert.equal(escapeControl("a\tb\nä 文 🦊"), "a\tb\nä 文 🦊");
  });

  test("cleanLine leaves one line", () => {
    assert.equal(cleanLine("a\nb\u001b\tc"), "a\\nb\\u001b\tc");
  });

  test("quote keeps what is quoted", () => {
    assert.deepEqual([quote("a"), quote('"a"'), quote('a"b')], ['"a"', '"a"', '"a\\"b"']);
    assert.equal(quoteSubject(within("a", "b")), '"a" in "b"');
    assert.equal(quoteSubject("standard input"), "standard input");
  });

  test("formatBytes", () => {
    const cases: readonly [number, string][] = [
      [0, "0 bytes"],
      [1, "1 byte"],
      [1023, "1023 bytes"],
      [1024, "1.00 KiB"],
      [1536, "1.50 KiB"],
      [10 * 1024, "10.0 KiB"],
      [1024 ** 2 - 1, "1023 KiB"],
      [256 * 1024 ** 2, "256 MiB"],
      [1024 ** 5, "1.00 PiB"],
    ];
    for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
  });

  test("count", () => {
    assert.deepEqual(
      [plural(0, "image"), plural(1, "image"), plural(2, "image")],
      ["0 images", "1 image", "2 images"],
    );
  });

  test("table", () => {
    const rows = [
      ["a", "bbb", "c"],
      ["aaa", "b", ""],
    ];
    assert.deepEqual(table(rows), ["a    bbb  c", "aaa  b"]);
    assert.deepEqual(table([]), []);
  });
});
