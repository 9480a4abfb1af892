/** Archives that come in several files: what the words mean. */

import {
  classifyFile,
  type FileClass,
  type KnownLists,
  placeByName,
  type VolumeList,
} from "../../archive/volumes/classify.ts";
import { openVolumes } from "../../archive/volumes/find.ts";
import { IngotError } from "../../base/error.ts";
import { stat } from "../../base/fs/file.ts";
import type { Digest } from "../../oci/digest.ts";
import type { ArchiveSource } from "../../source/open-archive.ts";
import type { Context } from "../args/define-command.ts";
import { archiveSource, withProgress } from "./task.ts";

/**
 * The one archive that `files` are: a file or a stream by itself, or the list and volumes of one, and how many bytes it has, where
 * that is known. @throws usage for several archives, not-found, volumes-missing
 */
export async function archiveOf(
  files: readonly [string, ...string[]],
  context: Context,
  threads: number,
): Promise<{ source: ArchiveSource; total: number | undefined }> {
  const [first, ...more] = files;
  const other = files.find((file) => !isFile(file));
  if (other !== undefined && more.length === 0) return archiveSource(first);
  if (other !== undefined) {
    const isStream = other === "-" || stat(other)?.kind === "other";
    if (!isStream) archiveSource(other);
    throw new IngotError("usage", {
      message: `there are ${files.length} archives, should be one: ${JSON.stringify(other)} is a stream, and no volume`,
      hint: "several files are taken where they are the volumes of one archive, and its list",
    });
  }
  const volumes = await withProgress(
    context,
    { label: "look at the volumes", threads },
    (working) => openVolumes(files, working),
  );
  if (volumes === undefined) return archiveSource(first);
  return {
    source: { volumes },
    total: volumes.list.volumes.reduce((sum, { size }) => sum + size, 0),
  };
}

const isFile = (text: string) => text !== "-" && stat(text)?.kind === "file";

/** What is judged at once: a source by itself, one volume by itself, or the archive whose list or volumes these files are. */
export type VerifyTarget =
  | { readonly kind: "source"; readonly text: string }
  | { readonly kind: "volume"; readonly text: string; readonly path: string }
  | {
      readonly kind: "volumes";
      readonly text: string;
      readonly files: readonly [string, ...string[]];
    };

interface Seen {
  readonly text: string;
  /** Of a file. */
  readonly path?: string;
  /** Undefined for what is no file, and for what cannot be looked at. */
  readonly look?: FileClass;
}

/**
 * Puts together what is one archive: a list with the volumes of it, and volumes where all of them are there. Each stands where
 * the first of it stood. What cannot be looked at stays by itself: why, is said when it is judged.
 */
export function groupVolumes(texts: readonly string[]): VerifyTarget[] {
  const known: KnownLists = new Map();
  const seen = texts.map((text) => see(text, known));
  const given = new Map(
    seen.flatMap(({ look }) => (look?.kind === "list" ? [[look.list.id, look.list]] : [])),
  );
  const groups = new Map<Digest, { list: VolumeList; members: Seen[] }>();
  const lists = seen.map((one) => listFor(one, given));
  for (const [i, list] of lists.entries()) {
    if (list === undefined) continue;
    const group = groups.get(list.id) ?? { list, members: [] };
    group.members.push(seen[i]!);
    groups.set(list.id, group);
  }
  return seen.flatMap((one, i): VerifyTarget[] => {
    const { text, path, look } = one;
    const group = lists[i] && groups.get(lists[i].id);
    if (path === undefined) return [{ kind: "source", text }];
    if (look === undefined) return [{ kind: "volumes", text, files: [path] }];
    if (group === undefined)
      return [look.kind === "lost" ? { kind: "volume", text, path } : { kind: "source", text }];
    const { list, members } = group;
    const listed = members.find((member) => member.look?.kind === "list");
    if (listed === undefined && members.length !== list.volumes.length)
      return [{ kind: "volume", text, path }];
    if (members[0] !== one) return [];
    const others = members.slice(1).flatMap((member) => member.path ?? []);
    return [{ kind: "volumes", text: listed?.text ?? list.at, files: [path, ...others] }];
  });
}

function see(text: string, known: KnownLists): Seen {
  const [, named = text] = /^(?:oci|docker)-archive:([^:]+)$/s.exec(text) ?? [];
  const path = isFile(text) ? text : named;
  if (!isFile(path)) return { text };
  try {
    return { text, path, look: classifyFile(path, known) };
  } catch (error) {
    if (error instanceof IngotError) return { text, path };
    throw error;
  }
}

/** The list that it is, or that it is a volume of. @param given the lists that were named */
function listFor({ path, look }: Seen, given: ReadonlyMap<string, VolumeList>) {
  if (path === undefined || look === undefined) return undefined;
  if (look.kind === "list") return given.get(look.list.id);
  if (look.kind === "volume")
    return look.lists.map(({ id }) => given.get(id)).find((list) => list) ?? look.lists[0];
  const [only, ...more] = look.kind === "archive" && look.isWhole ? [] : given.values();
  if (only === undefined || more.length > 0) return undefined;
  const { size } = stat(path) ?? {};
  const isOf = placeByName(only, path) !== undefined;
  return isOf || only.volumes.some((volume) => volume.size === size) ? only : undefined;
}
