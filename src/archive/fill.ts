/** A planned archive on its way into files: what is there already is found, what is here is copied, what is away is fetched. */

import { IngotError } from "../base/error.ts";
import type { AtomicFiles } from "../base/fs/atomic-files.ts";
import { type FileSegment, rangeIn, SegmentedFile } from "../base/fs/segmented-file.ts";
import type { RemoteBlob } from "../jobs/fetch-blob.ts";
import { FetchPool } from "../jobs/fetch-pool.ts";
import { BATCH_BYTES, type JobContext, threadsForBytes } from "../jobs/job-context.ts";
import { mapConcurrent } from "../jobs/parallel.ts";
import { type FillTask, runJobs } from "../jobs/perform.ts";
import type { RenderPiece } from "../jobs/render.ts";
import { type ExpectedMember, hasBegun, type Resumed, type ResumeTask } from "../jobs/resume.ts";
import { requireBytes } from "../store/content.ts";
import { BLOCK, END, padding } from "../tar/header.ts";
import { isRemoteContent, type Member, type Plan } from "./plan.ts";

/** So many zeros as the place says, made once: there is a fill for each of many members. */
const ZEROS = Array.from({ length: BLOCK }, (_, length) => new Uint8Array(length));

/** How much of a body that is not whole has come, as it seems; none of one that nobody looked at. Bytes. */
const begunOf = (found: Resumed | undefined) => (found?.isWhole === false ? found.begun : 0);

type RemoteMember = Member & { readonly content: RemoteBlob };

const isRemote = (member: Member): member is RemoteMember => isRemoteContent(member.content);

/** With header and fill. Bytes. */
const lengthOf = ({ header, size }: Member) => header.length + size + padding(size);

/**
 * Afterwards the files hold the planned archive, every blob proven, not synced. @returns how many bytes of it were there before
 * @throws digest-differs, size-differs, blob-missing, registry, io
 */
export async function fillArchive(
  { members, size }: Plan,
  { parts, found }: AtomicFiles,
  working: JobContext,
): Promise<number> {
  const begun = await resumeAll(
    found.size === 0 ? [] : members.filter((member) => isFound(member, parts, found)),
    parts,
    working,
  );
  const whole = members.filter((member) => begun.get(member)?.isWhole);
  const missing = members.filter((member) => !begun.get(member)?.isWhole);
  const here = missing.filter((member) => !isRemote(member));
  await runJobs(fillTasks(here, size, parts), working, threadsForBytes(sum(here), working));
  const there = missing.filter(isRemote);
  return sum(whole) + (await fetchAll(there, { parts, begun }, working));
}

/** Whether the place of a registry's blob has bytes. */
export function hasRemoteBytes({ members }: Plan, parts: readonly FileSegment[]): boolean {
  const files = new SegmentedFile(parts);
  try {
    return members.some(
      (member) =>
        isRemote(member) &&
        hasBegun(files, { start: member.start + member.header.length, size: member.size }),
    );
  } finally {
    files.close();
  }
}

/** A member whose bytes are here as pieces to write. */
export function memberPieces({ header, content, size, digest, name }: Member): RenderPiece[] {
  const zeros = ZEROS[padding(size)]!;
  if (isRemoteContent(content))
    throw new IngotError("internal", { message: `${name} is in a registry` });
  const here = requireBytes(content);
  if (here instanceof Uint8Array) return [header, here, zeros];
  if (digest === undefined) throw new IngotError("internal", { message: `${name} has no digest` });
  return [header, { ...here, digest }, zeros];
}

const sum = (members: readonly Member[]) =>
  members.reduce((total, member) => total + lengthOf(member), 0);

/** Whether some of the member is where another run has written. */
function isFound(
  member: Member,
  parts: readonly FileSegment[],
  found: ReadonlySet<FileSegment>,
): boolean {
  if (found.size === parts.length) return true;
  const place = rangeIn(parts, member.start, lengthOf(member));
  return place.parts.some((part) => found.has(part));
}

/** Members that follow each other, up to some size together. */
interface Stretch {
  readonly members: Member[];
  readonly start: number;
  end: number;
}

function stretches(members: readonly Member[]): Stretch[] {
  const all: Stretch[] = [];
  for (const member of members) {
    const { start } = member;
    const end = start + lengthOf(member);
    const last = all.at(-1);
    if (last?.end === start && end - last.start <= BATCH_BYTES) {
      last.members.push(member);
      last.end = end;
    } else all.push({ members: [member], start, end });
  }
  return all;
}

const longestFirst = (a: Stretch, b: Stretch) => b.end - b.start - (a.end - a.start);

/** What another run left of the members. */
async function resumeAll(
  members: readonly Member[],
  parts: readonly FileSegment[],
  working: JobContext,
): Promise<ReadonlyMap<Member, Resumed>> {
  const all = stretches(members).sort(longestFirst);
  const tasks = all.map(
    ({ members, start, end }): ResumeTask => ({
      kind: "resume",
      to: rangeIn(parts, start, end - start),
      members: members.map(wantedOf),
    }),
  );
  const results = await runJobs(tasks, working, threadsForBytes(sum(members), working));
  return new Map(all.flatMap(({ members }, i) => members.map((it, j) => [it, results[i]![j]!])));
}

function wantedOf(member: Member): ExpectedMember {
  const { header, content, size, digest } = member;
  const body = digest === undefined ? (content as Uint8Array) : { digest, size };
  return { header, body, isAway: isRemote(member) };
}

/** Stretches of the archive, each to be filled in by one thread, the longest first; the end of the archive with the last. */
function fillTasks(
  members: readonly Member[],
  size: number,
  parts: readonly FileSegment[],
): readonly FillTask[] {
  const end = { start: size - END.length, pieces: [END as RenderPiece], end: size };
  const all = stretches(members)
    .sort(longestFirst)
    .map(({ members, start, end }) => ({ start, end, pieces: members.flatMap(memberPieces) }));
  return [...all, end].map(({ start, end, pieces }) => ({
    kind: "fill",
    to: rangeIn(parts, start, end - start),
    pieces,
  }));
}

/** Writes members whose blobs are in registries, each to its place, the largest first. @returns how many bytes were there before */
async function fetchAll(
  members: readonly RemoteMember[],
  {
    parts,
    begun,
  }: {
    readonly parts: readonly FileSegment[];
    readonly begun: ReadonlyMap<Member, Resumed>;
  },
  working: JobContext,
): Promise<number> {
  if (members.length === 0) return 0;
  const fetching = new FetchPool(working);
  const files = new SegmentedFile(parts);
  try {
    const ordered = [...members].sort((a, b) => b.size - a.size);
    const there = await mapConcurrent(ordered, working.threads, async (member, stop) => {
      const { start, header, size, content } = member;
      files.write(header, start);
      files.write(ZEROS[padding(size)]!, start + header.length + size);
      const to = rangeIn(parts, start + header.length, size);
      const found = { to, begun: begunOf(begun.get(member)) };
      const came = await fetching.fetch(content, found, stop);
      return size - came;
    });
    return there.reduce((total, bytes) => total + bytes, 0);
  } finally {
    files.close();
    await fetching.end();
  }
}
