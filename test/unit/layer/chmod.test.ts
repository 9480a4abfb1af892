import assert from "node:assert/strict";
import { test } from "node:test";
import { parseMode } from "../../../src/layer/copy/chmod.ts";
import { faultOf } from "../../support/fault.ts";

const octal = (mode: number) => mode.toString(8).padStart(4, "0");
const after = (text: string, mode: number, isDirectory = false) =>
  octal(parseMode(text, "Dockerfile:1:1").apply(mode, isDirectory));

/** What BuildKit v0.34.2 makes of modes: of 2755 and 0640, each as a file and as a folder. */
const CASES: Readonly<Record<string, readonly [string, string, string, string]>> = {
  "755": ["0755", "0755", "0755", "0755"],
  "00000000755": ["0755", "0755", "0755", "0755"],
  "u=rwX,go=rX": ["0755", "0644", "0755", "0755"],
  "+x": ["2755", "0751", "2755", "0751"],
  "g=u": ["2775", "0660", "2775", "0660"],
  "g=o": ["2755", "0600", "2755", "0600"],
  "=g": ["2555", "0444", "2555", "0444"],
  "=t": ["3755", "1640", "3755", "1640"],
  "+st": ["3755", "1640", "3755", "1640"],
  "u+st": ["7755", "5640", "7755", "5640"],
  "oo+t": ["2755", "0640", "2755", "0640"],
  "o=s": ["2750", "0640", "2750", "0640"],
  "u=rg": ["2555", "0440", "2555", "0440"],
  "u=gr": ["2455", "0440", "2455", "0440"],
  "a+Xgo": ["2755", "0644", "2755", "0755"],
  "go-u,u-w": ["2500", "0400", "2500", "0400"],
  "=": ["0000", "0000", "0000", "0000"],
  "g-s+t": ["1755", "1640", "1755", "1640"],
};

test("changes of a mode are what BuildKit makes of them", () => {
  for (const [text, expected] of Object.entries(CASES)) {
    const made = [false, true].flatMap((folder) =>
      [0o2755, 0o640].map((mode) => after(text, mode, folder)),
    );
    assert.deepEqual(made, expected, text);
  }
});

test("what is no mode is refused", async () => {
  for (const text of ["", "8", "10000", "u", "755,u+x", "+y", "u=r,", ",u=r", "z+x", "0x1"])
    await faultOf("usage", () => parseMode(text, "Dockerfile:1:1"));
});
