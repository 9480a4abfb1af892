/** Bounds that keep memory small, each said before much is held. What is measured with them: scripts/memory.ts. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DOCKER_NAMES, DOCKER_VALUES, parseDocker } from "../../../src/archive/docker-manifest.ts";
import { WINDOWS_LIMIT, windowsOf } from "../../../src/base/compression/zstd-windows.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import { faultOf } from "../../support/fault.ts";
import { ascii } from "../../support/images/archive.ts";

const MIB = 1024 * 1024;
const list = (RepoTags: readonly string[], Layers: readonly string[] = []) =>
  ascii(JSON.stringify([{ Config: "c", Layers, RepoTags }]));
const times = (count: number) => Array.from({ length: count }, () => "a");

describe("Docker's list", () => {
  test("has 65,536 names and no more", async () => {
    assert.equal(parseDocker(list(times(DOCKER_NAMES)))[0]?.RepoTags?.length, DOCKER_NAMES);
    const facts = await faultOf("too-large", () => parseDocker(list(times(DOCKER_NAMES + 1))));
    assert.deepEqual([facts.actual, facts.limit, facts.unit], [65_537, 65_536, "names"]);
  });

  test("has 262,144 values at most, before any is built", async () => {
    const all = list([], times(DOCKER_VALUES));
    const facts = await faultOf("too-large", () => parseDocker(all));
    assert.deepEqual([facts.limit, facts.unit], [262_144, "values"]);
  });
});

describe("windows of zstd", () => {
  test("that fit into the room are open side by side", async () => {
    const windows = windowsOf(new Progress(), { waits: false });
    await windows.open(128 * MIB, "outer");
    await windows.open(16 * MIB, "inner");
    windows.close(16 * MIB);
    await windows.open(8 * MIB, "inner");
  });

  test("in another one are refused where both do not fit", async () => {
    const windows = windowsOf(new Progress(), { waits: false });
    await windows.open(128 * MIB, "outer");
    const facts = await faultOf("unsupported", () => windows.open(128 * MIB, "inner"));
    assert.equal(facts.found, `a zstd window in another one, of ${256 * MIB} bytes together`);
    assert.equal(facts.expected, `at most ${WINDOWS_LIMIT}`);
  });

  test("of threads wait for each other", async () => {
    const tally = new Progress();
    const [one, other] = [
      windowsOf(tally, { waits: true }),
      windowsOf(new Progress(tally.memory), { waits: true }),
    ];
    await one.open(128 * MIB, "one");
    let isOpen = false;
    const opening = other.open(128 * MIB, "other").then(() => {
      isOpen = true;
    });
    await new Promise((done) => setTimeout(done, 20));
    assert.equal(isOpen, false);
    one.close(128 * MIB);
    await opening;
    assert.equal(tally.held, 128 * MIB);
    other.close(128 * MIB);
    assert.equal(tally.held, 0);
  });

  test("are not waited for once all is stopped", async () => {
    const tally = new Progress();
    const windows = windowsOf(tally, { waits: true });
    await windows.open(128 * MIB, "one");
    tally.stop();
    await assert.rejects(windows.open(128 * MIB, "other"), { name: "AbortError" });
  });
});
