/** Blobs of registries whose sizes are those of buffers and chunks, or a byte or a block from them: there and back. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Sha256 } from "../../src/base/hash.ts";
import { IO_CHUNK } from "../../src/jobs/render.ts";
import { Registry } from "../../src/registry/registry.ts";
import { PartialDownloads } from "../../src/store/partial-blobs.ts";
import { sha256 } from "../support/images/archive.ts";
import { around, NAME } from "../support/images/boundaries.ts";
import { noise, writeLayout } from "../support/images/layout.ts";
import { ingot } from "../support/process/ingot.ts";
import { testWith } from "../support/process/needs.ts";
import { tempDir } from "../support/process/temp.ts";
import { startRegistry } from "../support/registries/registry.ts";

const MiB = 1 << 20;
const needs = ["docker-registry"];

const describe = (bytes: Uint8Array) => ({
  mediaType: "application/octet-stream",
  digest: sha256(bytes),
  size: bytes.length,
});

async function all(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

testWith(needs, "layers of many sizes are pushed, pulled and exported", async (t) => {
  const { host } = await startRegistry(t);
  const dir = tempDir(t);
  const layers = [
    0,
    1,
    511,
    512,
    65_536,
    ...around(IO_CHUNK - 512),
    ...around(IO_CHUNK),
    MiB - 1,
    MiB,
  ];
  const layout = join(dir, "layout");
  writeLayout(layout, [{ name: NAME, layers }]);
  const there = `${host}/x:1`;
  const env = { INGOT_STORE: join(dir, "store"), REGISTRY_AUTH_FILE: "/dev/null" };
  const done = async (...words: string[]) => {
    const { code, stdout, stderr } = await ingot(words, { env });
    assert.equal(code, 0, `${words.join(" ")}\n${stderr}`);
    return stdout;
  };
  await done("copy", `oci:${layout}:${NAME}`, `docker://${there}`);
  await done("pull", there);
  await done("verify", there);
  const stored = await done("export", there, "-o", "-");
  const file = join(dir, "away.tar");
  await done("export", `docker://${there}`, "-o", file);
  assert.ok(readFileSync(file).equals(stored));
  assert.ok((await done("export", `docker://${there}`, "-o", "-")).equals(stored));
  await done("push", there, `${host}/y:1`);
  await done("copy", `docker://${host}/y:1`, `oci-archive:${join(dir, "copy.tar")}`);
  await done("verify", join(dir, "copy.tar"));
});

testWith(needs, "a blob that is as long as the chunks in which it is sent", async (t) => {
  const { host } = await startRegistry(t);
  const registry = new Registry(host);
  t.after(() => registry.close());
  const repository = registry.repository("a", "push");
  const chunk = 10_000;
  for (const size of [0, 1, 9999, 10_000, 10_001, 19_999, 20_000, 20_001, 30_000]) {
    const bytes = noise(`chunks ${size}`, size);
    for (const piece of [5000, 10_000, 7001]) {
      const blob = Buffer.concat([bytes, Buffer.from(`${piece}`)]).subarray(-size || MiB);
      const upload = {
        descriptor: describe(blob),
        mount: undefined,
        async *open(from: number) {
          for (let at = from; at < blob.length; at += piece) yield blob.subarray(at, at + piece);
        },
      };
      assert.equal(await repository.putBlob(upload, chunk), "sent");
      assert.ok((await all(repository.blob(describe(blob)))).equals(blob), `${size}`);
    }
  }
});

testWith(needs, "a blob of which any part is here already", async (t) => {
  const { host } = await startRegistry(t);
  const registry = new Registry(host);
  t.after(() => registry.close());
  const repository = registry.repository("a", "push");
  const blob = noise("parts", MiB + 1000);
  const descriptor = describe(blob);
  const upload = {
    descriptor,
    mount: undefined,
    open: async function* () {
      yield blob;
    },
  };
  await repository.putBlob(upload);
  const partials = new PartialDownloads(join(tempDir(t), "partial"));
  const sizes = [0, 1, IO_CHUNK, MiB - 1, MiB, MiB + 1, blob.length - 1, blob.length];
  for (const size of sizes) {
    const hash = new Sha256().update(blob.subarray(0, size));
    const rest = await all(repository.blob(descriptor, { size, hash }));
    assert.ok(rest.equals(blob.subarray(size)), `${size}`);

    const first = await partials.open(descriptor);
    first.write(blob.subarray(0, size));
    first.leave();
    const second = await partials.open(descriptor);
    assert.equal(second.size, size);
    for await (const piece of repository.blob(descriptor, second)) second.write(piece);
    await second.take();
    assert.ok(readFileSync(second.path).equals(blob));
  }
});
