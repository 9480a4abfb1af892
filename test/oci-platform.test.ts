import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatPlatform,
  matchesPlatform,
  parsePlatform,
  parsePlatforms,
} from "../src/oci/platform.ts";
import { faultOf } from "./support/fault.ts";

test("a platform is os/architecture[/variant], or an architecture of linux", () => {
  assert.deepEqual(parsePlatform("linux/arm/v7"), {
    architecture: "arm",
    os: "linux",
    variant: "v7",
  });
  assert.deepEqual(parsePlatform("arm64"), { architecture: "arm64", os: "linux" });
  assert.equal(formatPlatform(parsePlatform("windows/amd64")), "windows/amd64");
});

test("what is none is refused", async () => {
  for (const text of [
    "",
    "/",
    "linux/",
    "/amd64",
    "linux/amd64/v1/x",
    "Linux/amd64",
    "linux amd64",
    "linux/amd64,",
  ]) {
    await faultOf("usage", () => parsePlatforms(text));
  }
});

test("a list has each platform once, in the order of bytes, whatever its own", () => {
  const names = (text: string) => parsePlatforms(text).map(formatPlatform);
  assert.deepEqual(names("linux/arm64, linux/amd64,arm64"), ["linux/amd64", "linux/arm64"]);
});

test("a variant counts only where it is asked for", () => {
  const v7 = parsePlatform("linux/arm/v7");
  assert.ok(matchesPlatform(v7, parsePlatform("linux/arm")));
  assert.ok(!matchesPlatform(parsePlatform("linux/arm"), v7));
  assert.ok(!matchesPlatform(v7, parsePlatform("linux/arm/v6")));
});
