import { basename, join as joinPath, resolve as resolvePath } from "node:path";
import { requireOneFile } from "../archive/volumes/classify.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import { readFile, stat } from "../base/fs/file.ts";
import { redactCredentials } from "../base/redact.ts";
import { within } from "../base/subject.ts";
import { Progress } from "../base/workers/pool.ts";
import { withOmitted } from "../check/delta.ts";
import { scanFile } from "../check/scan.ts";
import { fullNameOf, oddNameOf, saidOfOdd } from "../image/complete-name.ts";
import { readEntries } from "../image/entries.ts";
import { uniqueFindings } from "../image/findings.ts";
import { parseBaseLayers } from "../image/layer-list.ts";
import type { StoredImage } from "../image/select.ts";
import { BASE_FILE, DOCKER_FILE, INDEX_FILE, imageNameOf, LAYOUT_FILE } from "../oci/layout.ts";
import { type Descriptor, INDEX_LIMIT } from "../oci/manifest.ts";
import { splitTransport } from "../oci/transport.ts";
import { Archive } from "../store/archive.ts";
import type { FolderStore } from "../store/folder-store.ts";
import { Layout } from "../store/layout.ts";
import { MemoryStore } from "../store/memory-store.ts";
import { type NamedDescriptor, type ReadStore, resolveName } from "../store/store.ts";
import { adoptDocker } from "./docker-save.ts";
import { wholeIndex, withRoots } from "./name-roots.ts";
import { requirePlain } from "./open-archive.ts";

/** What there is to read at a path: one of its images, or all. */
export interface SourceLocation {
  readonly kind: "layout" | "archive";
  readonly path: string;
  readonly reference: string | undefined;
}

/** What a SOURCE on the command line is. */
export type ImageSource = SourceLocation | { readonly kind: "stored"; readonly reference: string };

const pulled = (rest: string) =>
  `bring it into the store (ingot pull docker://${rest}), then name it without the transport; build --pull fetches what FROM names`;

/** How images come to ingot from where other tools keep them. */
const ELSEWHERE: Readonly<Record<string, (rest: string) => string>> = {
  docker: pulled,
  "docker-image": pulled,
  "docker-daemon": (rest) =>
    `bring it into the store (docker save ${rest} | ingot import -), then name it as it is called there`,
  "containers-storage": (rest) =>
    `bring it into the store (podman save --format oci-archive ${rest} | ingot import -), then name it as it is called there`,
  dir: (rest) => `make a layout of it (skopeo copy dir:${rest} oci:FOLDER), then name oci:FOLDER`,
  "oci-layout": (rest) => `a layout in a folder is named oci:${rest}`,
};

/**
 * What a text with a transport stands for: `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, `docker-archive:FILE[:REF]`; undefined for a text
 * that has none. @throws unsupported for other transports, with what to do instead
 */
export function parseTransport(
  text: string,
  what = "the source",
  names = "a path or a stored name",
): SourceLocation | undefined {
  const split = splitTransport(text);
  if (split === undefined) return undefined;
  const { transport, rest } = split;
  const hint = ELSEWHERE[transport]?.(redactCredentials(rest));
  if (hint === undefined)
    return { kind: transport === "oci" ? "layout" : "archive", ...splitPath(rest) };
  throw new IngotError("unsupported", {
    what,
    at: redactCredentials(text),
    found: `the transport ${transport}:`,
    expected: `oci:, oci-archive:, docker-archive:, ${names}`,
    hint,
  });
}

/**
 * What `text` stands for: `oci:DIR[:REF]`, `oci-archive:FILE[:REF]`, `docker-archive:FILE[:REF]`, the path of an archive or of a layout folder that
 * is there, else a name in the store. @throws unsupported for other transports
 */
export function parseSource(text: string): ImageSource {
  const place = parseTransport(text);
  if (place !== undefined) return place;
  const found = stat(text);
  if (found?.kind === "directory" && isLayout(text))
    return { kind: "layout", path: text, reference: undefined };
  if (found?.kind === "file") return { kind: "archive", path: text, reference: undefined };
  if (/\.(tar|oci)$/.test(text) || /^[./~]/.test(text)) {
    if (found?.kind === "other")
      throw new IngotError("unsupported", {
        what: "the source",
        at: text,
        found: "a pipe or a device",
        expected: "a file, which can be read anywhere, or the folder of an image layout",
        hint: `ingot verify and ingot import read what comes through a pipe: ingot import ${text}, then name the image`,
      });
    if (found?.kind === "directory")
      throw new IngotError("unsupported", {
        what: "the source",
        at: text,
        found: `a folder without ${lacking(text)}`,
        expected: "an archive or the folder of an image layout",
        hint: "name the folder that has them, an archive, or an image in the store",
      });
    throw new IngotError("not-found", {
      what: "the archive or layout",
      at: text,
      hint: `no file or image layout has this path (looked for ${basename(text)})`,
    });
  }
  return { kind: "stored", reference: text };
}

/** Whether a folder is meant for an image layout: none other has this file. */
export const isLayout = (folder: string) => stat(joinPath(folder, LAYOUT_FILE)) !== undefined;

/** What every image layout has, and a folder that is none has not. */
const lacking = (folder: string): string =>
  [LAYOUT_FILE, INDEX_FILE]
    .filter((name) => stat(joinPath(folder, name)) === undefined)
    .join(" and ");

/** As skopeo splits it: the path ends at the first colon. */
function splitPath(rest: string): { path: string; reference: string | undefined } {
  const colon = rest.indexOf(":");
  if (colon < 0) return { path: rest, reference: undefined };
  return { path: rest.slice(0, colon), reference: rest.slice(colon + 1) };
}

/** How a source is read. */
export interface SourceOptions {
  /** Whether it may be a delta, whose layers are not all there. */
  readonly deltas?: boolean;
  /** The repository of images that have a tag alone. */
  readonly repository?: string | undefined;
  /** Hears of images without a name beside others that have one, which are left out then; without it they are not. */
  readonly passOver?: ((what: string) => void) | undefined;
}

/**
 * The images that `text` stands for; of a path without a reference, all that it names.
 * @throws not-found, ambiguous, unsupported for a delta
 */
export async function openSources(
  text: string,
  openStore: () => FolderStore,
  reading: SourceOptions = {},
): Promise<StoredImage[]> {
  const source = parseSource(text);
  if (source.kind === "stored") {
    const store = openStore();
    return [{ ...stored(store, source.reference), store }];
  }
  return pick(await openLocation(source, reading), source.reference, reading);
}

/** As `resolve`, of a text that a folder may have for its name, too: where no image has it, what the folder lacks is said. */
function stored(store: FolderStore, text: string): NamedDescriptor {
  try {
    return resolveName(store, text);
  } catch (error) {
    if (!isIngotError(error, "not-found") || stat(text)?.kind !== "directory") throw error;
    const hint = `the directory ${JSON.stringify(text)} is not an image layout: it lacks ${lacking(text)}`;
    throw new IngotError("not-found", { ...error.facts, hint });
  }
}

/** What has all images of the place. @throws not-found, malformed, unsupported */
export async function openLocation(
  place: SourceLocation,
  reading: SourceOptions = {},
): Promise<ReadStore> {
  return place.kind === "layout" ? openLayout(place, reading) : openArchive(place, reading);
}

function openLayout({ path, reference }: SourceLocation, { repository }: SourceOptions): ReadStore {
  const layout = new Layout(path).check();
  const list = joinPath(layout.at, DOCKER_FILE);
  const found = stat(list);
  const isRead = found?.kind === "file" && found.size <= INDEX_LIMIT;
  const docker = isRead ? readFile(list, INDEX_LIMIT) : undefined;
  return withRoots(layout, { docker, repository, parts: reference !== undefined });
}

/** An archive in a file, of either form. @throws unsupported for a compressed one, unproven for one of Docker's that is not so */
async function openArchive(
  { path, reference }: SourceLocation,
  { deltas = false, repository }: SourceOptions,
): Promise<ReadStore> {
  requireOneFile(path);
  requirePlain(path);
  const archive = await Archive.openUnlessDocker(path);
  if (archive !== undefined)
    return withRoots(wholeOf(archive, deltas), {
      docker: archive.docker(),
      repository,
      parts: reference !== undefined,
    });
  const inventory = await scanFile(resolvePath(path));
  await adoptDocker(inventory, { entry: undefined, threads: 0, tally: new Progress() });
  const grave = uniqueFindings(inventory.findings).filter(({ level }) => level !== "note");
  if (grave.length > 0) throw new IngotError("unproven", { at: inventory.at, findings: grave });
  return inventory;
}

/** The archive, or, of a delta, what it is together with its base. @throws unsupported where it may be none */
function wholeOf(archive: Archive, deltas: boolean): ReadStore {
  const base = archive.base();
  if (base === undefined) return archive;
  if (deltas) return withOmitted(archive, parseBaseLayers(base, within(BASE_FILE, archive.at)));
  throw new IngotError("unsupported", {
    what: "the archive",
    at: archive.at,
    found: "a delta, which leaves out layers that its base has",
    expected: "an archive with all layers",
    hint: "import it on top of its base (ingot import BASE, then ingot import DELTA) and name its images; ingot verify DELTA says what it relies on",
  });
}

function pick(
  store: ReadStore,
  reference: string | undefined,
  { passOver }: SourceOptions,
): StoredImage[] {
  if (reference !== undefined) return [{ ...resolveName(store, reference), store }];
  const { images } = readEntries(store);
  if (images.length === 0)
    throw new IngotError("not-found", {
      what: "an image",
      at: store.at,
      hint: "its index names none",
    });
  const whole = wholeIndex(images, store);
  if (whole !== undefined) {
    const { descriptor, bytes } = whole;
    const added = new MemoryStore(store.at, store);
    added.put(bytes);
    return [{ reference: descriptor.digest, descriptor, store: added }];
  }
  const hasName = (image: Descriptor) => fullNameOf(image) !== undefined;
  const isNamed = images.some(hasName);
  const isLeft = (image: Descriptor) => passOver !== undefined && isNamed && !hasName(image);
  for (const image of images.filter(isLeft)) passOver?.(`${saidOfNameless(image)} in ${store.at}`);
  return images
    .filter((image) => !isLeft(image))
    .map((descriptor) => ({
      reference: imageNameOf(descriptor) ?? descriptor.digest,
      descriptor,
      store,
    }));
}

const saidOfNameless = (image: Descriptor): string =>
  oddNameOf(image) === undefined
    ? `${image.digest} has ${imageNameOf(image) === undefined ? "no name" : `a tag alone, ${JSON.stringify(imageNameOf(image))},`}`
    : saidOfOdd(image);
