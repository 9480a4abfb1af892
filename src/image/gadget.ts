/** What a gadget image offers: the blobs that say it, and how they are read. */
import { type Diagnostic, type IngotError, isIngotError } from "../base/error.ts";
import { sortedUnique } from "../base/order.ts";
import { checkGadget } from "../gadget/check/check.ts";
import {
  describeGadget,
  type GadgetBlob,
  type GadgetDescription,
} from "../gadget/interface/describe.ts";
import { OBJECT_LIMIT } from "../gadget/object/object.ts";
import { parseMetadata } from "../gadget/spec/metadata.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { GADGET_CONFIG, GADGET_EBPF, GADGET_WASM } from "../oci/media-types.ts";
import { formatPlatform } from "../oci/platform.ts";
import { readContent } from "../store/content.ts";
import { platformOf, type StoredImage } from "./select.ts";
import { missingBlob, walk } from "./walk.ts";

const PARTS = { metadata: GADGET_CONFIG, ebpf: GADGET_EBPF, wasm: GADGET_WASM } as const;

/** Bytes of one blob that is read into memory. */
export const GADGET_BLOB_LIMIT = OBJECT_LIMIT;

interface GadgetPart {
  readonly descriptor: Descriptor;
  readonly neededBy: Digest;
  readonly platforms: readonly string[];
}

/** The blobs of an image that say what a gadget offers, each once: gadget.yaml and its programs. */
export function gadgetParts({
  descriptor,
  store,
}: Pick<StoredImage, "descriptor" | "store">): GadgetPart[] {
  const reached = walk(descriptor, store);
  const listed = reached.get(descriptor.digest)?.index?.manifests ?? [descriptor];
  const parts = new Map<Digest, GadgetPart>();
  for (const child of listed) {
    const { manifest } = reached.get(child.digest) ?? {};
    if (manifest === undefined) continue;
    const platform = child.platform ?? platformOf(child, store);
    const names = platform === undefined ? [] : [formatPlatform(platform)];
    for (const blob of [manifest.config, ...manifest.layers]) {
      if (!Object.values<string>(PARTS).includes(blob.mediaType)) continue;
      const platforms = sortedUnique([...(parts.get(blob.digest)?.platforms ?? []), ...names]);
      parts.set(blob.digest, { descriptor: blob, neededBy: child.digest, platforms });
    }
  }
  return [...parts.values()];
}

/**
 * What Inspektor Gadget refuses of the gadget, or passes over. Everything is read and proven.
 * @throws blob-missing, digest-differs, size-differs, too-large, malformed; as walk, for its manifests
 */
export function checkGadgetImage(image: Pick<StoredImage, "descriptor" | "store">): Diagnostic[] {
  const problems: Diagnostic[] = [];
  const blobs = new Map<string, Uint8Array>();
  const ebpf = new Map<string, Uint8Array>();
  for (const { descriptor, neededBy, platforms } of gadgetParts(image)) {
    const content = image.store.find(descriptor.digest);
    if (content === undefined) throw missingBlob(descriptor, image.store.at, neededBy);
    const bytes = readContent(content, descriptor, GADGET_BLOB_LIMIT);
    if (descriptor.mediaType !== GADGET_EBPF) blobs.set(descriptor.mediaType, bytes);
    else for (const platform of platforms) ebpf.set(platform, bytes);
    if (platforms.length > 0) continue;
    const what = { file: descriptor.digest, line: 0, column: 0, level: "error" } as const;
    const message = "the manifest that has it is of no platform: Inspektor Gadget does not find it";
    problems.push({ ...what, message });
  }
  const named = (name: string, type: string) => {
    const bytes = blobs.get(type);
    return bytes && { name, bytes };
  };
  const metadata = named("gadget.yaml", GADGET_CONFIG);
  if (metadata) problems.push(...parseMetadata(metadata.bytes, metadata.name).problems);
  const wasm = named("program.wasm", GADGET_WASM);
  return [...problems, ...checkGadget({ ebpf, source: "program.bpf.c", wasm, metadata })];
}

/**
 * Describes a gadget. Its programs are read and proven; what of them is not there, or is not what it should be, is among the
 * failures. @throws as walk, for its manifests
 */
export function describeGadgetImage(
  image: Pick<StoredImage, "descriptor" | "store">,
): GadgetDescription {
  const failures: { digest: Digest; error: IngotError }[] = [];
  const blobs = {
    metadata: [] as GadgetBlob[],
    ebpf: [] as GadgetBlob[],
    wasm: [] as GadgetBlob[],
  };
  for (const { descriptor, neededBy, platforms } of gadgetParts(image)) {
    const { digest, mediaType } = descriptor;
    try {
      const content = image.store.find(digest);
      if (content === undefined) throw missingBlob(descriptor, image.store.at, neededBy);
      const bytes = readContent(content, descriptor, GADGET_BLOB_LIMIT);
      for (const part of ["metadata", "ebpf", "wasm"] as const)
        if (PARTS[part] === mediaType) blobs[part].push({ digest, platforms, bytes });
    } catch (error) {
      if (!isIngotError(error)) throw error;
      failures.push({ digest, error });
    }
  }
  const described = describeGadget(blobs);
  return { ...described, failures: [...failures, ...described.failures] };
}
