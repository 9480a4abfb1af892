import { IngotError } from "../base/error.ts";
import { sortedUnique } from "../base/order.ts";
import { within } from "../base/subject.ts";
import { suggest } from "../base/suggest.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import { type Descriptor, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { parseQuery, type ReferenceKind, repositoryOf } from "../oci/reference.ts";
import { parseReferrersTag, type Refers, refersOf } from "../oci/referrer.ts";
import { type Content, readContent } from "./content.ts";

/** Where images come from: a folder, an archive, memory. */
export interface ReadStore {
  /** What it is, for messages. */
  readonly at: string;
  /** The images it names, as its index has them: each with its name in an annotation, if it has one. */
  images(): readonly Descriptor[];
  /** Where the bytes of a blob are; undefined when they are not here. Nothing is checked yet. */
  find(digest: Digest): Content | undefined;
  /** The digests of the blobs that are here, where that can be told. */
  digests?(): Iterable<Digest>;
  /** The bytes of its `index.json`, where it has one. */
  indexFile?(): Uint8Array | undefined;
  /**
   * Whether images are taken without their layers that may be elsewhere (`urls`), where those are not here; or which of these are not
   * here, of a registry that has others.
   */
  readonly withoutForeign?: boolean | ReadonlySet<Digest>;
}

/** An image under its name, or something that refers to one. */
export interface NamedDescriptor {
  readonly reference: string;
  readonly descriptor: Descriptor;
  /** What it refers to, where it is a signature or the like: then its reference is not an image's name. */
  readonly refers?: Refers | undefined;
}

/**
 * The bytes of a manifest, index or config that `store` holds, proven.
 * @param neededBy what asks for it, for the message @throws blob-missing, digest-differs, size-differs, too-large
 */
export function readBlob(store: ReadStore, descriptor: Descriptor, neededBy?: string): Uint8Array {
  const { digest } = descriptor;
  const content = store.find(digest);
  if (content === undefined)
    throw new IngotError("blob-missing", {
      digest,
      at: store.at,
      ...(neededBy ? { neededBy } : {}),
    });
  return readContent(content, descriptor, MANIFEST_LIMIT);
}

/**
 * The image that `text` names in `store`: its exact name there, a short name completed as a gadget's or a
 * container's, or a digest. An image that has no name is found by its digest alone.
 * @param kind by whose convention alone a short name is completed; undefined = both
 * @throws not-found with names that look alike, ambiguous
 */
export function resolveName(store: ReadStore, text: string, kind?: ReferenceKind): NamedDescriptor {
  const all = store.images();
  const images = all.filter((image) => refersOf(image) === undefined || isDigest(text));
  const exact = all.filter((image) => imageNameOf(image) === text);
  const found = exact.length > 0 ? exact : matching(images, text, kind);
  const digests = new Set(found.map(({ digest }) => digest));
  if (digests.size > 1)
    throw new IngotError("ambiguous", {
      what: "the image",
      at: text,
      matches: found.map(describe),
    });
  const [descriptor] = found;
  if (descriptor !== undefined)
    return { reference: imageNameOf(descriptor) ?? descriptor.digest, descriptor };
  const names = images.flatMap((image) => imageNameOf(image) ?? []);
  const as = completed(text, kind).filter((name) => name !== text);
  throw new IngotError("not-found", {
    what: "the image",
    at: within(text, store.at),
    ...(as.length > 0 && { as }),
    near: similar(text, names),
  });
}

function matching(
  images: readonly Descriptor[],
  text: string,
  kind: ReferenceKind | undefined,
): Descriptor[] {
  const { references, digest, repositories } = parseQuery(text, kind && [kind]);
  const named = images.filter((image) => references.includes(imageNameOf(image) ?? ""));
  if (digest === undefined) return named;
  const exact = named.filter((image) => image.digest === digest);
  if (exact.length > 0) return exact;
  const isThere = (image: Descriptor) =>
    repositories === undefined
      ? references.length === 0
      : repositories.includes(repositoryOf(imageNameOf(image) ?? ""));
  return images.filter((image) => image.digest === digest && isThere(image));
}

const describe = (image: Descriptor) => `${imageNameOf(image) ?? "(no name)"} ${image.digest}`;

/** The complete names that `text` was looked for under. */
function completed(text: string, kind: ReferenceKind | undefined): string[] {
  const { references, digest, repositories } = parseQuery(text, kind && [kind]);
  const isWhole = digest === undefined || repositories !== undefined;
  return references.map((name) => (isWhole ? name : `${name}@${digest}`));
}

const ENOUGH = 3;

/** Names that look like `text`, also where only their last part does; where these are few, other tags of what it names. */
function similar(text: string, names: readonly string[]): string[] {
  const lastOf = (name: string) => name.slice(name.lastIndexOf("/") + 1);
  const untagged = (name: string) => lastOf(name).replace(/[:@].*$/s, "");
  const short = new Map(names.map((name) => [lastOf(name).replace(/:latest$/, ""), name]));
  const near = new Set([
    ...suggest(text, names),
    ...suggest(lastOf(text), short.keys()).map((word) => short.get(word)!),
  ]);
  const repository = untagged(text);
  const tags = names.filter(
    (name) => untagged(name) === repository && parseReferrersTag(name) === undefined,
  );
  for (const name of tags) if (near.size < ENOUGH) near.add(name);
  return sortedUnique([...near]);
}
