/** Between client and registry, everything goes wrong that can: what comes out is right, or it is an IngotError that says why. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { writeArchive } from "../../../src/archive/write.ts";
import { IngotError } from "../../../src/base/error.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { Layout } from "../../../src/store/layout.ts";
import { planImages } from "../../../src/transfer/plan-images.ts";
import { pullImages } from "../../../src/transfer/pull.ts";
import { pushImage } from "../../../src/transfer/push.ts";
import { findRemote } from "../../../src/transfer/remote-image.ts";
import { writeLayout } from "../../support/images/image-layout.ts";
import { noise } from "../../support/images/layout.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import {
  FAULTS,
  type FaultKind,
  type Faulty,
  startFaulty,
} from "../../support/registries/faulty.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const RUNS = 500;
const NAME = "localhost/app:v1";
/** bob, by `pass word` (htpasswd -nbBC 4). */
const HTPASSWD = "bob:$2b$04$vHmKJP4e2EpTlAzwLDmzgOTgZRsfY2oppY6EPy.XR9dzOlGBLxPBm\n";
const BOB = { username: "bob", password: "pass word" };
const AUTHORIZATION = `Basic ${Buffer.from("bob:pass word").toString("base64")}`;
const TOLD = ["registry", "digest-differs", "size-differs"];

const sha256 = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** A client that has little patience, and is closed after `act`. */
async function patiently<T>(host: string, silence: number, act: (it: Registry) => Promise<T>) {
  const patience = { tries: 4, first: 1, longest: 2000, pause: async () => {} };
  const registry = new Registry(host, { credentials: async () => BOB, silence, patience });
  try {
    return await act(registry);
  } finally {
    registry.close();
  }
}

/** What `act` came to: done, or an IngotError that says what went wrong. */
async function outcome(act: () => Promise<unknown>): Promise<"done" | "told"> {
  try {
    await act();
    return "done";
  } catch (error) {
    assert.ok(error instanceof IngotError && TOLD.includes(error.code), String(error));
    return "told";
  }
}

testWith(["docker-registry"], `${RUNS} transfers through all that goes wrong`, async (t) => {
  const dir = tempDir(t);
  const { host, port } = await startRegistry(t, { htpasswd: HTPASSWD });
  const layers = ["one", noise("two", 3000), noise("three", 400_000)];
  const [digest = ""] = writeLayout(join(dir, "layout"), [{ reference: NAME, layers }]);
  const layout = new Layout(join(dir, "layout"));
  const [descriptor] = layout.images();
  assert.ok(descriptor);
  const image = { reference: NAME, descriptor, store: layout };
  const working = () => ({ entry: undefined, threads: 3, tally: new Progress() });
  const push = (registry: Registry, name: string) =>
    pushImage(image, { to: registry.repository(name), tag: "v1" }, working());
  const archive = async (registry: Registry, at: string) => {
    const images = [await findRemote(registry.repository("app"), "v1", { reference: NAME })];
    await writeArchive(await planImages(images), at, working());
  };
  const whole = join(dir, "whole.tar");
  await patiently(host, 10_000, async (registry) => {
    await push(registry, "app");
    await archive(registry, whole);
  });

  const faulty: Faulty = await startFaulty(t, port, AUTHORIZATION);
  type One = (registry: Registry, place: string, run: number) => Promise<"done" | "told">;
  const pulled: One = async (registry, place) => {
    const store = new FolderStore(join(place, "store"));
    const ended = await outcome(async () => {
      const remote = await findRemote(registry.repository("app"), "v1", { reference: NAME });
      await pullImages([remote], store, working());
    });
    const names = store.images().map((it) => it.digest);
    assert.deepEqual(names, ended === "done" ? [digest] : []);
    const blobs = join(place, "store/blobs/sha256");
    const files = existsSync(blobs) ? readdirSync(blobs) : [];
    for (const name of files) assert.equal(sha256(join(blobs, name)), name);
    if (ended === "done") assert.equal(files.length, 5);
    return ended;
  };
  const pushed: One = async (registry, _, run) => {
    const name = `run/n${run}`;
    const ended = await outcome(() => push(registry, name));
    const tag = await patiently(host, 10_000, (it) => it.repository(name).digestOf("v1"));
    // A tag may be there although its answer was lost; a wrong one may not.
    assert.ok(tag === digest || (ended === "told" && tag === undefined), `${tag}`);
    if (tag === digest) {
      const store = new FolderStore(join(dir, "back"));
      await patiently(host, 10_000, async (it) => {
        const remote = await findRemote(it.repository(name), "v1", { reference: NAME });
        await pullImages([remote], store, working());
      });
      rmSync(store.at, { recursive: true });
    }
    return ended;
  };
  const archived: One = async (registry, place) => {
    const at = join(place, "app.tar");
    const ended = await outcome(() => archive(registry, at));
    // What has come may stay, hidden; then it is gone on with.
    const names = readdirSync(place).filter((name) => !name.startsWith(".app.tar.partial.free."));
    assert.deepEqual(names, ended === "done" ? ["app.tar"] : []);
    if (names.length < readdirSync(place).length) {
      await patiently(host, 10_000, (well) => archive(well, at));
      assert.deepEqual(readdirSync(place), ["app.tar"]);
      assert.equal(sha256(at), sha256(whole));
      return ended;
    }
    if (ended === "done") assert.equal(sha256(at), sha256(whole));
    return ended;
  };
  const ways = [pulled, pushed, archived] as const;
  const ends = new Map<string, number>();
  for (let run = 0; run < RUNS; run++) {
    const kind = FAULTS[run % FAULTS.length] as FaultKind;
    const share = [0.1, 0.4, 1][Math.floor(run / FAULTS.length) % 3] as number;
    faulty.set(kind, share, run);
    const silence = kind === "silence" || kind === "a drip" ? 100 : 5000;
    const place = join(dir, "run");
    mkdirSync(place);
    const ended = await patiently(faulty.host, silence, (registry) =>
      ways[Math.floor(run / (3 * FAULTS.length)) % ways.length]!(registry, place, run),
    );
    const how = `${kind}: ${faulty.faults === 0 ? "nothing" : ended}`;
    ends.set(how, (ends.get(how) ?? 0) + 1);
    rmSync(place, { recursive: true });
  }
  assert.deepEqual(faulty.leaked, []);
  assert.ok(faulty.strangers > 10, `the other host was asked ${faulty.strangers} times`);
  // Each kind was met, and all that can pass was lived through now and then.
  for (const kind of FAULTS) {
    const all = ["done", "told"].map((end) => ends.get(`${kind}: ${end}`) ?? 0);
    assert.ok(all[0]! + all[1]! > 4, `${kind}: ${all}`);
    if (!["a wrong byte", "a redirect in circles"].includes(kind)) assert.ok(all[0]! > 0, kind);
  }
});

testWith(["docker-registry"], "blobs in chunks, through all that stops them", async (t) => {
  const { host, port } = await startRegistry(t, { htpasswd: HTPASSWD });
  const faulty = await startFaulty(t, port, AUTHORIZATION);
  const kinds = ["cut the request", "cut the answer", "500", "silence"] as const;
  const ends = { done: 0, told: 0 };
  for (let run = 0; run < 60; run++) {
    const kind = kinds[run % kinds.length] as FaultKind;
    faulty.set(kind, [0.2, 0.5][run % 2] as number, run);
    const bytes = noise(`chunks ${run}`, 300_000);
    const digest: Digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
    const descriptor = { mediaType: "application/octet-stream", digest, size: bytes.length };
    const open = async function* (from: number) {
      for (let at = from; at < bytes.length; at += 7000) yield bytes.subarray(at, at + 7000);
    };
    const name = `chunks/n${run}`;
    const ended = await patiently(faulty.host, kind === "silence" ? 40 : 5000, (registry) =>
      outcome(() => registry.repository(name, "push").putBlob({ descriptor, open }, 50_000)),
    );
    ends[ended]++;
    const there = await patiently(host, 10_000, async (registry) => {
      if (!(await registry.repository(name).hasBlob(descriptor))) return false;
      const pieces: Uint8Array[] = [];
      for await (const piece of registry.repository(name).blob(descriptor)) pieces.push(piece);
      return bytes.equals(Buffer.concat(pieces));
    });
    assert.ok(there || ended === "told", `${kind}: ${ended}`);
  }
  assert.ok(ends.done > 20, `${ends.done} were done, ${ends.told} were told`);
});
