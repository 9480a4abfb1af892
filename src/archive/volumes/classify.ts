/** What a file is: an archive, a volume of one, or the list of its volumes. */
import { basename, dirname, join } from "node:path";
import { isZero, sameBytes, utf8 } from "../../base/bytes.ts";
import { isCompressed } from "../../base/compression/decompress.ts";
import { IngotError } from "../../base/error.ts";
import { readDirectory, readFile, stat } from "../../base/fs/file.ts";
import { sortedUnique } from "../../base/order.ts";
import { type Digest, digestOf } from "../../oci/digest.ts";
import { INDEX_LIMIT } from "../../oci/manifest.ts";
import { VOLUMES } from "../../oci/media-types.ts";
import { readExtent } from "../../store/content.ts";
import { decodeHeader } from "../../tar/canonical/decode.ts";
import { BLOCK } from "../../tar/header.ts";
import { listName, parseVolumes, type Volumes, volumeName } from "./format.ts";

/** A list of volumes that was read, and where it lies. */
export interface VolumeList extends Volumes {
  readonly at: string;
  /** What its volumes are called, before their numbers. */
  readonly stem: string;
  /** Of its bytes: two lists that have the same one are the same. */
  readonly id: Digest;
}

/** A volume in a file. Bytes. */
export interface VolumeFile {
  readonly path: string;
  /** What the file has; where that is not what the list says, it is no whole volume. */
  readonly size: number;
}

/**
 * `lists` of a volume: the one that its name says, or, where that says nothing, those beside it that have a volume of its size.
 * `lost` is named as a volume, and has no list beside it.
 */
export type FileClass =
  | { readonly kind: "archive"; readonly isWhole: boolean }
  | { readonly kind: "lost" }
  | { readonly kind: "list"; readonly list: VolumeList }
  | { readonly kind: "volume"; readonly lists: readonly VolumeList[]; readonly isNamed: boolean };

const LIST_NAME = /^(.+)\.volumes\.json$/;
const VOLUME_NAME = /^(.+)\.([0-9]{3,4})$/;
const LIST_HEAD = utf8(`{"mediaType":"${VOLUMES}"`);

/** The stem and the number that the name of a volume says. */
export function volumeOf(path: string): { stem: string; number: number } | undefined {
  const [, stem, number] = VOLUME_NAME.exec(basename(path)) ?? [];
  return stem === undefined ? undefined : { stem, number: Number(number) };
}

/** Where the list of a volume lies, by the volume's name. */
export const listBeside = (path: string): string =>
  join(dirname(path), listName(volumeOf(path)?.stem ?? basename(path)));

/** Lists that were read already, by their paths: of many volumes each would be read as often. */
export type KnownLists = Map<string, VolumeList>;

/**
 * What the file `path` is, by its name, its beginning and its end. What begins and ends as archives do is one, whatever its name,
 * unless it is named as a volume and its list lies beside it. @throws malformed for a list that is not as it was written
 */
export function classifyFile(path: string, known: KnownLists = new Map()): FileClass {
  const head = readExtent({ path, offset: 0, size: BLOCK });
  if (LIST_NAME.test(basename(path)) || sameBytes(head.subarray(0, LIST_HEAD.length), LIST_HEAD))
    return { kind: "list", list: readList(path, known) };
  const isNamed = volumeOf(path) !== undefined;
  const beside = listBeside(path);
  if (isNamed && (known.has(beside) || stat(beside)?.kind === "file"))
    return { kind: "volume", lists: [readList(beside, known)], isNamed };
  const size = stat(path)?.size ?? 0;
  if (isWhole(path, head, size)) return { kind: "archive", isWhole: true };
  const lists = listsIn(dirname(path), known).filter(({ volumes }) =>
    volumes.some((volume) => volume.size === size),
  );
  if (lists.length > 0) return { kind: "volume", lists, isNamed: false };
  return isNamed ? { kind: "lost" } : { kind: "archive", isWhole: false };
}

/** @throws malformed, too-large, io */
function readList(at: string, known: KnownLists): VolumeList {
  const before = known.get(at);
  if (before !== undefined) return before;
  const bytes = readFile(at, INDEX_LIMIT);
  const name = basename(at);
  const stem = LIST_NAME.exec(name)?.[1] ?? name.replace(/\.json$/, "");
  const list = { ...parseVolumes(bytes, at), at, stem, id: digestOf(bytes) };
  known.set(at, list);
  return list;
}

/** What `act` gives; nothing where it ends in an IngotError: what was not named need not be readable. */
function orNothing<T>(act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    if (error instanceof IngotError) return undefined;
    throw error;
  }
}

/** The paths of the files in a folder, as far as they can be seen, and their sizes. */
export function filesIn(folder: string): VolumeFile[] {
  return sortedUnique(orNothing(() => readDirectory(folder)) ?? []).flatMap((name) => {
    const path = join(folder, name);
    const found = orNothing(() => stat(path));
    return found?.kind === "file" ? [{ path, size: found.size }] : [];
  });
}

/** The lists in a folder, as far as they can be read. */
function listsIn(folder: string, known: KnownLists): VolumeList[] {
  return filesIn(folder)
    .filter(({ path }) => LIST_NAME.test(basename(path)))
    .flatMap(({ path }) => orNothing(() => readList(path, known)) ?? []);
}

/** Whether the file begins as an archive does, and ends as one; of a compressed one the end tells nothing. */
function isWhole(path: string, head: Uint8Array, size: number): boolean {
  if (isCompressed(head)) return true;
  if (size < 3 * BLOCK) return false;
  if (orNothing(() => decodeHeader(head, path)) === undefined) return false;
  return isZero(readExtent({ path, offset: size - 2 * BLOCK, size: 2 * BLOCK }));
}

/** What puts the volumes together without ingot. */
export const joining = (stem: string): string => `cat ${stem}.[0-9]* > ${stem}`;

/** For what reads an archive here and there. @throws unsupported for a volume and for a list of volumes */
export function requireOneFile(path: string): void {
  const look = classifyFile(path);
  if (look.kind === "archive") return;
  const [list] = look.kind === "list" ? [look.list] : look.kind === "volume" ? look.lists : [];
  const stem = list?.stem ?? volumeOf(path)?.stem ?? basename(path);
  throw new IngotError("unsupported", {
    what: "the archive",
    at: path,
    found: look.kind === "list" ? "the list of an archive's volumes" : "a volume of an archive",
    expected: "a whole archive in one file",
    hint: `import it first (ingot import ${list === undefined ? listName(stem) : basename(list.at)}) and name its images, or put the volumes together: ${joining(stem)}`,
  });
}

/** The one list that all of them belong to. @throws usage, not-found */
export function listOf(
  looked: readonly { readonly path: string; readonly look: FileClass }[],
): VolumeList {
  const given = looked.flatMap(({ look }) => (look.kind === "list" ? [look.list] : []));
  const named = looked.flatMap(({ look }) =>
    look.kind === "volume" && look.isNamed ? look.lists : [],
  );
  const lists = [...given, ...named];
  const [first] = lists;
  const other = first && lists.find(({ id }) => id !== first.id);
  if (first !== undefined && other !== undefined)
    throw new IngotError("usage", {
      message: `there are volumes of two archives, should be of one: ${JSON.stringify(first.at)} and ${JSON.stringify(other.at)} are different lists`,
      hint: "name the list of one archive, or volumes of it",
    });
  if (first !== undefined) return first;
  const [likely, ...more] = looked
    .flatMap(({ look }) => (look.kind === "volume" ? look.lists : []))
    .filter((list, i, all) => all.findIndex(({ id }) => id === list.id) === i);
  if (likely !== undefined && more.length === 0) return likely;
  if (likely !== undefined)
    throw new IngotError("usage", {
      message: `${JSON.stringify(looked[0]!.path)} does not say of which archive it is a volume: ${JSON.stringify(likely.at)} and ${JSON.stringify(more[0]!.at)} have volumes of its size`,
      hint: "name the list as well",
    });
  const lost = looked.find(({ look }) => look.kind === "lost");
  if (lost !== undefined) throw withoutList(lost.path);
  throw new IngotError("usage", {
    message: `there are ${looked.length} archives, should be one: ${looked.map(({ path }) => JSON.stringify(path)).join(", ")}`,
    hint: "take them one after the other; several files are taken where they are the volumes of one archive, and its list",
  });
}

const withoutList = (path: string) =>
  new IngotError("not-found", {
    what: `the list of volumes that ${basename(path)} belongs to`,
    at: listBeside(path),
    hint: `name the list as well, which is beside the first volume; or put the volumes together: ${joining(volumeOf(path)!.stem)}`,
  });

/** The place in the list, from 0 on, that a file's name says. */
export function placeByName({ volumes, stem }: VolumeList, path: string): number | undefined {
  const number = volumeOf(path)?.number ?? 0;
  const isThere = number >= 1 && number <= volumes.length;
  return isThere && basename(path) === volumeName(stem, number, volumes.length)
    ? number - 1
    : undefined;
}
