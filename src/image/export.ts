import { Fault } from "../base/fault.ts";
import { Aside } from "../base/file-aside.ts";
import type { Sink } from "../base/file-stream.ts";
import { work } from "../base/pool.ts";
import { BLOCK, END, headerWriter, padding } from "../tar/header.ts";
import type { Holdings } from "./holdings.ts";
import { type Member, type Plan, plan } from "./plan.ts";
import { type Piece, render } from "./render.ts";
import type { Selected } from "./select.ts";
import { type FillTask, perform } from "./work.ts";
import { STRETCH, threadsFor, type Working } from "./working.ts";

/** The archive that `images` make, before anything is written; with a base, what it has is left out. */
export async function planArchive(images: readonly Selected[], base?: Holdings): Promise<Plan> {
  return plan(images, await headerWriter(), base);
}

/**
 * Writes the planned archive to the file `at`. Afterwards the file is there, whole and on the disk; on a failure
 * what was there before still is. Every blob is hashed as it is copied.
 * @throws digest-differs, size-differs, no-space, io
 */
export async function writeArchive(planned: Plan, at: string, working: Working): Promise<void> {
  const aside = new Aside(at, planned.size);
  try {
    aside.file.truncate(planned.size);
    const tasks = fillTasks(planned, aside.path);
    const done = work(tasks, {
      ...working,
      threads: threadsFor(planned.size, working),
      handler: perform,
    });
    await aside.syncWhile(done, () => working.tally.stop());
    aside.keep();
  } finally {
    aside.drop();
  }
}

/**
 * Writes the planned archive to a stream, front to back. Every blob is hashed before its last byte goes out.
 * @throws digest-differs, size-differs, io
 */
export async function streamArchive(planned: Plan, sink: Sink, { tally }: Working): Promise<void> {
  const pieces = [...planned.members.flatMap(piecesOf), END];
  let writing: Promise<void> = Promise.resolve();
  for (const chunk of render(pieces, tally)) {
    await writing;
    writing = sink.write(chunk);
    writing.catch(() => {});
  }
  await writing;
}

/** Stretches of the archive, each to be filled in by one thread, the longest first. */
function fillTasks({ members }: Plan, path: string): FillTask[] {
  const tasks: { task: FillTask; size: number }[] = [];
  let pieces: Piece[] = [];
  let offset = 0;
  let size = 0;
  const flush = () => {
    if (pieces.length > 0) tasks.push({ task: { kind: "fill", path, offset, pieces }, size });
    offset += size;
    pieces = [];
    size = 0;
  };
  for (const member of members) {
    if (size + member.size > STRETCH) flush();
    pieces.push(...piecesOf(member));
    size += member.header.length + member.size + padding(member.size);
  }
  pieces.push(END);
  flush();
  return tasks.sort((a, b) => b.size - a.size).map(({ task }) => task);
}

/** So many zeros as the place says, made once: there is a padding for each of many members. */
const ZEROS = Array.from({ length: BLOCK }, (_, length) => new Uint8Array(length));

function piecesOf({ header, content, size, digest, name }: Member): Piece[] {
  const zeros = ZEROS[padding(size)]!;
  if (content instanceof Uint8Array) return [header, content, zeros];
  if (digest === undefined) throw new Fault("internal", { message: `${name} has no digest` });
  return [header, { ...content, digest }, zeros];
}
