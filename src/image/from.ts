/** The image that FROM or COPY --from names: what that name means, wherever the Dockerfile is built. */
import { Fault, isFault } from "../base/fault.ts";
import { isDigest } from "../oci/digest.ts";
import { nameOf } from "../oci/layout.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import type { FolderStore } from "../store/folder.ts";
import { type ReadStore, resolve } from "../store/store.ts";
import { isGadget, type Selected } from "./select.ts";
import { openSources } from "./source.ts";

/** Where images are looked for. */
export interface Around {
  readonly openStore: () => FolderStore;
  /** Where the image is named, for messages. */
  readonly place: string;
}

/** What is not a name in the store; a registry's `docker:24` is one. */
const TRANSPORT = /^(?:oci:|oci-archive:|docker-archive:|docker:\/\/|containers-storage:|dir:)/;

/**
 * The image, all platforms of it. A path needs its transport: what a bare name means does not depend on the folder that
 * somebody is in. A short name is a container's (`x` is `docker.io/library/x:latest`), whatever gadgets there are.
 * @throws not-found, ambiguous, unsupported for a gadget
 */
export async function openFrom(text: string, around: Around): Promise<Selected> {
  const image = await find(text, around);
  if (!isGadget(image.descriptor, image.store)) return image;
  throw new Fault("unsupported", {
    what: `the image of ${around.place},`,
    at: text,
    found: "a gadget",
    expected: "a container image",
  });
}

async function find(text: string, { openStore, place }: Around): Promise<Selected> {
  if (TRANSPORT.test(text)) {
    const [found, ...others] = await openSources(text, openStore);
    if (found !== undefined && others.length === 0) return found;
    throw new Fault("ambiguous", {
      what: "the image to build on",
      at: text,
      matches: [found, ...others].map((image) => image?.reference ?? ""),
    });
  }
  if (/^[./~]/.test(text))
    throw new Fault("not-found", {
      what: `the image of ${place}`,
      at: text,
      hint: `an archive is named oci-archive:${text}, the folder of a layout oci:${text}`,
    });
  return named(text, openStore(), place);
}

/** @throws not-found, ambiguous */
function named(text: string, store: ReadStore, place: string): Selected {
  try {
    return { ...resolve(store, text, "container"), store };
  } catch (error) {
    if (!isFault(error, "not-found")) throw error;
    throw new Fault("not-found", {
      what: `the image of ${place}`,
      at: `${complete(text)} in ${store.at}`,
      near: (error.facts.near ?? []).filter((name) => isContainer(name, store)),
    });
  }
}

/** The name that was looked for, a digest as it is. */
function complete(text: string): string {
  if (isDigest(text)) return text;
  const [name = "", ...digest] = text.split("@");
  return [formatReference(parseReference(name, "container")), ...digest].join("@");
}

/** Whether an image of the store may be meant. One that cannot be read may be: why not, is said when it is asked for. */
function isContainer(name: string, store: ReadStore): boolean {
  try {
    return store.images().every((image) => nameOf(image) !== name || !isGadget(image, store));
  } catch (error) {
    if (isFault(error)) return true;
    throw error;
  }
}
