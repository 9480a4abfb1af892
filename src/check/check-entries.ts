/** What descriptors say of themselves, and whether it can be so. */
import { utf8 } from "../base/bytes.ts";
import { sha256Hex } from "../base/hash.ts";
import { sortedBy } from "../base/order.ts";
import { oddNameOf, saidOfOdd } from "../image/complete-name.ts";
import { type Finding, finding, note } from "../image/findings.ts";
import { type Digest, digestOf } from "../oci/digest.ts";
import { INDEX_FILE, imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { isImage } from "../oci/media-types.ts";
import type { Platform } from "../oci/platform.ts";
import { digestIn } from "../oci/reference.ts";
import { refersOf } from "../oci/referrer.ts";

/**
 * Names that nobody could ask for, and those by the digest of another image: a client would load it under that name. What is a name to
 * a client that does not look, and to no other, is worth a note.
 * @param isTaking whether the images are to be taken: what has such a name is left out then, and all of it is worth a note
 */
export function oddNames(roots: readonly Descriptor[], isTaking = false): Finding[] {
  return roots.flatMap((root) => {
    const name = oddNameOf(root);
    if (name === undefined || refersOf(root) !== undefined) return [];
    const isHarmless = isTaking || (/^[\x21-\x7e]+$/.test(name) && digestIn(name) === undefined);
    const say = isHarmless ? note : finding;
    const more = isTaking ? ": it was left out" : "";
    return [say("malformed", INDEX_FILE, saidOfOdd(root) + more)];
  });
}

/** A descriptor may carry the content itself (image-spec, descriptor.md, "Embedded Content"): it must be that content. */
export function checkData({ data, digest, size }: Descriptor): Finding[] {
  if (data === undefined) return [];
  const bytes = Buffer.from(data, "base64");
  if (
    bytes.toString("base64") === data &&
    bytes.length === size &&
    `sha256:${sha256Hex(bytes)}` === digest
  )
    return [];
  return [finding("digest-differs", digest, "the data in its descriptor is something else")];
}

/** Many indexes name a variant that configs leave out, and the other way round: only two that differ are two. */
export function agrees(said: Platform, config: Platform): boolean {
  const sameVariant = !said.variant || !config.variant || said.variant === config.variant;
  return said.os === config.os && said.architecture === config.architecture && sameVariant;
}

/** A layout may hold content of any type, but what has an image's name must be one: else nobody can say what it needs. */
export function noImages(roots: readonly Descriptor[]): Finding[] {
  return roots.flatMap((root) =>
    imageNameOf(root) === undefined || isImage(root.mediaType)
      ? []
      : [
          finding(
            "type-differs",
            root.digest,
            `${imageNameOf(root)} is ${root.mediaType}: neither an image manifest nor an index`,
          ),
        ],
  );
}

/** One name for two images. */
export function nameTwice(
  images: Iterable<{ readonly reference: string | undefined; readonly descriptor: Descriptor }>,
): Finding[] {
  const first = new Map<string, Digest>();
  const several = new Map<string, Set<Digest>>();
  for (const { reference, descriptor } of images) {
    if (reference === undefined) continue;
    const before = first.get(reference) ?? descriptor.digest;
    first.set(reference, before);
    if (before !== descriptor.digest)
      several.set(reference, (several.get(reference) ?? new Set([before])).add(descriptor.digest));
  }
  return sortedBy(several, ([name]) => name).map(([name, digests]) =>
    finding(
      "duplicate-name",
      name,
      `it names ${digests.size} images: ${[...digests].slice(0, 3).join(", ")}`,
    ),
  );
}

/** What `manifest.json` says of a manifest, as something short. */
export function loadKey(config: string, layers: readonly string[]): string {
  return digestOf(utf8([config, ...layers].join(" ")));
}

/** A gadget's manifest of which its index does not say what machine it is for. */
export const gadgetWithoutPlatform = (digest: Digest): Finding =>
  note(
    "platform-absent",
    digest,
    "the index names it without a platform: Inspektor Gadget cannot run the gadget",
  );
