import { IngotError, isIngotError } from "../base/error.ts";
import { redactCredentials } from "../base/redact.ts";
import { within } from "../base/subject.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import {
  completeName,
  digestIn,
  formatReference,
  hasTag,
  parseReference,
  type ReferenceKind,
  repositoryOf,
} from "../oci/reference.ts";
import { parseReferrersTag } from "../oci/referrer.ts";
import { splitTransport } from "../oci/transport.ts";
import type { NamedDescriptor } from "../store/store.ts";
import { isGadget, type StoredImage } from "./select.ts";

/** Whether a name is a tag alone, and says nothing of a repository. */
export const isTagOnly = (name: string) => !/[/:@]/.test(name);

/** The name of an image, where it has one that can be asked for: a tag alone is none, nor is the digest of another image. */
export function fullNameOf(descriptor: Descriptor): string | undefined {
  const name = imageNameOf(descriptor);
  return name === undefined || isTagOnly(name) ? undefined : usable(name, descriptor.digest);
}

/** A name as it can be completed; of one with a tag and the image's own digest, what is before the digest. */
export function usable(name: string, digest: Digest): string | undefined {
  const said = digestIn(name);
  const bare = said === digest && hasTag(name) ? name.slice(0, -digest.length - 1) : name;
  if (said !== undefined && said !== digest) return undefined;
  try {
    completeName(bare, "container");
    return bare;
  } catch (error) {
    if (isIngotError(error, "malformed")) return undefined;
    throw error;
  }
}

/** A name that an index gives an image and nobody could ask for; undefined for a tag alone, and where there is none. */
export function oddNameOf(descriptor: Descriptor): string | undefined {
  const name = imageNameOf(descriptor);
  const isOdd = name !== undefined && !isTagOnly(name) && fullNameOf(descriptor) === undefined;
  return isOdd ? name : undefined;
}

/** What is odd about such a name. */
export function saidOfOdd(descriptor: Descriptor): string {
  const name = imageNameOf(descriptor) ?? "";
  return digestIn(name) !== undefined && digestIn(name) !== descriptor.digest
    ? `${JSON.stringify(name)} is the name of another image than ${descriptor.digest}`
    : `${JSON.stringify(name)} is not a valid image name`;
}

/**
 * The images under their complete names: a short one, as foreign layouts have them, is completed by the convention
 * for what the image is. Each image is looked at once, and only where the conventions differ. Referrers stay as they are.
 * @throws malformed, not-found for a tag alone
 */
export function completeNames(images: readonly StoredImage[]): StoredImage[] {
  const kinds = new Map<Digest, ReferenceKind>();
  return images.map((image) => {
    const { reference, descriptor, store } = image;
    if (image.refers !== undefined) return image;
    if (isTagOnly(reference) || isDigest(reference)) throw noName(image);
    const either = completeName(reference, "gadget");
    if (either === completeName(reference, "container"))
      return either === reference ? image : { ...image, reference: either };
    const kind =
      kinds.get(descriptor.digest) ?? (isGadget(descriptor, store) ? "gadget" : "container");
    kinds.set(descriptor.digest, kind);
    return { ...image, reference: completeName(reference, kind) };
  });
}

function noName({ reference, descriptor, store }: StoredImage): IngotError {
  const tag = isTagOnly(reference) ? reference : undefined;
  return new IngotError("not-found", {
    what: "the name of an image",
    at: within(descriptor.digest, store.at),
    hint:
      tag === undefined
        ? `its index does not name it: copy it to a name (ingot copy oci:DIR:${descriptor.digest} NAME, or oci-archive:FILE:${descriptor.digest} of an archive), or import it with --name`
        : `it has a tag alone, ${JSON.stringify(tag)}: --repository REPO makes it REPO:${tag}`,
  });
}

/** How a transport that ingot does not write to is served. */
const SERVED: Readonly<Record<string, string>> = {
  "docker-archive": "docker load takes what ingot writes: oci-archive:FILE, or -o FILE",
  "docker-daemon": "docker takes it through a pipe: ingot export NAME -o - | docker load",
  "containers-storage": "podman takes it through a pipe: ingot export NAME -o - | podman load",
  dir: "skopeo makes such a folder of an archive: skopeo copy oci-archive:FILE dir:FOLDER",
};

/**
 * The complete name that an image is to get, of what somebody said. A name by digest must be by its own, and cosign's tags are for
 * referrers: under one the image would be taken for a signature of another.
 * @throws usage as `requireName`, for another digest and for a tag of cosign's; malformed
 */
export function nameToGive(text: string, kind: ReferenceKind, digest?: Digest): string {
  requireName(text);
  const said = digestIn(text);
  if (said !== undefined && said === digest) return completeName(text, kind);
  if (said === undefined || digest === undefined || hasTag(text))
    return imageName(formatReference(parseReference(text, kind)));
  throw new IngotError("usage", {
    message: `the name ${JSON.stringify(text)} has the digest of another image, should have ${digest}`,
    hint: "give it a tag: registry/repository:tag",
  });
}

/** A tag alone. @throws malformed, usage for one of cosign's */
export const tagToGive = (text: string): string =>
  imageName(parseReference(`registry.invalid/x:${text}`, "container").tag);

/** The name, which is not one that cosign gives a referrer. @throws usage */
function imageName(name: string): string {
  const { subject, suffix } = parseReferrersTag(name) ?? {};
  if (suffix === undefined) return name;
  const what = { ".sig": "signature", ".att": "attestation", ".sbom": "SBOM" }[suffix];
  throw new IngotError("usage", {
    message: `the name ${JSON.stringify(name)} has a tag of cosign's form: the image would count as the ${what} of ${subject}`,
    hint: "give it another tag; a signature that is in a registry comes with its image: ingot pull IMAGE, ingot copy docker://IMAGE DESTINATION",
  });
}

/** @throws usage for what begins with a transport: nobody would find an image under such a name */
export function requireName(text: string): void {
  const split = splitTransport(text);
  if (split === undefined) return;
  const { transport } = split;
  throw new IngotError("usage", {
    message: `the name ${JSON.stringify(redactCredentials(text))} begins with the transport ${transport}:, should be [registry/]repository[:tag]`,
    hint:
      SERVED[transport] ??
      `to write there: ingot copy NAME ${transport}:${transport.startsWith("oci") ? "PATH" : "//registry/repository:tag"}`,
  });
}

/**
 * The image under a name that fits it: one by digest has the image's own digest, also where platforms were chosen from it.
 */
export function underOwnDigest<I extends NamedDescriptor>(image: I): I {
  const { reference, descriptor } = image;
  const said = digestIn(reference);
  if (said === undefined || said === descriptor.digest) return image;
  return { ...image, reference: `${repositoryOf(reference)}@${descriptor.digest}` };
}
