/** What stands on either side of a copy. */
import { IngotError } from "../base/error.ts";
import {
  completeNames,
  isTagOnly,
  nameToGive,
  requireName,
  tagToGive,
  underOwnDigest,
} from "../image/complete-name.ts";
import {
  type LeftBehind,
  oncePerName,
  type ReferrerPolicy,
  type Referring,
  referrersIn,
  underName,
} from "../image/referrers.ts";
import { isGadget, type StoredImage, select } from "../image/select.ts";
import { withoutForeign } from "../image/walk.ts";
import { isDigest } from "../oci/digest.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference } from "../oci/reference.ts";
import { formatRemote, parseRemote, type Remote, whichOf } from "../oci/remote-reference.ts";
import type { Repository } from "../registry/registry.ts";
import { openSources, type SourceOptions } from "../source/source.ts";
import type { FolderStore } from "../store/folder-store.ts";
import type { ImageHandle } from "./push.ts";
import { findPlatform, type RemoteImage, withoutMissingForeign } from "./remote-image.ts";
import { findReferrers } from "./remote-referrers.ts";

/** Opens the repository that a name is in. */
export type OpenRepository = (
  remote: Pick<Remote, "registry" | "repository">,
  use: "pull" | "push",
) => Repository;

/** What to take of a source. */
export interface TransferOptions extends Pick<SourceOptions, "repository" | "passOver"> {
  readonly platforms: readonly Platform[];
  /** What of all that refers to the images comes with them. */
  readonly along: ReferrerPolicy;
  /** Whether layers that may be elsewhere (`urls`) may be absent. */
  readonly foreign?: boolean;
  readonly openStore: () => FolderStore;
  readonly openRepository: OpenRepository;
}

/** Images, what refers to them and travels with them, and what does not. */
export interface ResolvedImages<P extends ImageHandle = ImageHandle> {
  readonly images: readonly P[];
  readonly referring: readonly Referring<P>[];
  readonly left: readonly LeftBehind[];
}

/** Where images go. */
export type Destination =
  | { readonly kind: "registry"; readonly remote: Remote }
  | {
      readonly kind: "layout" | "archive";
      readonly path: string;
      readonly reference: string | undefined;
    }
  | { readonly kind: "stored"; readonly reference: string };

export const isRemoteImage = (image: ImageHandle): image is RemoteImage => "from" in image;

/** The images of `text`: `docker://REF`, or what every other command takes for a source. @throws not-found, registry */
export async function resolveSources(
  text: string,
  choice: TransferOptions,
): Promise<ResolvedImages> {
  if (text.startsWith("docker://")) return resolveRemote(text, choice);
  const { platforms, along, foreign = false, openStore } = choice;
  const wholes = await openSources(text, openStore, choice);
  const [first] = wholes;
  if (first === undefined) return { images: [], referring: [], left: [] };
  const attached = referrersIn(first.store, along);
  const images: StoredImage[] = [];
  const referring: Referring<StoredImage>[] = [];
  const left: LeftBehind[] = [];
  for (const whole of wholes) {
    const image = underOwnDigest(select(whole, platforms));
    const found = await attached(image, whole.descriptor);
    images.push(foreign ? { ...image, store: withoutForeign(image.store) } : image);
    left.push(...found.left);
    if (found.referring.length > 0) referring.push(...underName(found.referring, nameFor(image)));
  }
  return { images, referring: oncePerName(referring), left };
}

/** The complete name of an image; a tag alone, as layouts have it, stays one. */
const nameFor = (image: StoredImage): string =>
  isTagOnly(image.reference) || isDigest(image.reference)
    ? image.reference
    : completeNames([image])[0]!.reference;

/** The image of a registry. One by its digest alone is called by its digest. */
export async function resolveRemote(
  text: string,
  { platforms, along, foreign = false, openRepository }: TransferOptions,
): Promise<ResolvedImages<RemoteImage>> {
  const remote = parseRemote(text);
  const { registry, repository, tag } = remote;
  const reference =
    tag === undefined ? formatRemote(remote) : formatReference({ registry, repository, tag });
  const found = await findPlatform(openRepository(remote, "pull"), whichOf(remote), {
    reference,
    platforms,
  });
  const image = underOwnDigest(found.image);
  const { referring, left } = await findReferrers(image, along, found.whole);
  const images = [foreign ? await withoutMissingForeign(image) : image];
  return { images, referring: underName(referring, image.reference), left };
}

/** What `text` says of where to: `docker://REF`, `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, or a name for the store. @throws usage */
export function parseDestination(text: string): Destination {
  if (text.startsWith("docker://")) {
    return { kind: "registry", remote: parseRemote(text) };
  }
  const [, transport, rest = ""] = /^(oci|oci-archive):(.*)$/s.exec(text) ?? [];
  if (transport !== undefined) {
    const [, path = "", reference] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
    if (path === "" || reference === "")
      throw new IngotError("usage", {
        message: `the destination ${JSON.stringify(text)} is incomplete (expected ${transport}:PATH[:REF])`,
      });
    return { kind: transport === "oci" ? "layout" : "archive", path, reference };
  }
  requireName(text);
  if (/\.(?:tar|oci)$/.test(text) || /^[./~]/.test(text) || /^[a-z-]+:\/?\//.test(text))
    throw new IngotError("usage", {
      message: `the destination ${JSON.stringify(text)} does not say whether it is an archive, a layout or a registry`,
      hint: `an archive is oci-archive:${text}, a folder oci:${text}, a registry docker://registry/repository:tag`,
    });
  return { kind: "stored", reference: text };
}

/** The digest that a name in a registry has must be the image's own. @throws usage */
export function requireOwnName({ digest, ...remote }: Remote, { descriptor }: ImageHandle): void {
  if (digest === undefined || digest === descriptor.digest) return;
  throw new IngotError("usage", {
    message: `the name ${JSON.stringify(formatRemote({ ...remote, digest }))} has the digest of another image, should have ${descriptor.digest}`,
    hint: "give it a tag: registry/repository:tag",
  });
}

/**
 * The image under the name that `text` says, completed as for its kind; in a layout a tag alone stays one, as other tools write
 * and look for it. @throws malformed
 */
export function renamed<P extends ImageHandle>(image: P, text: string, isTag = false): P {
  if (isTag && isTagOnly(text)) return { ...image, reference: tagToGive(text) };
  const kind = isGadget(image.descriptor, image.store) ? "gadget" : "container";
  return { ...image, reference: nameToGive(text, kind, image.descriptor.digest) };
}

/** The one image there is. @throws ambiguous */
export function only<P extends StoredImage>(images: readonly P[], at: string): P {
  const [image] = images;
  if (image !== undefined && images.length === 1) return image;
  throw new IngotError("ambiguous", {
    what: "the image",
    at,
    matches: images.map(({ reference }) => reference),
  });
}
