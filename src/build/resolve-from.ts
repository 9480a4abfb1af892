/** The image that FROM or COPY --from names: what that name means, wherever the Dockerfile is built. */

import * as path from "node:path";
import { type ErrorDetails, IngotError, isIngotError } from "../base/error.ts";
import { realPath, stat } from "../base/fs/file.ts";
import { within } from "../base/subject.ts";
import { readEntries } from "../image/entries.ts";
import { isGadget, type StoredImage } from "../image/select.ts";
import { hexOf, isDigest } from "../oci/digest.ts";
import { imageNameOf } from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { formatReference, parseReference } from "../oci/reference.ts";
import { parseRemote } from "../oci/remote-reference.ts";
import { openLocation, parseTransport, type SourceLocation } from "../source/source.ts";
import type { FolderStore } from "../store/folder-store.ts";
import { type ReadStore, resolveName } from "../store/store.ts";

/** Where images are looked for. */
export interface FromContext {
  readonly openStore: () => FolderStore;
  /** The folder that is built: what paths are relative to, so that they mean the same to everybody. */
  readonly directory: string;
  /** Where the image is named, for messages. */
  readonly place: string;
}

/**
 * The image, all platforms of it. A path needs its transport: what a bare name means does not depend on the folder that
 * somebody is in. A short name is a container's (`x` is `docker.io/library/x:latest`), whatever gadgets there are.
 * @throws not-found, ambiguous, unsupported for a gadget
 */
export async function openFrom(text: string, around: FromContext): Promise<StoredImage> {
  const image = await find(text, around);
  if (!isKnownGadget(image.descriptor, image.store)) return image;
  throw new IngotError("unsupported", {
    what: `the image of ${around.place},`,
    at: text,
    found: "a gadget",
    expected: "a container image",
  });
}

async function find(
  text: string,
  { openStore, directory, place }: FromContext,
): Promise<StoredImage> {
  const what = `the image of ${place}`;
  const there = parseTransport(text, `${what},`, "or an image's name");
  if (there?.path === "")
    throw new IngotError("malformed", { what: `${what},`, at: text, why: "it names no path" });
  if (there !== undefined) {
    const path = pathOf(there, directory, what);
    return pick(await openLocation({ ...there, path }), there.reference, what);
  }
  if (/^[./~]/.test(text))
    throw new IngotError("not-found", {
      what,
      at: text,
      hint: `an archive is named oci-archive:${text}, the folder of a layout oci:${text}`,
    });
  const store = openStore();
  return named(text, store, (near) => ({ what, at: within(complete(text), store.at), near }));
}

/** Where an archive or layout is, complete. @throws not-found, unsupported where it is the other one */
function pathOf({ kind, path: named }: SourceLocation, directory: string, what: string): string {
  const root = realPath(directory);
  const at = path.resolve(root, named);
  const found = stat(at);
  if (found === undefined)
    throw new IngotError("not-found", { what, at, hint: hintFor(named, root) });
  if (found.kind === (kind === "layout" ? "directory" : "file")) return at;
  const isFolder = found.kind === "directory";
  throw new IngotError("unsupported", {
    what: `${what},`,
    at,
    found: isFolder ? "a folder" : "no folder",
    expected: kind === "layout" ? "the folder of an image layout" : "an archive",
    hint: isFolder ? `a layout in a folder is oci:${named}` : `an archive is oci-archive:${named}`,
  });
}

/** What to try where nothing is at `named`. */
function hintFor(named: string, root: string): string {
  if (path.isAbsolute(named)) return "check the path";
  const law = `a path in a Dockerfile is relative to the folder that is built, ${root}`;
  const here = path.resolve(named);
  if (stat(here) === undefined) return law;
  return `${law}; what is relative to the folder you are in would be ${path.relative(root, here)}`;
}

/** The image of an archive or layout that is called so; without a name the only one there is, whether it has one itself or not. */
function pick(store: ReadStore, reference: string | undefined, what: string): StoredImage {
  const { at } = store;
  const { images } = readEntries(store);
  const list = images.map((image) => `${imageNameOf(image) ?? "(no name)"} ${image.digest}`);
  const hint = list.length === 0 ? "its index names none" : `there is ${list.join(", ")}`;
  if (reference !== undefined)
    return named(reference, store, (near) => ({ what, at: within(reference, at), near, hint }));
  const [first] = images;
  if (first === undefined) throw new IngotError("not-found", { what, at, hint });
  if (images.some(({ digest }) => digest !== first.digest))
    throw new IngotError("ambiguous", { what, at, matches: list });
  return { reference: imageNameOf(first) ?? first.digest, descriptor: first, store };
}

/** @param missing what to say where it is not there, with what looks like it @throws not-found, ambiguous */
function named(
  text: string,
  store: ReadStore,
  missing: (near: readonly string[]) => ErrorDetails["not-found"],
): StoredImage {
  try {
    return { ...resolveName(store, text, "container"), store };
  } catch (error) {
    if (!isIngotError(error, "not-found")) throw error;
    const pinned = underAnyTag(text, store);
    if (pinned !== undefined) return pinned;
    const near = error.facts.near ?? [];
    throw new IngotError("not-found", missing(near.filter((name) => isContainer(name, store))));
  }
}

/** Of `name@digest` the digest decides, as with Docker: the image of that repository, whatever tag it has. */
function underAnyTag(text: string, store: ReadStore): StoredImage | undefined {
  const [name = "", digest] = text.split("@");
  if (name === "" || !isDigest(digest)) return undefined;
  const repository = formatReference({ ...parseReference(name, "container"), tag: "" });
  for (const descriptor of store.images()) {
    const reference = imageNameOf(descriptor);
    if (descriptor.digest === digest && reference?.startsWith(repository))
      return { reference, descriptor, store };
  }
  return undefined;
}

/** Digits of a digest that tell images of one repository from each other. */
const ENOUGH = 16;

/**
 * Under which name an image is kept that was fetched for FROM. One that is pinned by a digest never takes the name that
 * another image has, nor `:latest`, which nobody said it is: it has a tag of its own then, and is found by its digest.
 */
export function nameToKeep(text: string, store: ReadStore): string {
  const name = complete(text);
  const { registry, repository, tag, digest } = parseRemote(`docker://${name}`);
  if (digest === undefined) return name;
  const [short = ""] = text.split("@");
  const given = formatReference({ registry, repository, tag: tag ?? "latest" });
  const hasTag = parseRemote(`docker://${short}@${digest}`).tag !== undefined;
  const isTaken = store.images().some((one) => imageNameOf(one) === given && one.digest !== digest);
  if (hasTag && !isTaken) return given;
  return formatReference({ registry, repository, tag: `pinned-${hexOf(digest).slice(0, ENOUGH)}` });
}

/** The name that was looked for, a digest as it is. */
function complete(text: string): string {
  if (isDigest(text)) return text;
  const [name = "", ...digest] = text.split("@");
  return [formatReference(parseReference(name, "container")), ...digest].join("@");
}

/** Whether an image of the store may be meant. */
const isContainer = (name: string, store: ReadStore): boolean =>
  store.images().every((image) => imageNameOf(image) !== name || !isKnownGadget(image, store));

/** Whether it is a gadget for sure. Of an index, what is for other platforms may not be here (`docker save` leaves that out): nobody asks for it. */
function isKnownGadget(descriptor: Descriptor, store: ReadStore): boolean {
  try {
    return isGadget(descriptor, store);
  } catch (error) {
    if (isIngotError(error)) return false;
    throw error;
  }
}
