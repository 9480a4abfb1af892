import assert from "node:assert/strict";
import { test } from "node:test";
import { LAST_EPOCH, parseEpoch, rfc3339 } from "../../../src/base/time.ts";

test("only digits up to the last second of the year 9999 are an epoch", () => {
  assert.equal(parseEpoch("0"), 0);
  assert.equal(parseEpoch("0012"), 12);
  assert.equal(parseEpoch("253402300799"), LAST_EPOCH);
  for (const wrong of [
    "",
    " ",
    "-1",
    "+1",
    "1.5",
    "0x10",
    "1e3",
    " 1",
    "1 ",
    "1\n",
    "253402300800",
    "9".repeat(400),
    "١",
  ]) {
    assert.equal(parseEpoch(wrong), undefined, JSON.stringify(wrong));
  }
});

test("times are written in UTC with whole seconds", () => {
  assert.equal(rfc3339(0), "1970-01-01T00:00:00Z");
  assert.equal(rfc3339(1760974126), "2025-10-20T15:28:46Z");
  assert.equal(rfc3339(2147483648), "2038-01-19T03:14:08Z");
  assert.equal(rfc3339(LAST_EPOCH), "9999-12-31T23:59:59Z");
});
