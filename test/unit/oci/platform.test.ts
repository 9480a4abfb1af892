import assert from "node:assert/strict";
import { test } from "node:test";
import {
  formatPlatform,
  matchesPlatform,
  type Platform,
  parsePlatform,
  parsePlatforms,
  placesFor,
} from "../../../src/oci/platform.ts";
import { faultOf } from "../../support/fault.ts";

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
    "foo",
    "local",
  ]) {
    await faultOf("usage", () => parsePlatforms(text));
  }
});

test("a system for an architecture, or the other way round, is a slip, not an image that nothing runs", async () => {
  for (const text of ["arm64/v8", "arm/v7", "amd64/linux", "aarch64/linux", "linux", "windows"])
    await faultOf("usage", () => parsePlatform(text));
  const { hint } = await faultOf("usage", () => parsePlatform("arm64/v8"));
  assert.equal(hint, "for example --platform linux/arm64/v8");
  for (const text of ["wasi/wasm", "plan9/amd64", "linux/sw64", "js/wasm"])
    assert.equal(formatPlatform(parsePlatform(text)), text);
});

test("a list has each platform once, in the order of bytes, whatever its own", () => {
  const names = (text: string) => parsePlatforms(text).map(formatPlatform);
  assert.deepEqual(names("linux/arm64, linux/amd64,arm64"), ["linux/amd64", "linux/arm64"]);
});

test("other names of a platform are the one that images have", () => {
  const cases: Readonly<Record<string, string>> = {
    "linux/aarch64": "linux/arm64",
    "linux/aarch64/v8": "linux/arm64",
    "linux/arm64/v8": "linux/arm64",
    "linux/arm64/8": "linux/arm64",
    "linux/arm64/v8.0": "linux/arm64",
    "linux/arm64/9": "linux/arm64/v9",
    "linux/arm64/v9": "linux/arm64/v9",
    "linux/arm64/v8.2": "linux/arm64/v8.2",
    "linux/x86_64": "linux/amd64",
    "linux/x86-64": "linux/amd64",
    x86_64: "linux/amd64",
    "linux/amd64/v1": "linux/amd64",
    "linux/x86_64/v1": "linux/amd64",
    "linux/amd64/v3": "linux/amd64/v3",
    "linux/i386": "linux/386",
    "linux/i386/x": "linux/386",
    "linux/armhf": "linux/arm/v7",
    armel: "linux/arm/v6",
    "linux/armel/v7": "linux/arm/v6",
    "linux/arm": "linux/arm",
    "linux/arm/7": "linux/arm/v7",
    "linux/arm/5": "linux/arm/v5",
    "macos/arm64": "darwin/arm64",
    "linux/riscv64": "linux/riscv64",
  };
  for (const [text, platform] of Object.entries(cases)) {
    assert.equal(formatPlatform(parsePlatform(text)), platform, text);
    assert.deepEqual(parsePlatform(platform), parsePlatform(text));
  }
  const twins = parsePlatforms("linux/arm64/v8,aarch64,x86_64,linux/arm64,linux/amd64/v1");
  assert.deepEqual(twins.map(formatPlatform), ["linux/amd64", "linux/arm64"]);
});

/** Which of these platforms are meant by `wanted`; `@` is before a version of the system, `+` before a feature of it. */
function chosen(there: string, wanted: string): string[] {
  const texts = there.split(" ");
  const platforms = texts.map((text): Platform | undefined => {
    const [, os = "", architecture = "", variant, version, feature] =
      /^(\w+)\/(\w+)(?:\/([\w.]+))?(?:@([\w.]+))?(?:\+(\w+))?$/.exec(text) ?? [];
    if (os === "") return undefined;
    const features = feature === undefined ? undefined : [feature];
    return { architecture, os, variant, "os.version": version, "os.features": features };
  });
  const places = placesFor(platforms, parsePlatform(wanted));
  for (const [i, platform] of platforms.entries())
    if (places.has(i)) assert.ok(matchesPlatform(platform!, parsePlatform(wanted)));
  return texts.filter((_, i) => places.has(i));
}

test("of one platform there is one image: the nearest, of equal ones the first", () => {
  const cases: readonly (readonly [there: string, wanted: string, found: string])[] = [
    ["linux/amd64 linux/arm64/v8 linux/arm64/v9", "linux/arm64/v8", "linux/arm64/v8"],
    ["linux/arm64/v9 linux/arm64/v8", "linux/arm64", "linux/arm64/v8"],
    ["linux/arm64/v8 linux/arm64/v9", "linux/arm64/v9", "linux/arm64/v9"],
    ["linux/arm64/v8 linux/arm64", "linux/arm64", "linux/arm64"],
    ["linux/arm64/v8 linux/arm64", "linux/arm64/v8", "linux/arm64"],
    ["linux/aarch64 linux/arm64/v8", "linux/arm64", "linux/aarch64"],
    ["linux/arm64/v9", "linux/arm64/v8", ""],
    ["linux/arm64/v8.2", "linux/arm64", ""],
    ["linux/amd64/v3 linux/amd64/v2 linux/amd64/v1", "linux/amd64", "linux/amd64/v1"],
    ["linux/amd64/v3 linux/amd64", "linux/amd64/v3", "linux/amd64/v3"],
    ["linux/amd64/v2 linux/386", "linux/amd64", ""],
    ["linux/arm/v5 linux/arm/v6 linux/arm/v7 linux/arm64", "linux/arm", "linux/arm/v7"],
    ["linux/arm/v7 linux/arm", "linux/arm", "linux/arm"],
    ["linux/arm linux/arm/v7", "linux/arm/v7", "linux/arm/v7"],
    ["linux/arm linux/arm/v6", "linux/arm/v7", "linux/arm"],
    ["linux/arm/v5 linux/arm/v6 linux/arm/v8", "linux/arm", "linux/arm/v6"],
    ["linux/arm/v6", "linux/arm/v7", ""],
    ["linux/arm", "linux/arm/v6", ""],
    ["linux/riscv64 linux/riscv64", "linux/riscv64", "linux/riscv64"],
    ["none linux/amd64+x linux/amd64", "linux/amd64", "linux/amd64"],
    ["linux/amd64+x", "linux/amd64", "linux/amd64+x"],
    ["none windows/amd64@10.0.1 linux/amd64", "linux/arm64", ""],
  ];
  for (const [there, wanted, found] of cases) {
    assert.equal(chosen(there, wanted).join(" "), found, `${wanted} of ${there}`);
  }
});

test("versions of a system are platforms of their own", () => {
  const there = "windows/amd64@10.0.2+win32k windows/amd64@10.0.2 windows/amd64@10.0.1+win32k";
  assert.deepEqual(chosen(there, "windows/amd64"), there.split(" ").slice(1));
});
