import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  formatReference,
  parseQuery,
  parseReference,
  type ReferenceKind,
} from "../../../src/oci/reference.ts";
import { faultOf } from "../../support/fault.ts";

const complete = (text: string, kind: ReferenceKind) => formatReference(parseReference(text, kind));

test("short names are completed by the kind of image", () => {
  const table: [string, string, string][] = [
    ["x", "ghcr.io/inspektor-gadget/gadget/x:latest", "docker.io/library/x:latest"],
    ["x:v1", "ghcr.io/inspektor-gadget/gadget/x:v1", "docker.io/library/x:v1"],
    ["a/b", "ghcr.io/a/b:latest", "docker.io/a/b:latest"],
    ["a/b/c:1", "ghcr.io/a/b/c:1", "docker.io/a/b/c:1"],
    ["localhost/x", "localhost/x:latest", "localhost/x:latest"],
    ["localhost:5000/x:y", "localhost:5000/x:y", "localhost:5000/x:y"],
    ["example.com/x", "example.com/x:latest", "example.com/x:latest"],
    ["[::1]:5000/x", "[::1]:5000/x:latest", "[::1]:5000/x:latest"],
    ["docker.io/x", "docker.io/x:latest", "docker.io/library/x:latest"],
    ["EXAMPLE.com/x", "EXAMPLE.com/x:latest", "EXAMPLE.com/x:latest"],
  ];
  for (const [text, gadget, container] of table) {
    assert.equal(complete(text, "gadget"), gadget);
    assert.equal(complete(text, "container"), container);
  }
});

test("what is no name is refused", async () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const wrong = [
    "",
    ":",
    "x:",
    "X",
    "a//b",
    "/x",
    "x/",
    "-x",
    "x-",
    "a b",
    "x:-y",
    `x@${digest}`,
    "x:a/b",
    "a_.b",
    "é",
    "x:é",
    "ex ample.com/x",
    `x:${"y".repeat(129)}`,
    "a/../b",
    "x".repeat(600),
    "x\n",
  ];
  for (const text of wrong) await faultOf("malformed", () => complete(text, "gadget"));
});

test("a complete name is its own completion", () => {
  const part = fc.stringMatching(/^[a-z0-9]+([._-][a-z0-9]+)?$/);
  const name = fc.tuple(
    fc.array(part, { minLength: 1, maxLength: 4 }),
    fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,20}$/),
  );
  fc.assert(
    fc.property(
      name,
      fc.constantFrom<ReferenceKind>("gadget", "container"),
      ([parts, tag], kind) => {
        const once = complete(`${parts.join("/")}:${tag}`, kind);
        assert.equal(complete(once, kind), once);
      },
    ),
  );
});

test("what is looked up may be a name, a digest, or both", () => {
  const digest = `sha256:${"a".repeat(64)}` as const;
  assert.deepEqual(parseQuery("x"), {
    references: ["ghcr.io/inspektor-gadget/gadget/x:latest", "docker.io/library/x:latest"],
  });
  assert.deepEqual(parseQuery("x", ["container"]), { references: ["docker.io/library/x:latest"] });
  assert.deepEqual(parseQuery("example.com/x:1"), { references: ["example.com/x:1"] });
  assert.deepEqual(parseQuery(digest), { references: [], digest });
  assert.deepEqual(parseQuery(`example.com/x:1@${digest}`), {
    references: ["example.com/x:1"],
    digest,
  });
});
