import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { IngotError } from "../../../src/base/error.ts";
import { subjectText, within } from "../../../src/base/subject.ts";
import { describeError } from "../../../src/cli/output/error-messages.ts";
import { quoteSubject } from "../../../src/cli/output/text.ts";
import { ingot } from "../../support/process/ingot.ts";
import { tempDir } from "../../support/process/temp.ts";

test("a subject is quoted name by name", () => {
  assert.equal(quoteSubject("a in b.tar"), '"a in b.tar"');
  assert.equal(quoteSubject(within("a in b", "c in d.tar")), '"a in b" in "c in d.tar"');
  assert.equal(quoteSubject(within(within("a", "b"), "c")), '"a" in "b" in "c"');
  assert.equal(
    quoteSubject(within("index.json", "standard input")),
    '"index.json" in standard input',
  );
  assert.equal(subjectText(within(within("a", "b"), "c")), "a in b in c");
});

test("an error has a message of its own, beside the one of the table", () => {
  const error = new IngotError("malformed", { what: "x", at: within("a", "b"), why: "it ends" });
  assert.equal(error.message, 'malformed: "a" in "b": it ends');
  assert.equal(describeError(error).message, 'cannot read x "a" in "b": it ends');
});

test('a path with " in " in it is printed whole', async (t) => {
  const dir = tempDir(t);
  const archive = join(dir, "made in here.tar");
  writeFileSync(archive, "no archive");
  const context = join(dir, "build in here");
  mkdirSync(context);
  writeFileSync(join(context, "Dockerfile"), "FROM scratch\nCOPY lost /\n");
  const store = ["--store", join(dir, "store")];
  for (const [words, expected] of [
    [["import", join(dir, "lost in here.tar")], `"${join(dir, "lost in here.tar")}"`],
    [["import", archive], `"${archive}"`],
    [["build", context, "-t", "a:1", "--platform", "linux/amd64"], `"lost" in "${context}`],
  ] as const) {
    const { code, stderr } = await ingot([...words, ...store]);
    assert.equal(code, 2, stderr);
    assert.ok(stderr.includes(expected), `${expected} in: ${stderr}`);
  }
});
