/** Referrers that are proven: the manifests decide, not what a registry lists. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import { faultOf } from "../../support/fault.ts";
import {
  indexOf,
  manifestOf,
  type OddRegistry,
  sha256,
  startOddRegistry,
} from "../../support/registries/odd-registry.ts";

const tagOf = (digest: string) => digest.replace(":", "-");

/** An image of two platforms, and a signature of it. */
function signed({ put }: OddRegistry) {
  const children = ["amd64", "arm64"].map((architecture) => ({
    ...put(manifestOf(architecture)).descriptor,
    platform: { os: "linux", architecture },
  }));
  const image = put(indexOf(...children), "v1");
  const more = { artifactType: "application/x.signature", annotations: { made: "by test" } };
  const signature = put(manifestOf("signature", image.descriptor, more));
  return { children, image, signature, more };
}

/** What a registry may answer: by its own list, or under the tag. */
const ways = ["list", "tag"] as const;

async function answering(t: Parameters<typeof startOddRegistry>[0], way: (typeof ways)[number]) {
  let listing: object = {};
  const registry = await startOddRegistry(t, {
    instead({ url }, response) {
      if (way !== "list" || !url.includes("/referrers/")) return false;
      response.writeHead(200, { "content-type": INDEX }).end(JSON.stringify(listing));
      return true;
    },
  });
  const image = signed(registry);
  const { digest } = image.image.descriptor;
  const repository = registry.client().repository("x");
  return {
    ...image,
    registry,
    repository,
    read: () => repository.readReferrers(digest),
    answers(what: object) {
      listing = what;
      if (way === "tag") registry.put(what, tagOf(digest));
    },
  };
}

for (const way of ways) {
  test(`${way}: type and annotations come from the manifest`, async (t) => {
    const { signature, more, answers, read } = await answering(t, way);
    const lies = { artifactType: "application/x.lie", annotations: { made: "up" } };
    for (const said of [{}, lies, { size: 1 }, { mediaType: "application/x.odd" }]) {
      answers(indexOf({ ...signature.descriptor, ...said }));
      const { found, skipped } = await read();
      assert.deepEqual(
        found.map(({ descriptor }) => descriptor),
        [{ ...signature.descriptor, ...more }],
      );
      assert.ok(signature.bytes.equals(found[0]!.bytes));
      assert.deepEqual(skipped, []);
    }
  });

  test(`${way}: the image itself, and its platforms, are no referrers of it`, async (t) => {
    const { image, children, signature, answers, read, repository } = await answering(t, way);
    answers(JSON.parse(image.bytes.toString()));
    assert.deepEqual(await read(), { found: [], skipped: [] });
    assert.deepEqual(await repository.referrers(image.descriptor.digest), []);
    // In other bytes, it can only be told by its manifests.
    answers(indexOf(image.descriptor, ...children, signature.descriptor));
    const { found, skipped } = await read();
    assert.deepEqual(
      found.map(({ descriptor }) => descriptor.digest),
      [signature.descriptor.digest],
    );
    const sorted = children.map(({ digest }) => digest).sort();
    assert.deepEqual(
      skipped.map(({ descriptor }) => descriptor.digest),
      sorted,
    );
    assert.deepEqual(new Set(skipped.map(({ why }) => why)), new Set(["other-subject"]));
  });

  test(`${way}: what refers to something else is left out`, async (t) => {
    const { registry, children, answers, read } = await answering(t, way);
    const other = registry.put(manifestOf("of a child", children[0]));
    answers(indexOf(other.descriptor));
    assert.deepEqual(await read(), {
      found: [],
      skipped: [{ descriptor: other.descriptor, why: "other-subject" }],
    });
  });

  test(`${way}: what cannot be read is reported, the others are given`, async (t) => {
    const { registry, signature, answers, read } = await answering(t, way);
    const absent = { mediaType: MANIFEST, digest: sha256("absent"), size: 6 };
    const artifact = { ...absent, mediaType: "application/vnd.oci.artifact.manifest.v1+json" };
    const unknown = { ...artifact, digest: sha256("unknown") };
    const typed = registry.put({ mediaType: artifact.mediaType, blobs: [] });
    const broken = registry.put({ mediaType: MANIFEST, schemaVersion: 2 });
    const all = [absent, unknown, typed.descriptor, broken.descriptor];
    answers(indexOf(...all, signature.descriptor));
    const { found, skipped } = await read();
    assert.equal(found.length, 1);
    const why = new Map(skipped.map((each) => [each.descriptor.digest, each.why]));
    assert.deepEqual(
      all.map(({ digest }) => why.get(digest)),
      ["absent", "unsupported", "unsupported", "malformed"],
    );
  });

  test(`${way}: other bytes than those of the digest end it`, async (t) => {
    const { registry, signature, answers, read } = await answering(t, way);
    answers(indexOf(signature.descriptor));
    const { digest } = signature.descriptor;
    registry.manifests.set(digest, { bytes: Buffer.from("{}"), mediaType: MANIFEST });
    await faultOf("digest-differs", read);
  });
}

test("what the registry lists and what the tag lists: all of it, each once", async (t) => {
  const { registry, repository, image, signature, answers, read } = await answering(t, "list");
  const older = registry.put(manifestOf("older", image.descriptor));
  const both = registry.put(manifestOf("both", image.descriptor));
  const lost = { mediaType: MANIFEST, digest: sha256("lost"), size: 4 };
  answers(indexOf(signature.descriptor, both.descriptor, lost));
  registry.put(
    indexOf(older.descriptor, { ...both.descriptor, artifactType: "application/x.other" }, lost),
    tagOf(image.descriptor.digest),
  );
  const { found, skipped } = await read();
  const all = [signature, older, both].map(({ descriptor }) => descriptor.digest).sort();
  assert.deepEqual(
    found.map(({ descriptor }) => descriptor.digest),
    all,
  );
  assert.deepEqual(skipped, [{ descriptor: lost, why: "absent" }]);
  const listed = await repository.referrers(image.descriptor.digest);
  assert.deepEqual(
    listed.map(({ digest }) => digest),
    [...all, lost.digest].sort(),
  );
});

test("where the registry lists none that are, the tag is asked", async (t) => {
  const { registry, image, signature, children, answers, read } = await answering(t, "list");
  answers(indexOf(...children));
  registry.put(indexOf(signature.descriptor), tagOf(image.descriptor.digest));
  const { found } = await read();
  assert.deepEqual(
    found.map(({ descriptor }) => descriptor.digest),
    [signature.descriptor.digest],
  );
});

test("the list that is written for a registry without lists has what the manifests say", async (t) => {
  const registry = await startOddRegistry(t);
  const { image, signature, more } = signed(registry);
  const repository = registry.client().repository("x", "push");
  const said = { ...signature.descriptor, artifactType: "application/x.lie", annotations: {} };
  const { digest } = image.descriptor;
  await repository.addReferrers([{ ...signature, descriptor: said }]);
  const list = JSON.parse(registry.manifests.get(tagOf(digest))!.bytes.toString());
  const { mediaType, size } = signature.descriptor;
  assert.deepEqual(
    list,
    indexOf({ mediaType, digest: signature.descriptor.digest, size, ...more }),
  );
});
