import { isIngotError } from "../base/error.ts";
import { AtomicFiles } from "../base/fs/atomic-files.ts";
import type { Sink } from "../base/fs/fd-stream.ts";
import type { Progress } from "../base/workers/pool.ts";
import type { BaseLayers } from "../image/layer-list.ts";
import type { StoredImage } from "../image/select.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { addProgress, render } from "../jobs/render.ts";
import type { Digest } from "../oci/digest.ts";
import { END, headerWriter, padding } from "../tar/header.ts";
import { ChunkWriter } from "./chunk-writer.ts";
import { fillArchive, hasRemoteBytes, memberPieces } from "./fill.ts";
import { isRemoteContent, type MemberContent, type Plan, plan } from "./plan.ts";
import {
  hashVolumes,
  placeVolumes,
  type SplitOptions,
  volumesOf,
  type WrittenVolume,
} from "./write-volumes.ts";

/** What was written. `resumed` = how many bytes of it a run that broke off had left. */
export interface WrittenArchive {
  readonly resumed: number;
  /** Where it is in volumes. */
  readonly volumes?: readonly WrittenVolume[];
}

/** The archive that `images` make, before anything is written; with a base, what it has is left out. */
export async function planArchive(
  images: readonly StoredImage[],
  base?: BaseLayers,
  elsewhere?: (digest: Digest) => MemberContent | undefined,
): Promise<Plan> {
  return plan(images, await headerWriter(), base, elsewhere);
}

/**
 * Writes the planned archive to a file, or to volumes. Afterwards they are there, whole and on the disk; on a failure what was there
 * before still is. Every blob is proven: hashed as it is copied or fetched, or where a run that broke off has left it.
 * When the registry fails that blobs come from, or the program is told to stop, what has come stays for the next run.
 * @throws digest-differs, size-differs, blob-missing, registry, no-space, io, usage
 */
export async function writeArchive(
  planned: Plan,
  to: string | SplitOptions,
  working: JobContext,
): Promise<WrittenArchive> {
  const split = typeof to === "string" ? undefined : to;
  const files = split ? volumesOf(planned, split) : [{ at: to as string, size: planned.size }];
  const asides: AtomicFiles = new AtomicFiles(files, {
    ...(split && { stem: split.at }),
    isWorth: () => isRemotePlan(planned) && hasRemoteBytes(planned, asides.parts),
    left: (at) => working.left?.(at),
  });
  const write = async () => {
    const resumed = await fillArchive(planned, asides, working);
    return { resumed, hashed: split && (await hashVolumes(asides, working)) };
  };
  try {
    const { resumed, hashed } = await asides.syncWhile(write(), () => working.tally.stop());
    if (split === undefined || hashed === undefined) {
      asides.sync();
      asides.place();
      return { resumed };
    }
    const volumes = hashed.map((volume, i) => ({ file: files[i]!.at, ...volume }));
    placeVolumes(asides, volumes, planned, split);
    return { resumed, volumes };
  } catch (error) {
    if (isIngotError(error, "registry")) asides.leave();
    throw error;
  } finally {
    asides.drop();
  }
}

/**
 * Writes the planned archive to a stream, front to back. Every blob is hashed before its last byte goes out.
 * @throws digest-differs, size-differs, registry, io
 */
export async function streamArchive(
  planned: Plan,
  sink: Sink,
  { tally }: JobContext,
): Promise<void> {
  if (isRemotePlan(planned)) return streamRemote(planned, sink, tally);
  const pieces = [...planned.members.flatMap(memberPieces), END];
  let writing: Promise<void> = Promise.resolve();
  for (const chunk of render(pieces, tally)) {
    await writing;
    writing = sink.write(chunk);
    writing.catch(() => {});
  }
  await writing;
}

/** Whether some of the archive's bytes are in a registry. */
const isRemotePlan = ({ members }: Plan) => members.some(({ content }) => isRemoteContent(content));

async function streamRemote({ members }: Plan, sink: Sink, tally: Progress): Promise<void> {
  const out = new ChunkWriter(sink);
  for (const member of members) {
    const { header, content, size } = member;
    if (isRemoteContent(content)) {
      await out.write(header);
      for await (const piece of content.from.blob(content.descriptor)) {
        addProgress(piece.length, tally);
        await out.write(piece);
      }
      await out.write(new Uint8Array(padding(size)));
    } else {
      for (const chunk of render(memberPieces(member), tally)) await out.write(chunk);
    }
  }
  await out.write(END);
  await out.end();
}
