import assert from "node:assert/strict";
import { test } from "node:test";
import { redactCredentials } from "../../../src/base/redact.ts";

test("who logs in is masked, and nothing else", () => {
  const cases: readonly (readonly [string, string])[] = [
    ["https://me:s3cret@h/x", "https://***@h/x"],
    ["https://s3cret@h", "https://***@h"],
    ["http://a:b@c@h/x http://d@h", "http://***@h/x http://***@h"],
    ["docker://me:s3cret@h/x", "docker://***@h/x"],
    ["ssh://me:s3cret@h/x", "ssh://***@h/x"],
    ["me:s3cret@h/x:1", "***@h/x:1"],
    ["me:s3cret@h/x@sha256:0", "***@h/x@sha256:0"],
    ["https://$T@h/${P}s3cret", "https://$T@h/${P}s3cret"],
    ["https://${U}:$P@h", "https://${U}:$P@h"],
    ["https://$U:s3cret@h", "https://***@h"],
    ["https://${T:-s3cret}@h", "https://***@h"],
  ];
  for (const [text, shown] of cases) assert.equal(redactCredentials(text), shown);
  for (const text of [
    "https://h/x@v1",
    "https://h?a@b",
    "ssh://git@h/x",
    "git@example.org:x/y.git",
    "h:5000/x@sha256:0",
    "x:1@sha256:0",
    "a b:c",
  ])
    assert.equal(redactCredentials(text), text);
});
