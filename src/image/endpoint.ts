/** What stands on either side of a copy. */
import { Fault } from "../base/fault.ts";
import type { Platform } from "../oci/platform.ts";
import { formatReference } from "../oci/reference.ts";
import { formatRemote, parseRemote, type Remote, whichOf } from "../oci/remote.ts";
import type { FolderStore } from "../store/folder.ts";
import type { Repository } from "../store/registry.ts";
import { completeNames, isTagOnly, mustBeName, nameToGive } from "./name.ts";
import type { Pushable } from "./push.ts";
import {
  type Along,
  byName,
  findReferrers,
  oncePerName,
  storedReferrers,
  underName,
} from "./referrers.ts";
import { findRemote, type RemoteImage } from "./remote.ts";
import { isGadget, type Selected, select } from "./select.ts";
import { openSources } from "./source.ts";

/** Opens the repository that a name is in. */
export type OpenRepository = (
  remote: Pick<Remote, "registry" | "repository">,
  use: "pull" | "push",
) => Repository;

/** What to take of a source. */
export interface Choice {
  readonly platforms: readonly Platform[];
  /** What of all that refers to the images comes with them. */
  readonly along: Along;
  readonly openStore: () => FolderStore;
  readonly openRepository: OpenRepository;
}

/** Images, and what refers to them. */
export interface Chosen<P extends Pushable = Pushable> {
  readonly images: readonly P[];
  readonly referring: readonly P[];
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

export const isRemote = (image: Pushable): image is RemoteImage => "from" in image;

/** The images of `text`: `docker://REF`, or what every other command takes for a source. @throws not-found, registry */
export async function choose(text: string, choice: Choice): Promise<Chosen> {
  if (text.startsWith("docker://")) return chooseRemote(text, choice);
  const images = (await openSources(text, choice.openStore)).map((image) =>
    select(image, choice.platforms),
  );
  return { images, referring: referringTo(images, choice.along) };
}

/** What goes along with images of one store and is none of them itself; under the names that the images are to have. */
export function referringTo(images: readonly Selected[], along: Along): Selected[] {
  const [first] = images;
  if (first === undefined || along === "none") return [];
  const named = byName(first.store);
  const own = new Set(images.map(({ reference }) => reference));
  const found = images.flatMap((image) => {
    const here = storedReferrers(image, along, named).filter((it) => !own.has(it.reference));
    if (here.length === 0 || isTagOnly(image.reference)) return here;
    return underName(here, completeNames([image])[0]!.reference);
  });
  return oncePerName(found);
}

/** The image of a registry. Of an image by its digest alone, the digest is its name until it gets another. */
export async function chooseRemote(
  text: string,
  { platforms, along, openRepository }: Choice,
): Promise<Chosen<RemoteImage>> {
  const remote = parseRemote(text);
  const { registry, repository, tag } = remote;
  const reference =
    tag === undefined ? formatRemote(remote) : formatReference({ registry, repository, tag });
  const image = await findRemote(openRepository(remote, "pull"), whichOf(remote), {
    reference,
    platforms,
  });
  return { images: [image], referring: await findReferrers(image, along) };
}

/** What `text` says of where to: `docker://REF`, `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, or a name for the store. @throws usage */
export function parseDestination(text: string): Destination {
  if (text.startsWith("docker://")) {
    const remote = parseRemote(text);
    if (remote.digest === undefined) return { kind: "registry", remote };
    throw new Fault("usage", {
      message: `the destination ${JSON.stringify(text)} has a digest, should have a tag`,
      hint: "the digest is that of the image; give it a tag: docker://registry/repository:tag",
    });
  }
  const [, transport, rest = ""] = /^(oci|oci-archive):(.*)$/s.exec(text) ?? [];
  if (transport !== undefined) {
    const [, path = "", reference] = /^([^:]*)(?::(.*))?$/s.exec(rest) ?? [];
    if (path === "" || reference === "")
      throw new Fault("usage", {
        message: `the destination ${JSON.stringify(text)} is not whole, should be ${transport}:PATH[:REF]`,
      });
    return { kind: transport === "oci" ? "layout" : "archive", path, reference };
  }
  mustBeName(text);
  if (/\.(?:tar|oci)$/.test(text) || /^[./~]/.test(text) || /^[a-z-]+:\/?\//.test(text))
    throw new Fault("usage", {
      message: `the destination ${JSON.stringify(text)} does not say what it is to be`,
      hint: `an archive is oci-archive:${text}, a folder oci:${text}, a registry docker://registry/repository:tag`,
    });
  return { kind: "stored", reference: text };
}

/**
 * The image under the name that `text` says, completed as for its kind. @throws malformed
 */
export function renamed<P extends Pushable>(image: P, text: string): P {
  const kind = isGadget(image.descriptor, image.store) ? "gadget" : "container";
  return { ...image, reference: nameToGive(text, kind) };
}

/** The one image there is. @throws ambiguous */
export function only<P extends Selected>(images: readonly P[], at: string): P {
  const [image] = images;
  if (image !== undefined && images.length === 1) return image;
  throw new Fault("ambiguous", {
    what: "the image",
    at,
    matches: images.map(({ reference }) => reference),
  });
}
