import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { readSettings, sourceDateEpoch, storePath } from "../../../src/cli/args/settings.ts";
import { faultOf } from "../../support/fault.ts";

const settings = (environment: Record<string, string | undefined>) =>
  readSettings(environment, () => undefined);

describe("storePath", () => {
  const all = { INGOT_STORE: "/i", XDG_DATA_HOME: "/x", HOME: "/h" };
  const cases: readonly [
    name: string,
    environment: object,
    flag: string | undefined,
    path: string,
  ][] = [
    ["--store before all", all, "/f", "/f"],
    ["INGOT_STORE", all, undefined, "/i"],
    ["XDG_DATA_HOME", { ...all, INGOT_STORE: undefined }, undefined, "/x/ingot"],
    ["an empty variable as none", { ...all, INGOT_STORE: "" }, undefined, "/x/ingot"],
    [
      "a relative XDG_DATA_HOME as none",
      { XDG_DATA_HOME: "x", HOME: "/h" },
      undefined,
      "/h/.local/share/ingot",
    ],
    ["HOME", { HOME: "/h" }, undefined, "/h/.local/share/ingot"],
    ["a path without . and ..", {}, "/a/./b/../c/", "/a/c"],
  ];
  for (const [name, environment, flag, path] of cases) {
    test(name, () => assert.equal(storePath(settings({ ...environment }), flag), path));
  }

  test("the system's home where HOME is not set", () => {
    const found = readSettings({}, () => "/home/u");
    assert.equal(storePath(found, undefined), "/home/u/.local/share/ingot");
  });

  test("nothing to go by", async () => {
    const facts = await faultOf("usage", () => storePath(settings({}), undefined));
    assert.match(facts.message, /INGOT_STORE/);
    assert.match(facts.hint ?? "", /--store/);
  });
});

describe("sourceDateEpoch", () => {
  const read = (value: string | undefined) =>
    sourceDateEpoch(settings({ SOURCE_DATE_EPOCH: value }));

  test("takes whole seconds", () => {
    assert.deepEqual(
      [read("0"), read("1700000000"), read("253402300799")],
      [0, 1700000000, 253402300799],
    );
    assert.equal(read(undefined), undefined);
  });

  for (const value of ["", " 1", "1 ", "-1", "+1", "1.5", "1e3", "0x1", "now", "253402300800"]) {
    test(`refuses ${JSON.stringify(value)} and quotes it`, async () => {
      const facts = await faultOf("usage", () => read(value));
      assert.ok(facts.message.includes(JSON.stringify(value)), facts.message);
    });
  }
});

describe("colours and redrawing", () => {
  const cases: readonly [environment: Record<string, string>, color: boolean, redraw: boolean][] = [
    [{}, true, true],
    [{ NO_COLOR: "" }, true, true],
    [{ NO_COLOR: "1" }, false, true],
    [{ NO_COLOR: "0" }, false, true],
    [{ TERM: "dumb" }, false, false],
    [{ TERM: "xterm", CI: "true" }, true, false],
  ];
  for (const [environment, color, redraw] of cases) {
    test(JSON.stringify(environment), () => {
      const found = settings(environment);
      assert.deepEqual([found.color, found.redraw], [color, redraw]);
    });
  }
});
