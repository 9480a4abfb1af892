/** Where an archive is written to. */
import { isatty } from "node:tty";
import { Fault } from "../base/fault.ts";
import { openWrite, stat } from "../base/file.ts";
import { fdSink, type Sink } from "../base/file-stream.ts";
import { isRemote } from "../image/endpoint.ts";
import { streamArchive, writeArchive } from "../image/export.ts";
import type { Plan } from "../image/plan.ts";
import type { Pushable } from "../image/push.ts";
import { streamRemote, writeRemote } from "../image/remote-archive.ts";
import type { Working } from "../image/working.ts";

/** Writes a planned archive. @param images those that it was planned from, where some of them may be in registries */
export type WritePlan = (
  plan: Plan,
  working: Working,
  images?: readonly Pushable[],
) => Promise<void>;

const toFile =
  (at: string): WritePlan =>
  (plan, working, images) =>
    images?.some(isRemote)
      ? writeRemote(plan, images, at, working)
      : writeArchive(plan, at, working);

const toStream =
  (sink: Sink): WritePlan =>
  (plan, working, images) =>
    images?.some(isRemote)
      ? streamRemote(plan, images, sink, working)
      : streamArchive(plan, sink, working);

/**
 * How to write to `output`: `-` is stdout; a pipe or a device takes the bytes as they come; anything else is a file, which
 * appears whole or not at all. @throws usage for a terminal
 */
export function archiveTarget(output: string): WritePlan {
  if (output === "-") {
    if (!isatty(1)) {
      return toStream(fdSink(1, "standard output"));
    }
    throw new Fault("usage", {
      message: "standard output is a terminal, should be a file or a pipe",
      hint: "name a file: -o FILE.tar",
    });
  }
  if (stat(output)?.kind !== "other") {
    return toFile(output);
  }
  return async (plan, working, images) => {
    const file = openWrite(output, "pipe");
    try {
      await toStream(fdSink(file.fd, output))(plan, working, images);
    } finally {
      file.close();
    }
  };
}
