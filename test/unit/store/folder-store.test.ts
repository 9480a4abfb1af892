import assert from "node:assert/strict";
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { pruneStore } from "../../../src/image/prune.ts";
import { type Digest, digestOf } from "../../../src/oci/digest.ts";
import { imageNameOf } from "../../../src/oci/layout.ts";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";
import { resolveName } from "../../../src/store/store.ts";
import { faultOf } from "../../support/fault.ts";
import { INDEX, MANIFEST, putBlob, putImage, writeLayout } from "../../support/images/layout.ts";
import { tempDir, tidily } from "../../support/process/temp.ts";

const NOWHERE: Digest = `sha256:${"0".repeat(64)}`;

/** A store with one image that came in through a session, under `names`. */
async function filled(
  at: string,
  names: readonly string[],
  seed = "s",
): Promise<{ store: FolderStore; digest: Digest }> {
  const store = new FolderStore(at);
  const source = `${at}-source-${seed}`;
  const root = putImage(source, { seed, layers: [5000] });
  const session = await store.begin();
  const digests = new Set<Digest>();
  for (const name of readdirSync(join(source, "blobs/sha256"))) {
    const digest: Digest = `sha256:${name}`;
    session.put(digest, readFileSync(join(source, "blobs/sha256", name)));
    digests.add(digest);
  }
  await session.commit(
    digests,
    names.map((reference) => ({ reference, descriptor: root })),
  );
  session.drop();
  return { store, digest: root.digest };
}

const namesIn = (at: string) => new FolderStore(at).images().map(imageNameOf);
const blobsIn = (at: string) =>
  readdirSync(join(at, "blobs/sha256")).sort((a, b) => (a < b ? -1 : 1));

test("a folder that is not there or empty is an empty store; one with something else in it is refused", async (t) => {
  const dir = tempDir(t);
  assert.deepEqual(new FolderStore(join(dir, "none")).images(), []);
  assert.deepEqual(new FolderStore(dir).images(), []);
  assert.deepEqual(await pruneStore(new FolderStore(join(dir, "none"))), []);
  writeFileSync(join(dir, "letter.txt"), "dear");
  const { at } = await faultOf("not-found", () => new FolderStore(dir));
  assert.equal(at, join(dir, "oci-layout"));
  assert.deepEqual(readdirSync(dir), ["letter.txt"]);
});

test("a store that was killed at its beginning is an empty one", (t) => {
  const dir = tempDir(t);
  for (const name of [".oci-layout.partial.x.1", ".index.json.partial.x.1"])
    writeFileSync(join(dir, name), "");
  for (const name of [".ingot", "blobs", "lost+found"]) mkdirSync(join(dir, name));
  assert.deepEqual(new FolderStore(dir).images(), []);
});

test("a layout of another version, or with a broken index, is refused and not touched", async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"2.0.0"}');
  assert.equal((await faultOf("unsupported", () => new FolderStore(dir))).found, "version 2.0.0");
  writeFileSync(join(dir, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  for (const text of [
    "",
    "{",
    "[]",
    '{"schemaVersion":2,"manifests":[{}]}',
    '{"schemaVersion":1,"mediaType":"x","manifests":[]}',
  ]) {
    writeFileSync(join(dir, "index.json"), text);
    await faultOf("malformed", () => new FolderStore(dir).images());
    await faultOf("malformed", () => new FolderStore(dir).untag(["x"]));
    assert.equal(readFileSync(join(dir, "index.json"), "utf8"), text);
  }
});

test("a session's blobs are in the store with its names, and nothing of the session stays", async (t) => {
  const at = join(tempDir(t), "store");
  const { store, digest } = await filled(at, ["r.test/b:1", "r.test/a:1"]);
  assert.deepEqual(store.images().map(imageNameOf), ["r.test/a:1", "r.test/b:1"]);
  assert.equal(resolveName(store, "r.test/a:1").descriptor.digest, digest);
  assert.equal(blobsIn(at).length, 3);
  assert.deepEqual(readdirSync(join(at, ".ingot/work")), []);
  assert.deepEqual(readdirSync(join(at, ".ingot/lock")), []);
  assert.deepEqual(
    readdirSync(at).sort((a, b) => (a < b ? -1 : 1)),
    [".ingot", "blobs", "index.json", "oci-layout"],
  );
});

test("a session that is dropped leaves nothing, and may be dropped again", async (t) => {
  const at = join(tempDir(t), "store");
  const session = await new FolderStore(at).begin();
  session.put(`sha256:${"1".repeat(64)}`, Buffer.from("x"));
  assert.equal(readdirSync(join(at, ".ingot/work")).length, 1);
  session.drop();
  session.drop();
  assert.deepEqual(readdirSync(join(at, ".ingot/work")), []);
  assert.deepEqual(blobsIn(at), []);
  assert.deepEqual(namesIn(at), []);
});

test("committing takes only the blobs that were asked for", async (t) => {
  const at = join(tempDir(t), "store");
  const session = await new FolderStore(at).begin();
  const bytes = [Buffer.from("a"), Buffer.from("b")];
  const digests = bytes.map((piece) => new MemoryStore("m").put(piece));
  for (const [i, digest] of digests.entries()) session.put(digest, bytes[i]!);
  assert.equal(await session.commit(new Set([digests[0]!]), []), 1);
  assert.deepEqual(blobsIn(at), [digests[0]!.slice(7)]);
});

test("committing a blob that is neither staged nor in the store changes nothing", async (t) => {
  const at = join(tempDir(t), "store");
  const { store, digest } = await filled(at, ["r.test/a:1"]);
  const before = blobsIn(at);
  const session = await store.begin();
  const bytes = Buffer.from("new");
  const coming = new MemoryStore("m").put(bytes);
  session.put(coming, bytes);
  const descriptor = { mediaType: MANIFEST, digest, size: 2 };
  const facts = await faultOf("blob-missing", () =>
    session.commit(new Set([coming, digest, NOWHERE]), [{ reference: "r.test/b:1", descriptor }]),
  );
  assert.equal(facts.digest, NOWHERE);
  session.drop();
  assert.deepEqual(namesIn(at), ["r.test/a:1"]);
  assert.deepEqual(blobsIn(at), before);
});

test("a name goes to the image that got it last; untag leaves the others", async (t) => {
  const at = join(tempDir(t), "store");
  const first = await filled(at, ["r.test/a:1", "r.test/b:1"], "one");
  const second = await filled(at, ["r.test/a:1"], "two");
  assert.equal(resolveName(new FolderStore(at), "r.test/a:1").descriptor.digest, second.digest);
  assert.equal(resolveName(new FolderStore(at), "r.test/b:1").descriptor.digest, first.digest);
  await second.store.untag(["r.test/a:1", "r.test/not-there:1"]);
  assert.deepEqual(namesIn(at), ["r.test/b:1"]);
});

test("an image that is not here gets no name", async (t) => {
  const at = join(tempDir(t), "store");
  const { store } = await filled(at, ["r.test/a:1"]);
  const descriptor = { mediaType: MANIFEST, digest: NOWHERE, size: 2 };
  await faultOf("blob-missing", () => store.tag([{ reference: "r.test/x:1", descriptor }]));
  assert.deepEqual(namesIn(at), ["r.test/a:1"]);
  assert.deepEqual(readdirSync(join(at, ".ingot/lock")), []);
});

test("the index depends on what it names alone", async (t) => {
  const dir = tempDir(t);
  await filled(join(dir, "x"), ["r.test/a:1"], "one");
  await filled(join(dir, "x"), ["r.test/b:1"], "two");
  await filled(join(dir, "y"), ["r.test/b:1"], "two");
  await filled(join(dir, "y"), ["r.test/z:1"], "three");
  await filled(join(dir, "y"), ["r.test/a:1"], "one");
  await new FolderStore(join(dir, "y")).untag(["r.test/z:1"]);
  assert.ok(
    readFileSync(join(dir, "x/index.json")).equals(readFileSync(join(dir, "y/index.json"))),
  );
});

test("what others put into a layout's index stays: nameless images, names that stand twice, annotations", async (t) => {
  const at = join(tempDir(t), "layout");
  const roots = writeLayout(at, [
    { seed: "nameless" },
    { name: "x:1", seed: "one" },
    { name: "x:1", seed: "two" },
  ]);
  const file = join(at, "index.json");
  const index = JSON.parse(readFileSync(file, "utf8"));
  delete index.manifests[0].annotations;
  index.manifests[1].annotations["org.example.note"] = "kept";
  const more = { urls: ["http://example.com/x"], data: "e30=", artifactType: "application/x.y" };
  Object.assign(index.manifests[0], more);
  writeFileSync(file, JSON.stringify(index));
  const store = new FolderStore(at);
  await store.tag([{ reference: "r.test/new:1", descriptor: roots[0] as never }]);
  const after = new FolderStore(at).images();
  assert.deepEqual(after.map(imageNameOf), ["r.test/new:1", "x:1", "x:1", undefined]);
  assert.deepEqual(
    new Set(after.map(({ digest }) => digest)),
    new Set(roots.map(({ digest }) => digest)),
  );
  assert.ok(after.some(({ annotations }) => annotations?.["org.example.note"] === "kept"));
  const { urls, data, artifactType } = after[3]!;
  assert.deepEqual({ urls, data, artifactType }, more);
  assert.equal(JSON.parse(readFileSync(file, "utf8")).mediaType, INDEX);
});

test("an index that is longer than any that is read is not written", async (t) => {
  const at = join(tempDir(t), "store");
  const { store } = await filled(at, ["r.test/a:1"]);
  const before = readFileSync(join(at, "index.json"));
  const [descriptor] = store.images();
  const images = Array.from({ length: 30_000 }, (_, i) => ({
    reference: `r.test/${"n".repeat(400)}:${i}`,
    descriptor: descriptor!,
  }));
  await faultOf("too-large", () => store.tag(images));
  assert.ok(readFileSync(join(at, "index.json")).equals(before));
  assert.deepEqual(namesIn(at), ["r.test/a:1"]);
});

test("prune removes nothing where a blob is a manifest and an index at once", async (t) => {
  const at = join(tempDir(t), "layout");
  const leaf = (text: string) => putBlob(at, Buffer.from(text));
  const both = {
    schemaVersion: 2,
    config: leaf("config"),
    layers: [leaf("layer")],
    manifests: [leaf("child")],
  };
  const blob = putBlob(at, Buffer.from(JSON.stringify(both)), INDEX);
  const manifests = [blob, { ...blob, mediaType: MANIFEST }];
  const root = putBlob(at, Buffer.from(JSON.stringify({ schemaVersion: 2, manifests })), INDEX);
  writeFileSync(join(at, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(
    join(at, "index.json"),
    JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: [root] }),
  );
  const before = blobsIn(at);
  const { why } = await faultOf("malformed", () => pruneStore(new FolderStore(at)));
  assert.match(why, /an index and a manifest at once/);
  assert.deepEqual(blobsIn(at), before);
});

test("prune removes what no image needs, and says what", async (t) => {
  const at = join(tempDir(t), "store");
  const one = await filled(at, ["r.test/a:1"], "one");
  const kept = blobsIn(at);
  await filled(at, ["r.test/b:1"], "two");
  await one.store.untag(["r.test/b:1"]);
  const removed = await pruneStore(new FolderStore(at));
  assert.equal(removed.length, 2);
  assert.ok(removed.some(({ size }) => size === 5000));
  assert.deepEqual(blobsIn(at), kept);
  assert.deepEqual(await pruneStore(new FolderStore(at)), []);
  writeFileSync(join(at, "blobs/sha256/note.txt"), "not a blob");
  assert.deepEqual(await pruneStore(new FolderStore(at)), []);
  assert.ok(statSync(join(at, "blobs/sha256/note.txt")).isFile());
});

test("prune refuses while a session is open, and when an image is damaged", async (t) => {
  const at = join(tempDir(t), "store");
  const { store, digest } = await filled(at, ["r.test/a:1"]);
  const session = await store.begin();
  assert.equal((await faultOf("busy", () => pruneStore(store))).what, "the store");
  session.drop();
  const before = blobsIn(at);
  writeFileSync(join(at, "blobs/sha256", digest.slice(7)), "{}");
  await faultOf("size-differs", () => pruneStore(new FolderStore(at)));
  assert.deepEqual(blobsIn(at), before);
});

test("leftovers of processes that are gone are removed when the next session begins", async (t) => {
  const at = join(tempDir(t), "store");
  const { store } = await filled(at, ["r.test/a:1"]);
  const gone = readFileSync("/proc/sys/kernel/random/boot_id", "latin1")
    .replaceAll(/[^0-9a-f]/g, "")
    .slice(0, 16);
  const namespace = /[0-9]+/.exec(readlinkSync("/proc/self/ns/pid"))![0];
  mkdirSync(join(at, `.ingot/work/${gone}.${namespace}.4194305.1-abcdef`));
  mkdirSync(join(at, ".ingot/work/0123456789abcdef.1.1.1-abcdef"));
  (await store.begin()).drop();
  assert.deepEqual(readdirSync(join(at, ".ingot/work")), ["0123456789abcdef.1.1.1-abcdef"]);
  const { holder } = await faultOf("busy", () => pruneStore(store));
  assert.match(holder, /^0123456789abcdef/);
});

describe("a blob that comes again", () => {
  const damages: Record<string, (file: string) => void> = {
    "whose first byte is flipped": (file) => flip(file, 0),
    "whose last byte is flipped": (file) => flip(file, -1),
    "that is cut short": (file) => truncateSync(file, 10),
    "that is empty": (file) => truncateSync(file, 0),
    "that has grown": (file) => writeFileSync(file, "more", { flag: "a" }),
    "that is a folder": (file) => {
      rmSync(file);
      mkdirSync(join(file, "x"), { recursive: true });
    },
    "that leads nowhere": (file) => {
      rmSync(file);
      symlinkSync("nowhere", file);
    },
  };
  for (const [damage, act] of Object.entries(damages)) {
    it(
      `${damage} is whole again`,
      tidily(async (t) => {
        const at = join(tempDir(t), "store");
        await filled(at, ["r.test/a:1"]);
        const [hex] = blobsIn(at).filter(
          (name) => statSync(join(at, "blobs/sha256", name)).size === 5000,
        );
        const file = join(at, "blobs/sha256", hex!);
        const whole = readFileSync(file);
        act(file);
        await filled(at, ["r.test/a:1"]);
        assert.ok(readFileSync(file).equals(whole));
        assert.deepEqual(readdirSync(join(at, ".ingot/work")), []);
      }),
    );
  }

  it(
    "and is whole is not written again",
    tidily(async (t) => {
      const at = join(tempDir(t), "store");
      await filled(at, ["r.test/a:1"]);
      const times = () =>
        blobsIn(at).map((name) => [
          name,
          statSync(join(at, "blobs/sha256", name)).ino,
          statSync(join(at, "blobs/sha256", name)).ctimeMs,
        ]);
      const before = times();
      await filled(at, ["r.test/a:1"]);
      assert.deepEqual(times(), before);
    }),
  );
});

test("a store of ten thousand images", async (t) => {
  const at = join(tempDir(t), "store");
  const { store, digest } = await filled(at, ["r.test/a:1"]);
  const { descriptor } = resolveName(store, "r.test/a:1");
  await store.tag(
    Array.from({ length: 10_000 }, (_, i) => ({
      reference: `r.test/many/image-${i}:v1`,
      descriptor,
    })),
  );
  assert.equal(
    resolveName(new FolderStore(at), "r.test/many/image-7777:v1").descriptor.digest,
    digest,
  );
  assert.equal(new FolderStore(at).images().length, 10_001);
});

function flip(file: string, at: number): void {
  const bytes = readFileSync(file);
  const i = at < 0 ? bytes.length + at : at;
  bytes[i] = bytes[i]! ^ 1;
  writeFileSync(file, bytes);
}

test("prune takes nothing from a store that lost its index", async (t) => {
  const dir = tempDir(t);
  const store = new FolderStore(join(dir, "store"));
  const session = await store.begin();
  const bytes = Buffer.from("a blob");
  const digest = digestOf(bytes);
  session.put(digest, bytes);
  await session.commit(new Set([digest]), []);
  rmSync(join(dir, "store/index.json"), { force: true });
  await faultOf("not-found", () => store.prune(() => new Set()));
  assert.ok(store.find(digest));
});
