import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { formatProgress, formatSeconds, Rate } from "../../../src/cli/output/progress.ts";

const MIB = 1024 * 1024;

describe("formatProgress", () => {
  const half = { label: "export", bytes: 512 * MIB, total: 1024 * MIB, rate: 100 * MIB };

  test("says how much, how fast and how long", () => {
    assert.equal(
      formatProgress(half, 100),
      "export  50 %  512 MiB of 1.00 GiB  100 MiB/s  6 s left",
    );
  });

  test("says what is known where the total is not", () => {
    const line = formatProgress({ ...half, total: undefined }, 100);
    assert.equal(line, "export  512 MiB  100 MiB/s");
  });

  test("promises nothing before there is a rate", () => {
    assert.equal(formatProgress({ ...half, rate: 0 }, 100), "export  50 %  512 MiB of 1.00 GiB");
  });

  test("says 100 % only of all, and never more", () => {
    assert.match(formatProgress({ ...half, bytes: half.total - 1 }, 100), / 99 % /);
    assert.match(formatProgress({ ...half, bytes: half.total }, 100), / 100 % .* 0 s left/);
    assert.match(formatProgress({ ...half, bytes: half.total * 2 }, 100), / 100 % {2}1\.00 GiB of/);
    assert.match(formatProgress({ ...half, bytes: 0, total: 0 }, 100), / 100 % /);
  });

  test("drops what counts least where there is no room", () => {
    assert.equal(formatProgress(half, 45), "export  50 %  512 MiB of 1.00 GiB  100 MiB/s");
    assert.equal(formatProgress(half, 12), "export  50 %");
    assert.equal(formatProgress(half, 3), "exp");
  });

  test("never is wider than the terminal", () => {
    const number = fc.nat({ max: Number.MAX_SAFE_INTEGER });
    fc.assert(
      fc.property(
        number,
        fc.option(number),
        number,
        fc.nat({ max: 120 }),
        (bytes, total, rate, width) => {
          const line = formatProgress(
            { label: "verify x", bytes, total: total ?? undefined, rate },
            width,
          );
          assert.ok(line.length <= width && !/NaN|undefined|Infinity/.test(line), line);
        },
      ),
    );
  });
});

test("formatSeconds", () => {
  assert.deepEqual([0, 59, 60, 125, 3600, 3840].map(formatSeconds), [
    "0 s",
    "59 s",
    "1 min 00 s",
    "2 min 05 s",
    "1 h 00 min",
    "1 h 04 min",
  ]);
});

describe("Rate", () => {
  test("is that of the last seconds", () => {
    const rate = new Rate(3);
    assert.equal(rate.add(0, 0), 0);
    assert.equal(rate.add(1, 100), 100);
    assert.equal(rate.add(2, 200), 100);
    assert.equal(rate.add(3, 1200), 400);
    assert.equal(rate.add(5, 1400), 400);
    assert.equal(rate.add(10, 1400), 0);
  });

  test("is 0 where no time has passed", () => {
    const rate = new Rate();
    rate.add(1, 0);
    assert.equal(rate.add(1, 100), 0);
  });
});
