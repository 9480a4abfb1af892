import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { rangeIn, SegmentedFile } from "../../../../src/base/fs/segmented-file.ts";
import { faultOf } from "../../../support/fault.ts";
import { tempDir } from "../../../support/process/temp.ts";

test("files that are one: what is written anywhere is read anywhere, also of a stretch alone", (t) => {
  const dir = tempDir(t);
  const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 8 });
  const stretch = fc.tuple(fc.nat(400), fc.nat(120));
  fc.assert(
    fc.property(sizes, fc.array(stretch, { minLength: 1, maxLength: 8 }), (sizes, stretches) => {
      const total = sizes.reduce((sum, size) => sum + size, 0);
      const whole = Buffer.alloc(total);
      const parts = sizes.map((size, i) => {
        writeFileSync(join(dir, `${i}`), Buffer.alloc(size));
        return { path: join(dir, `${i}`), size };
      });
      const all = new SegmentedFile(parts);
      for (const [i, [from, most]] of stretches.entries()) {
        const position = from % total;
        const bytes = Buffer.alloc(Math.min(most, total - position), i + 1);
        bytes.copy(whole, position);
        const { parts: some, offset } = rangeIn(parts, position, bytes.length);
        assert.ok(bytes.length === 0 || offset < some[0]!.size);
        const alone = new SegmentedFile(some);
        if (i % 2 === 0) alone.write(bytes, offset);
        else all.write(bytes, position);
        const back = Buffer.alloc(bytes.length);
        assert.equal(
          (i % 2 === 0 ? all : alone).read(back, i % 2 === 0 ? position : offset),
          bytes.length,
        );
        assert.ok(back.equals(bytes));
        alone.close();
      }
      all.close();
      assert.ok(Buffer.concat(parts.map(({ path }) => readFileSync(path))).equals(whole));
    }),
  );
});

test("a file that is shorter than it should be ends what is read; behind the end nothing is written", async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, "a"), "abc");
  writeFileSync(join(dir, "b"), "d");
  const parts = new SegmentedFile([
    { path: join(dir, "a"), size: 3 },
    { path: join(dir, "b"), size: 3 },
  ]);
  const into = Buffer.alloc(5);
  assert.equal(parts.read(into, 1), 3);
  assert.equal(`${into.subarray(0, 3)}`, "bcd");
  await faultOf("internal", () => parts.write(Buffer.from("x"), 6));
  parts.close();
  const gone = new SegmentedFile([{ path: join(dir, "none"), size: 1 }]);
  assert.equal((await faultOf("io", () => gone.write(into.subarray(0, 1), 0))).code, "ENOENT");
});
