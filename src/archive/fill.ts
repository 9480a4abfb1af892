/** A planned archive on its way into files: what is there already is found, what is here is copied, what is away is fetched. */
import { Fault } from "../base/error.ts";
import type { Asides } from "../base/fs/atomic-files.ts";
import { type Part, Parts, placeIn } from "../base/fs/segmented-file.ts";
import { work } from "../base/workers/pool.ts";
import type { Needed } from "../jobs/fetch-blob.ts";
import { Fetching } from "../jobs/fetch-pool.ts";
import { STRETCH, threadsFor, type Working } from "../jobs/job-context.ts";
import { inParallel } from "../jobs/parallel.ts";
import { type FillTask, perform } from "../jobs/perform.ts";
import type { Piece } from "../jobs/render.ts";
import { hasBegun, type Resumed, type ResumeTask, type Wanted } from "../jobs/resume.ts";
import type { Digest } from "../oci/digest.ts";
import { BLOCK, END, padding } from "../tar/header.ts";
import type { Member, Plan } from "./plan.ts";

/** The blobs that are in registries. */
export type Away = ReadonlyMap<Digest, Needed>;

/** So many zeros as the place says, made once: there is a fill for each of many members. */
const ZEROS = Array.from({ length: BLOCK }, (_, length) => new Uint8Array(length));

/** How much of a body that is not whole has come, as it seems; none of one that nobody looked at. Bytes. */
const begunOf = (found: Resumed | undefined) => (found?.isWhole === false ? found.begun : 0);

const isAway = ({ digest }: Member, away: Away) => digest !== undefined && away.has(digest);

/** With header and fill. Bytes. */
const lengthOf = ({ header, size }: Member) => header.length + size + padding(size);

/**
 * Afterwards the files hold the planned archive, every blob proven, not synced. @returns how many bytes of it were there before
 * @throws digest-differs, size-differs, blob-missing, registry, io
 */
export async function fillIn(
  { members, size }: Plan,
  away: Away,
  { parts, found }: Asides,
  working: Working,
): Promise<number> {
  const begun = await resumeAll(
    found.size === 0 ? [] : members.filter((member) => isFound(member, parts, found)),
    { away, parts },
    working,
  );
  const whole = members.filter((member) => begun.get(member)?.isWhole);
  const missing = members.filter((member) => !begun.get(member)?.isWhole);
  const here = missing.filter((member) => !isAway(member, away));
  await work(fillTasks(here, size, parts), {
    ...working,
    threads: threadsFor(sum(here), working),
    handler: perform,
  });
  const there = missing.filter((member) => isAway(member, away));
  return sum(whole) + (await fetchAll(there, { away, parts, begun }, working));
}

/** Whether the place of a blob that is away has bytes. */
export function hasCome({ members }: Plan, away: Away, parts: readonly Part[]): boolean {
  const files = new Parts(parts);
  try {
    return members.some(
      (member) =>
        isAway(member, away) &&
        hasBegun(files, { start: member.start + member.header.length, size: member.size }),
    );
  } finally {
    files.close();
  }
}

/** A member as pieces to write. */
export function piecesOf({ header, content, size, digest, name }: Member): Piece[] {
  const zeros = ZEROS[padding(size)]!;
  if (content instanceof Uint8Array) return [header, content, zeros];
  if (digest === undefined) throw new Fault("internal", { message: `${name} has no digest` });
  return [header, { ...content, digest }, zeros];
}

const sum = (members: readonly Member[]) =>
  members.reduce((total, member) => total + lengthOf(member), 0);

/** Whether some of the member is where another run has written. */
function isFound(member: Member, parts: readonly Part[], found: ReadonlySet<Part>): boolean {
  if (found.size === parts.length) return true;
  const place = placeIn(parts, member.start, lengthOf(member));
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
    if (last?.end === start && end - last.start <= STRETCH) {
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
  { away, parts }: { readonly away: Away; readonly parts: readonly Part[] },
  working: Working,
): Promise<ReadonlyMap<Member, Resumed>> {
  const all = stretches(members).sort(longestFirst);
  const tasks = all.map(
    ({ members, start, end }): ResumeTask => ({
      kind: "resume",
      to: placeIn(parts, start, end - start),
      members: members.map((member) => wantedOf(member, away)),
    }),
  );
  const results = (await work(tasks, {
    ...working,
    threads: threadsFor(sum(members), working),
    handler: perform,
  })) as Resumed[][];
  return new Map(all.flatMap(({ members }, i) => members.map((it, j) => [it, results[i]![j]!])));
}

function wantedOf(member: Member, away: Away): Wanted {
  const { header, content, size, digest } = member;
  const body = digest === undefined ? (content as Uint8Array) : { digest, size };
  return { header, body, isAway: isAway(member, away) };
}

/** Stretches of the archive, each to be filled in by one thread, the longest first; the end of the archive with the last. */
function fillTasks(
  members: readonly Member[],
  size: number,
  parts: readonly Part[],
): readonly FillTask[] {
  const end = { start: size - END.length, pieces: [END as Piece], end: size };
  const all = stretches(members)
    .sort(longestFirst)
    .map(({ members, start, end }) => ({ start, end, pieces: members.flatMap(piecesOf) }));
  return [...all, end].map(({ start, end, pieces }) => ({
    kind: "fill",
    to: placeIn(parts, start, end - start),
    pieces,
  }));
}

/** Writes members whose blobs are in registries, each to its place, the largest first. @returns how many bytes were there before */
async function fetchAll(
  members: readonly Member[],
  {
    away,
    parts,
    begun,
  }: {
    readonly away: Away;
    readonly parts: readonly Part[];
    readonly begun: ReadonlyMap<Member, Resumed>;
  },
  working: Working,
): Promise<number> {
  if (members.length === 0) return 0;
  const fetching = new Fetching(working);
  const files = new Parts(parts);
  try {
    const ordered = [...members].sort((a, b) => b.size - a.size);
    const there = await inParallel(ordered, working.threads, async (member, stop) => {
      const { start, header, size, digest } = member;
      files.write(header, start);
      files.write(ZEROS[padding(size)]!, start + header.length + size);
      const to = placeIn(parts, start + header.length, size);
      const found = { to, begun: begunOf(begun.get(member)) };
      const came = await fetching.fetch(away.get(digest!)!, found, stop);
      return size - came;
    });
    return there.reduce((total, bytes) => total + bytes, 0);
  } finally {
    files.close();
    await fetching.end();
  }
}
