import { sameBytes, text } from "../base/bytes.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import type { ScannedArchive } from "../check/inventory.ts";
import { type Finding, finding } from "../image/findings.ts";
import { withoutForeign } from "../image/walk.ts";
import { INDEX_FILE, imageNameOf } from "../oci/layout.ts";
import { INDEX_LIMIT } from "../oci/manifest.ts";
import { LIST_DIGEST } from "../oci/media-types.ts";
import { completeName } from "../oci/reference.ts";
import { refersOf } from "../oci/referrer.ts";
import { readBytes } from "../store/content.ts";
import { headerWriter } from "../tar/header.ts";
import { type Member, plan } from "./plan.ts";

/** So many bytes of manifests and indexes are held in memory at once. */
const JSON_LIMIT = 64 * 1024 * 1024;

/**
 * Whether a proven archive is, byte for byte, what export writes for the images it names: the first deviation, if any.
 * Blobs were hashed and padding was looked at before; what is left are names, order, headers, the members that are made,
 * and the end. @param foreign whether layers that may be elsewhere may be absent @throws too-large for more manifests than are held in memory
 */
export async function checkCanonical(
  inventory: ScannedArchive,
  foreign = false,
): Promise<Finding[]> {
  const named = inventory.roots.filter((root) => refersOf(root) === undefined);
  const nameless = named.find((root) => imageNameOf(root) === undefined);
  if (nameless !== undefined)
    return [deviation("index.json", `the image ${nameless.digest} has no name`)];
  const incomplete = named.find((root) => !isComplete(imageNameOf(root)!));
  if (incomplete !== undefined)
    return [
      deviation(
        "index.json",
        `${JSON.stringify(imageNameOf(incomplete))} is not a complete name, as export writes it`,
      ),
    ];
  if (inventory.json > JSON_LIMIT)
    throw new IngotError("too-large", {
      what: "the manifests",
      at: inventory.at,
      actual: inventory.json,
      limit: JSON_LIMIT,
    });
  const store = foreign ? withoutForeign(inventory) : inventory;
  const images = inventory.roots.map((descriptor) => ({
    reference: imageNameOf(descriptor) ?? descriptor.digest,
    descriptor,
    store,
    refers: refersOf(descriptor),
  }));
  const { members } = plan(images, await headerWriter(), inventory.relies);
  for (const [i, expected] of members.entries()) {
    const found = compare(expected, inventory, i);
    if (found !== undefined) return [found];
  }
  const surplus = inventory.members.at(members.length);
  if (surplus !== undefined)
    return [deviation(surplus.name, "a member that export does not write")];
  const fill = inventory.end?.fill ?? 0;
  return fill === 0
    ? []
    : [deviation("the end", `${fill} zero bytes follow the two blocks that end the archive`)];
}

/** Whether a name says registry, repository and tag. */
function isComplete(name: string): boolean {
  const kinds = ["gadget", "container"] as const;
  try {
    return kinds.some((kind) => completeName(name, kind) === name);
  } catch (error) {
    if (isIngotError(error, "malformed")) return false;
    throw error;
  }
}

/** Member number `i` against the one that export would write. */
function compare(expected: Member, inventory: ScannedArchive, i: number): Finding | undefined {
  const actual = inventory.members.at(i);
  if (actual === undefined) return deviation(expected.name, "it is missing");
  if (actual.name !== expected.name)
    return deviation(actual.name, `it stands where export writes ${expected.name}`);
  if (actual.deviation !== undefined)
    return deviation(
      actual.name,
      `the header field ${actual.deviation} is not as export writes it`,
    );
  if (expected.digest !== undefined || !(expected.content instanceof Uint8Array)) return undefined;
  if (expected.size === 0 && actual.size === 0) return undefined;
  const content = inventory.files.get(actual.name as "index.json");
  const bytes = content && readBytes(content, INDEX_LIMIT, actual.name);
  if (bytes !== undefined && sameBytes(bytes, expected.content)) return undefined;
  if (bytes?.length === expected.content.length && actual.name === INDEX_FILE)
    return deviation(actual.name, changedList(bytes, expected.content));
  return deviation(
    actual.name,
    `its content differs from what export writes from byte ${firstDifference(bytes, expected.content)} on`,
  );
}

/** What to say of a list of images that is as long as it should be: most likely a name or a digest in it changed on the way. */
function changedList(bytes: Uint8Array, expected: Uint8Array): string {
  const at = firstDifference(bytes, expected);
  const tail = `"${LIST_DIGEST}":"`;
  return text(expected)?.slice(0, at).includes(tail)
    ? `the digest of its list of images (${LIST_DIGEST}) is not that of the list: a name in it is not the one that was exported`
    : `its content differs from what export writes from byte ${at} on`;
}

function firstDifference(a: Uint8Array | undefined, b: Uint8Array): number {
  let i = 0;
  while (a !== undefined && i < a.length && i < b.length && a[i] === b[i]) i++;
  return i;
}

const deviation = (at: string, message: string) => finding("not-canonical", at, message);
