/** Registries that do not know yet what they were given a moment ago. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { faultOf } from "../../support/fault.ts";
import type { Ends } from "../../support/process/temp.ts";
import {
  manifestOf,
  quick,
  sha256,
  startOddRegistry,
} from "../../support/registries/odd-registry.ts";

const bytes = Buffer.from(JSON.stringify(manifestOf("app")));
const { mediaType } = manifestOf("app");
const manifest = { bytes, descriptor: { mediaType, digest: sha256(bytes), size: bytes.length } };

/** A registry that says no to a manifest so many times. */
async function refusing(t: Ends, times: number, status: number, code: string) {
  let puts = 0;
  const paused: number[] = [];
  const registry = await startOddRegistry(t, {
    instead({ method }, response) {
      if (method !== "PUT" || puts++ >= times) return false;
      response.writeHead(status).end(JSON.stringify({ errors: [{ code, message: "unknown" }] }));
      return true;
    },
  });
  const pause = async (milliseconds: number) => void paused.push(milliseconds);
  const patience = { ...quick, tries: 9, first: 250, pause };
  const repository = registry.client({ patience }).repository("x", "push");
  return { registry, paused, put: () => repository.putManifest("v1", manifest), puts: () => puts };
}

for (const [status, code] of [
  [400, "MANIFEST_BLOB_UNKNOWN"],
  [404, "MANIFEST_BLOB_UNKNOWN"],
  [404, "BLOB_UNKNOWN"],
  [400, "DIGEST_INVALID"],
] as const)
  test(`${status} ${code}: the manifest is put there again, after longer and longer pauses`, async (t) => {
    const { registry, paused, put, puts } = await refusing(t, 3, status, code);
    await put();
    assert.ok(registry.manifests.get("v1")?.bytes.equals(bytes));
    assert.equal(puts(), 4);
    assert.deepEqual(paused, [250, 500, 1000]);
  });

test("one that goes on saying so is believed", async (t) => {
  const { put, puts } = await refusing(t, 1000, 400, "MANIFEST_BLOB_UNKNOWN");
  const { code, why } = await faultOf("registry", put);
  assert.equal(code, "400");
  assert.match(why, /MANIFEST_BLOB_UNKNOWN/);
  assert.equal(puts(), 5);
});

test("another no is one", async (t) => {
  for (const [status, code] of [
    [400, "MANIFEST_INVALID"],
    [404, "NAME_UNKNOWN"],
    [403, "DENIED"],
  ] as const) {
    const { put, puts } = await refusing(t, 1000, status, code);
    assert.equal((await faultOf("registry", put)).code, `${status}`);
    assert.equal(puts(), 1);
  }
});
