/** Lists of referrers under tags, written by several clients at once: nobody's entry is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import type { Digest } from "../../../src/oci/digest.ts";
import { MANIFEST } from "../../../src/oci/media-types.ts";
import type { Fetched } from "../../../src/registry/manifests.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { faultOf } from "../../support/fault.ts";
import { testWith } from "../../support/process/needs.ts";
import {
  indexOf,
  manifestOf,
  type OddRegistry,
  quick,
  sha256,
  startOddRegistry,
} from "../../support/registries/odd-registry.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const CLIENTS = 8;
const image = { mediaType: MANIFEST, digest: sha256("image"), size: 5 };
const tagOf = (digest: string) => digest.replace(":", "-");
const referrer = (name: string, subject = image): Fetched & { bytes: Buffer } => {
  const bytes = Buffer.from(JSON.stringify(manifestOf(name, subject)));
  return { bytes, descriptor: { mediaType: MANIFEST, digest: sha256(bytes), size: bytes.length } };
};
const digestsOf = (all: readonly { descriptor: { digest: Digest } }[]) =>
  all.map(({ descriptor }) => descriptor.digest).sort();

const listIn = ({ manifests }: OddRegistry, subject = image.digest): Digest[] =>
  JSON.parse(String(manifests.get(tagOf(subject))?.bytes ?? '{"manifests":[]}')).manifests.map(
    ({ digest }: { digest: Digest }) => digest,
  );

/** Pauses of so many clients that end when all of them wait or are done: the closest that they can come to each other. */
function inStep(clients: number) {
  let waiting: (() => void)[] = [];
  let left = clients;
  const go = () => {
    if (waiting.length < left) return;
    const all = waiting;
    waiting = [];
    for (const each of all) each();
  };
  return {
    pause: () =>
      new Promise<void>((done) => {
        waiting.push(done);
        go();
      }),
    done() {
      left--;
      go();
    },
  };
}

test(`${CLIENTS} clients in step: all entries are there in the end`, async (t) => {
  for (let again = 0; again < 5; again++) {
    const registry = await startOddRegistry(t);
    const old = referrer("old");
    registry.put(indexOf(old.descriptor), tagOf(image.digest));
    const { pause, done } = inStep(CLIENTS);
    const all = Array.from({ length: CLIENTS }, (_, i) => referrer(`${again} ${i}`));
    await Promise.all(
      all.map(async (each) => {
        const repository = registry.client({ patience: { ...quick, pause } }).repository("x");
        await repository.addReferrers([each]);
        done();
      }),
    );
    assert.deepEqual(listIn(registry), digestsOf([old, ...all]));
  }
});

testWith(["docker-registry"], `${CLIENTS} clients at once, at a real registry`, async (t) => {
  const { host } = await startRegistry(t);
  const patience = { ...quick, pause: (ms: number) => setTimeout(ms / 5) };
  const client = () => {
    const made = new Registry(host, { patience });
    t.after(() => made.close());
    return made.repository("x", "push");
  };
  const first = client();
  for (const text of ["{}", ...Array.from({ length: CLIENTS }, (_, i) => `${i}`)]) {
    const bytes = Buffer.from(text);
    const descriptor = { mediaType: "text/plain", digest: sha256(bytes), size: bytes.length };
    await first.putBlob({
      descriptor,
      async *open() {
        yield bytes;
      },
    });
  }
  const all = Array.from({ length: CLIENTS }, (_, i) => referrer(`${i}`));
  await Promise.all(
    all.map(async (each) => {
      const repository = client();
      const { lists } = await repository.putManifest(each.descriptor.digest, each);
      assert.equal(lists, false);
      await repository.addReferrers([each]);
    }),
  );
  const { found, skipped } = await client().readReferrers(image.digest);
  assert.deepEqual(digestsOf(found), digestsOf(all));
  assert.deepEqual(skipped, []);
});

test("a client that had read the list before takes ours out of it: it is put back, beside its own", async (t) => {
  const foreign = referrer("foreign");
  const ours = referrer("ours");
  let puts = 0;
  const registry = await startOddRegistry(t, {
    instead({ method, url }) {
      if (method === "PUT" && url.endsWith(tagOf(image.digest))) puts++;
      return false;
    },
  });
  const late = async () => {
    if (puts === 1) registry.put(indexOf(foreign.descriptor), tagOf(image.digest));
  };
  const patience = { ...quick, pause: late };
  await registry.client({ patience }).repository("x").addReferrers([ours]);
  assert.deepEqual(listIn(registry), digestsOf([foreign, ours]));
  assert.equal(puts, 2);
});

test("a registry that does not keep the list is not asked for ever", async (t) => {
  let puts = 0;
  const registry = await startOddRegistry(t, {
    instead({ method }, response) {
      if (method !== "PUT") return false;
      puts++;
      response.writeHead(201).end();
      return true;
    },
  });
  const repository = registry.client().repository("x");
  const { code, why } = await faultOf("registry", () => repository.addReferrers([referrer("a")]));
  assert.equal(code, "answer");
  assert.match(why!, /replaced again and again/);
  assert.ok(puts < 100, `${puts}`);
});

test("several at once: one list for each subject, one pause for all", async (t) => {
  const registry = await startOddRegistry(t);
  let pauses = 0;
  const pause = async () => {
    pauses++;
  };
  const other = { ...image, digest: sha256("other") };
  const all = [referrer("a"), referrer("b"), referrer("c", other)];
  const nothing = registry.put(manifestOf("no subject"));
  const repository = registry.client({ patience: { ...quick, pause } }).repository("x");
  await repository.addReferrers([...all, nothing]);
  assert.deepEqual(listIn(registry), digestsOf(all.slice(0, 2)));
  assert.deepEqual(listIn(registry, other.digest), digestsOf(all.slice(2)));
  assert.equal(pauses, 1);
  const puts = () => registry.asked.filter((it) => it.startsWith("PUT")).length;
  assert.equal(puts(), 2);
  // What is there already takes neither writing nor waiting.
  await repository.addReferrers(all);
  assert.equal(pauses, 1);
  assert.equal(puts(), 2);
});

test("where the registry lists it, no list is written", async (t) => {
  for (const says of [true, false]) {
    const registry = await startOddRegistry(t, {
      lists: true,
      instead({ method, url, body }, response) {
        // Some list it, and do not say so.
        if (says || method !== "PUT") return false;
        registry.manifests.set(url.split("/").at(-1)!, { bytes: body, mediaType: MANIFEST });
        response.writeHead(201).end();
        return true;
      },
    });
    const repository = registry.client().repository("x");
    const each = referrer("a");
    const { lists } = await repository.putManifest(each.descriptor.digest, each);
    assert.equal(lists, says);
    await repository.addReferrers([each]);
    assert.equal(registry.manifests.has(tagOf(image.digest)), false);
    assert.equal(registry.asked.length, 2);
  }
});

test("what a registry has taken and lost is put there again", async (t) => {
  for (const losses of [1, 3]) {
    let puts = 0;
    const registry = await startOddRegistry(t, {
      lists: true,
      instead({ method, body }, response) {
        if (method !== "PUT" || puts++ >= losses) return false;
        const { digest } = JSON.parse(body.toString()).subject;
        response.writeHead(201, { "oci-subject": digest }).end();
        return true;
      },
    });
    const repository = registry.client().repository("x");
    const each = referrer("a");
    await repository.putManifest(each.descriptor.digest, each);
    await repository.addReferrers([each]);
    assert.equal(puts, losses + 1);
    assert.deepEqual(digestsOf((await repository.readReferrers(image.digest)).found), [
      each.descriptor.digest,
    ]);
    assert.equal(registry.manifests.has(tagOf(image.digest)), false);
  }
});

test("one that acknowledges and has no lists gets one under the tag", async (t) => {
  const registry = await startOddRegistry(t, {
    lists: true,
    instead({ url }, response) {
      if (url.includes("/referrers/")) response.writeHead(404).end();
      return url.includes("/referrers/");
    },
  });
  const repository = registry.client().repository("x");
  const each = referrer("a");
  assert.equal((await repository.putManifest(each.descriptor.digest, each)).lists, true);
  await repository.addReferrers([each]);
  assert.deepEqual(listIn(registry), [each.descriptor.digest]);
});

test("a tag that names another manifest is left as it is", async (t) => {
  const registry = await startOddRegistry(t);
  registry.put(manifestOf("other"), tagOf(image.digest));
  const repository = registry.client().repository("x");
  const { found } = await faultOf("unsupported", () => repository.addReferrers([referrer("a")]));
  assert.equal(found, MANIFEST);
});
