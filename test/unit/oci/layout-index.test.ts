import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isIngotError } from "../../../src/base/error.ts";
import { formatLayoutIndex } from "../../../src/oci/layout.ts";
import { parseLayoutIndex } from "../../../src/oci/layout-index.ts";
import { type Descriptor, INDEX_LIMIT, parseIndex } from "../../../src/oci/manifest.ts";
import { REF_NAME } from "../../../src/oci/media-types.ts";

const hex = fc.array(fc.constantFrom(..."0123456789abcdef"), { minLength: 64, maxLength: 64 });
const word = fc.oneof(
  fc.constantFrom("linux", "r.test/a:1", "a<b", 'quo"te', "語"),
  fc.string({ unit: "grapheme" }),
);
const descriptor = fc
  .record({
    mediaType: fc.constantFrom("application/vnd.oci.image.index.v1+json", "x/y", "<x>"),
    digest: hex.map((digits) => `sha256:${digits.join("")}` as const),
    size: fc.oneof(fc.nat(), fc.constantFrom(0, 999_999_999_999_999, Number.MAX_SAFE_INTEGER)),
    name: fc.option(word, { nil: undefined }),
    note: fc.option(word, { nil: undefined }),
    platform: fc.option(
      fc.record(
        { architecture: word, os: word, variant: word, "os.version": word },
        { requiredKeys: ["architecture", "os"] },
      ),
      { nil: undefined },
    ),
  })
  .map(({ name, note, ...rest }): Descriptor => {
    const annotations = {
      ...(name === undefined ? {} : { [REF_NAME]: name }),
      ...(note === undefined ? {} : { note }),
    };
    return { ...rest, ...(Object.keys(annotations).length === 0 ? {} : { annotations }) };
  });
const indexes = fc.array(descriptor, { maxLength: 5 }).map((entries) => formatLayoutIndex(entries));

/** What reading gives, or the code of the fault it ends in. */
function outcome(read: () => unknown): unknown {
  try {
    return JSON.parse(JSON.stringify(read()));
  } catch (error) {
    if (isIngotError(error)) return error.code;
    throw error;
  }
}

function same(bytes: Uint8Array): void {
  const own = outcome(() => parseLayoutIndex(bytes, "x").manifests);
  assert.deepEqual(
    own,
    outcome(() => parseIndex(bytes, "x", INDEX_LIMIT).manifests),
  );
}

test("an index that was written here reads as any other", () => {
  fc.assert(fc.property(indexes, same));
  const bytes = formatLayoutIndex([]);
  assert.deepEqual(parseLayoutIndex(bytes, "x").manifests, []);
});

test("an index in which a byte was changed, taken out or put in reads as any other, or does not for either", () => {
  const changes = fc.record({
    bytes: indexes,
    at: fc.double({ min: 0, max: 0.999, noNaN: true }),
    byte: fc.oneof(fc.constantFrom(...Buffer.from('{}[]",:\\0 \n')), fc.nat(255)),
    how: fc.constantFrom("change", "remove", "insert", "cut"),
  });
  fc.assert(
    fc.property(changes, ({ bytes, at, byte, how }) => {
      const i = Math.floor(at * bytes.length);
      const [before, after] = [bytes.subarray(0, i), bytes.subarray(how === "insert" ? i : i + 1)];
      const middle = how === "change" || how === "insert" ? [byte] : [];
      same(
        Buffer.concat([before, Uint8Array.from(middle), how === "cut" ? new Uint8Array(0) : after]),
      );
    }),
    { numRuns: 2000 },
  );
});

test("an index of others reads as it is: spaces, other keys, keys in another order", () => {
  const digest = `sha256:${"0".repeat(64)}`;
  const entries = [
    { mediaType: "x/y", size: 1, digest },
    { mediaType: "x/y", digest, size: 1, artifactType: "a" },
    { mediaType: "x/y", digest, size: 1, annotations: null },
  ];
  for (const entry of entries) {
    const index = { schemaVersion: 2, manifests: [entry] };
    for (const indent of [0, 2]) same(Buffer.from(JSON.stringify(index, null, indent)));
  }
  same(
    Buffer.from(
      `{"schemaVersion":2,"manifests":[{"mediaType":"x/y","digest":"${digest}","digest":"${digest}","size":1}]}`,
    ),
  );
});
