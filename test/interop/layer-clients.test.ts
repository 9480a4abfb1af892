/**
 * Layers as others unpack them: umoci, GNU tar and bsdtar all make the tree that was declared, with its owners, modes, links,
 * extended attributes and times.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { gunzipSync } from "node:zlib";
import { ingot, root } from "../support/process/ingot.ts";
import { testUnless, testWith, which } from "../support/process/needs.ts";
import { succeed } from "../support/process/run.ts";
import { tempDir, tidily } from "../support/process/temp.ts";
import { listing } from "../support/tar/listing.ts";
import { readTar } from "../support/tar/raw-tar.ts";
import { declared, whyNoOddTree, writeOddContext } from "../support/trees/odd-tree.ts";

const PROGRAMS = ["getfattr", "setfattr"];

type Target = "open" | "all" | "marked";
const TARGETS: readonly Target[] = ["open", "all", "marked"];
const NAME = "docker.io/library/odd:v1";
const EPOCH = 1_234_567;
const TIMES = { keep: [], set: ["--source-date-epoch", `${EPOCH}`] } as const;
type Time = keyof typeof TIMES;

const nameOf = (target: Target, time: Time, compression: string) =>
  `${target}-${time}-${compression}`;

/** What only one of two lists has: short, where they differ. */
const only = (one: readonly string[], other: readonly string[]) =>
  one.filter((line) => !other.includes(line));

describe("a layer", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));
  const layoutOf = (target: Target, time: Time, compression: string) =>
    join(dir, nameOf(target, time, compression));

  /** Every image in a layout of its own. */
  before(async () => {
    // Then every test below is skipped, or fails, by name.
    if (whyNoOddTree !== undefined || PROGRAMS.some((name) => which(name) === undefined)) return;
    const context = join(dir, "context");
    writeOddContext(context, { seed: 5 });
    for (const target of TARGETS) {
      for (const time of ["keep", "set"] as const) {
        for (const compression of ["gzip", "none"]) {
          const layout = layoutOf(target, time, compression);
          const flags = ["--target", target, "--compression", compression, "--timestamps", time];
          const more = [...TIMES[time], ...(target === "marked" ? ["--xattrs"] : [])];
          const out = `${layout}.tar`;
          const { code, stderr } = await ingot([
            "build",
            context,
            "-t",
            NAME,
            ...flags,
            ...more,
            "-o",
            out,
          ]);
          assert.equal(code, 0, stderr);
          mkdirSync(layout);
          await succeed(["tar", "-xf", out, "-C", layout]);
        }
      }
    }
  });

  /** The layers of an image, uncompressed, the lowest first. */
  function layersOf(layout: string): Buffer[] {
    const read = (digest: string) => readFileSync(join(layout, "blobs", digest.replace(":", "/")));
    const index = JSON.parse(readFileSync(join(layout, "index.json"), "utf8"));
    const manifest = JSON.parse(`${read(index.manifests[0].digest)}`);
    return manifest.layers.map(({ mediaType, digest }: { mediaType: string; digest: string }) =>
      mediaType.endsWith("gzip") ? gunzipSync(read(digest)) : read(digest),
    );
  }

  const clients: Readonly<
    Record<string, (layout: string, to: string) => Promise<{ root: string; said: string }>>
  > = {
    umoci: async (layout, to) => {
      const { stderr } = await succeed(["umoci", "unpack", "--image", `${layout}:${NAME}`, to]);
      return { root: join(to, "rootfs"), said: stderr };
    },
    tar: (layout, to) =>
      unpacked(layout, to, (file) => [
        "tar",
        "--extract",
        // It wonders about times before 1970 and after today.
        "--warning=no-timestamp",
        "--preserve-permissions",
        "--numeric-owner",
        "--xattrs",
        "--xattrs-include=*",
        `--file=${file}`,
        `--directory=${to}`,
      ]),
    bsdtar: (layout, to) =>
      unpacked(layout, to, (file) => [
        "bsdtar",
        "-x",
        "-p",
        "--numeric-owner",
        "--xattrs",
        "-f",
        file,
        "-C",
        to,
      ]),
  };

  async function unpacked(layout: string, to: string, argv: (file: string) => string[]) {
    mkdirSync(to);
    let said = "";
    for (const layer of layersOf(layout)) {
      writeFileSync(`${to}.tar`, layer);
      const { stdout, stderr } = await succeed(argv(`${to}.tar`), {
        // bsdtar knows no name beyond ASCII in the locale C.
        env: { LC_ALL: "C.UTF-8" },
      });
      said += `${stdout}${stderr}`;
    }
    return { root: to, said };
  }

  for (const [client, unpack] of Object.entries(clients)) {
    for (const target of TARGETS) {
      for (const time of ["keep", "set"] as const) {
        const name = `${client} makes of ${target}, times ${time}, what was declared`;
        const body = tidily(async (t) => {
          for (const compression of client === "umoci" ? ["gzip", "none"] : ["gzip"]) {
            const to = join(tempDir(t), "to");
            const { root: at, said } = await unpack(layoutOf(target, time, compression), to);
            assert.equal(said, "");
            const lines = declared(target, time === "keep" ? "keep" : EPOCH);
            // It puts letters and their accents together.
            const same = client === "bsdtar" ? (line: string) => line.normalize("NFC") : String;
            const [found, expected] = [listing(at).map(same), lines.map(same)];
            assert.deepEqual(only(found, expected), only(expected, found));
            assert.equal(found.length, expected.length);
            // What was unpacked may be closed to whoever cleans up.
            execFileSync("chmod", ["-R", "u+rwx", to]);
          }
        });
        if (whyNoOddTree === undefined) testWith([client, ...PROGRAMS], name, body);
        else testUnless(whyNoOddTree, name, body);
      }
    }
  }

  const golden = tidily(() => {
    const digests = Object.fromEntries(
      TARGETS.flatMap((target) =>
        (["keep", "set"] as const).map((time) => [
          `${target}, ${time}`,
          layersOf(layoutOf(target, time, "none")).map((layer) =>
            createHash("sha256").update(layer).digest("hex"),
          ),
        ]),
      ),
    );
    const expected = readFileSync(join(root, "test/reproducibility/golden/layers-v1.json"), "utf8");
    assert.deepEqual(digests, JSON.parse(expected));
  });
  const bytes = "has the bytes that it always had";
  if (whyNoOddTree === undefined) testWith(PROGRAMS, bytes, golden);
  else testUnless(whyNoOddTree, bytes, golden);

  const inOrder = tidily(() => {
    for (const target of TARGETS) {
      for (const layer of layersOf(layoutOf(target, "keep", "none"))) {
        const names = readTar(layer).map(({ name }) => name);
        const byBytes = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b));
        assert.deepEqual(names, [...names].sort(byBytes));
        assert.equal(new Set(names).size, names.length);
        assert.ok(names.every((name) => !name.startsWith("/") && !name.startsWith("./")));
      }
      assert.deepEqual(
        layersOf(layoutOf(target, "keep", "gzip")),
        layersOf(layoutOf(target, "keep", "none")),
      );
    }
  });
  const order = "has each path once, in the order of bytes, and is the same compressed";
  if (whyNoOddTree === undefined) testWith(PROGRAMS, order, inOrder);
  else testUnless(whyNoOddTree, order, inOrder);
});
