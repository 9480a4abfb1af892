/** What becomes of signatures, and of whatever else refers to an image, when the image's names are removed. */
import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { type Blob, nameAll, OCI, put, putContainer } from "./support/platforms.ts";
import { ask, say } from "./support/say.ts";
import { type Ends, tempDir } from "./support/temp.ts";

/** What refers to `subject`; it has a blob of its own. */
function putReferrer(store: string, subject: Blob): Blob {
  const layer = put(store, "text/plain", Buffer.from(`of ${subject.digest}`));
  const config = put(store, "application/vnd.oci.empty.v1+json", {});
  const manifest = { schemaVersion: 2, mediaType: OCI.manifest, config, layers: [layer], subject };
  return put(store, OCI.manifest, manifest);
}

const tagOf = ({ digest }: Blob, ending = "") => `${digest.replace(":", "-")}${ending}`;
const at = (store: string, digest: string) => join(store, "blobs/sha256", digest.slice(7));

/** A store with two signed images, and all that is named there. */
function signed(t: Ends) {
  const store = join(tempDir(t), "store");
  const app = putContainer(store, "app");
  const other = putContainer(store, "other");
  const [platform] = app.platforms;
  const signature = putReferrer(store, app);
  const bundle = putReferrer(store, platform!);
  const list = put(store, OCI.index, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [bundle],
  });
  const names: Record<string, Blob> = {
    "r.test/app:v1": app,
    // Of the image as a whole, of one platform of it, and of what refers to that.
    [`r.test/app:${tagOf(app, ".sig")}`]: signature,
    [`r.test/app:${tagOf(platform!)}`]: list,
    [`r.test/app:${tagOf(bundle, ".att")}`]: putReferrer(store, bundle),
    "r.test/other:v1": other,
    [`r.test/other:${tagOf(other, ".sig")}`]: putReferrer(store, other),
  };
  nameAll(store, names);
  const there = async () => {
    const { document } = await ask(["list", "--store", store]);
    return document.images.map(({ reference }: { reference: string }) => reference).sort();
  };
  const own = (name: string) =>
    Object.keys(names)
      .filter((one) => one.startsWith(name))
      .sort();
  const remove = (...words: string[]) => ask(["remove", ...words, "--store", store]);
  return { store, names, app, other, platform: platform!, there, own, remove };
}

interface Named {
  readonly reference: string;
}
const namesOf = (list: readonly Named[]) => list.map(({ reference }) => reference);

test("remove takes them with the last name of their image, and says so", async (t) => {
  const { store, names, there, own } = signed(t);
  const { code, out, err } = await say(["remove", "r.test/app:v1", "--store", store]);
  assert.equal(code, 0, err);
  assert.equal(out, `r.test/app:v1 ${names["r.test/app:v1"]!.digest}\n`);
  const [, ...others] = own("r.test/app").reverse();
  assert.equal(others.length, 3);
  for (const name of others.reverse())
    assert.ok(
      err.includes(
        `ingot remove: and what referred to an image that has no name any more: ${name} ${names[name]!.digest}\n`,
      ),
      err,
    );
  assert.equal(err.split("\n").length, 4);
  assert.deepEqual(await there(), own("r.test/other"));
  const pruned = await ask(["prune", "--store", store]);
  assert.deepEqual([pruned.code, pruned.document.orphans], [0, []]);
  assert.equal((await say(["verify", `oci:${store}`])).code, 0);
});

test("with --json they are a list of their own", async (t) => {
  const { remove, own, app } = signed(t);
  const { document } = await remove(app.digest);
  assert.deepEqual(namesOf(document.removed), ["r.test/app:v1"]);
  assert.deepEqual(
    namesOf(document.referrers),
    own("r.test/app").filter((name) => name !== "r.test/app:v1"),
  );
});

test("they stay as long as a name has the image, in any repository or as a part", async (t) => {
  const { store, names, app, platform, there, own, remove } = signed(t);
  const all = { ...names, "r.test/copy:v1": app, "r.test/part:v1": platform };
  nameAll(store, all);
  assert.deepEqual((await remove("r.test/app:v1")).document.referrers, []);
  const second = await remove("r.test/copy:v1");
  // The image of one platform is there still, and so is what refers to that.
  assert.deepEqual(namesOf(second.document.referrers), [`r.test/app:${tagOf(app, ".sig")}`]);
  const third = await remove("r.test/part:v1");
  assert.equal(third.document.referrers.length, 2);
  assert.deepEqual(await there(), own("r.test/other"));
});

test("they stay as long as the index has the image, if under no name", async (t) => {
  const { store, names, app, own, remove } = signed(t);
  nameAll(store, names);
  const file = join(store, "index.json");
  const index = JSON.parse(readFileSync(file, "utf8")) as { manifests: object[] };
  const { platforms: _, ...nameless } = app;
  index.manifests.push(nameless);
  writeFileSync(file, JSON.stringify(index));
  assert.deepEqual((await remove("r.test/app:v1")).document.referrers, []);
  assert.deepEqual((await ask(["prune", "--store", store])).document.orphans, []);
  const { document } = await ask(["list", "--store", store]);
  assert.ok(namesOf(document.images).includes(own("r.test/app:sha256")[0]!));
});

test("removed themselves, they take with them what refers to them, and no image", async (t) => {
  const { platform, remove, there, own } = signed(t);
  const list = `r.test/app:${tagOf(platform)}`;
  const { document } = await remove(list);
  assert.deepEqual(namesOf(document.removed), [list]);
  assert.equal(document.referrers.length, 1);
  assert.equal((await there()).length, own("r.test/").length - 2);
  assert.ok((await there()).includes("r.test/app:v1"));
});

test("of a damaged image they go, too; beside one nobody can say, and they stay", async (t) => {
  const first = signed(t);
  rmSync(at(first.store, first.app.digest));
  const gone = await first.remove("r.test/app:v1");
  assert.deepEqual(namesOf(gone.document.referrers), [`r.test/app:${tagOf(first.app, ".sig")}`]);
  const second = signed(t);
  rmSync(at(second.store, second.other.digest));
  const kept = await second.remove("r.test/app:v1");
  assert.deepEqual([kept.code, kept.document.referrers], [0, []]);
  assert.equal((await second.there()).length, second.own("r.test/").length - 1);
});

test("prune takes none of them away, and tells of those whose image is not there", async (t) => {
  const { store, names, other } = signed(t);
  const { "r.test/other:v1": gone, ...left } = names;
  nameAll(store, left);
  const { code, out, err } = await say(["prune", "--store", store]);
  assert.equal(code, 0, err);
  assert.ok(out.includes(gone!.digest));
  const name = `r.test/other:${tagOf(other, ".sig")}`;
  assert.ok(
    err.includes(
      `kept, though what it refers to is not here: ${name} ${names[name]!.digest}\ningot prune: ingot remove takes this name, and prune then the blobs\n`,
    ),
    err,
  );
  const { document } = await ask(["prune", "--store", store]);
  assert.deepEqual(document.orphans, [{ reference: name, digest: names[name]!.digest }]);
  assert.deepEqual(document.removed, []);
  assert.equal((await say(["remove", name, "--store", store])).code, 0);
  assert.deepEqual((await ask(["prune", "--store", store])).document.orphans, []);
});
