/** Where an archive is written to. */
import { resolve } from "node:path";
import { isatty } from "node:tty";
import type { Plan } from "../../archive/plan.ts";
import { streamArchive, type WrittenArchive, writeArchive } from "../../archive/write.ts";
import type { SplitOptions } from "../../archive/write-volumes.ts";
import { IngotError } from "../../base/error.ts";
import { checkPlace, target } from "../../base/fs/atomic-file.ts";
import { fdSink, type Sink } from "../../base/fs/fd-stream.ts";
import { openWrite, stat } from "../../base/fs/file.ts";
import type { JobContext } from "../../jobs/job-context.ts";

/** Writes a planned archive. */
export type WritePlan = (plan: Plan, working: JobContext) => Promise<WrittenArchive>;

const toFiles =
  (to: string | SplitOptions): WritePlan =>
  (plan, working) =>
    writeArchive(plan, to, working);

const toStream =
  (sink: Sink): WritePlan =>
  async (plan, working) => {
    await streamArchive(plan, sink, working);
    return { resumed: 0 };
  };

/**
 * How to write to `output`: `-` is stdout; a pipe or a device takes the bytes as they come; anything else is a file, which
 * appears whole or not at all, or volumes of it. @param below what each volume is smaller than, where it is cut into some; bytes
 * @throws usage for a terminal, and for volumes of what is no file; not-found, io where no file can be
 */
export function archiveTarget(output: string, below?: number): WritePlan {
  const isFile = output !== "-" && stat(output)?.kind !== "other";
  if (below !== undefined && !isFile)
    throw new IngotError("usage", {
      message: `--split is given, and --output is ${JSON.stringify(output)}, should be the name of a file`,
      hint: "volumes are files beside each other; to cut a stream: ingot export … -o - | split -b 4095M - big.tar.",
    });
  if (output === "-") {
    if (!isatty(1)) {
      return toStream(fdSink(1, "standard output"));
    }
    throw new IngotError("usage", {
      message: "standard output is a terminal, should be a file or a pipe",
      hint: "name a file: -o FILE.tar",
    });
  }
  if (isFile) {
    if (below !== undefined) return toFiles({ at: output, below });
    checkPlace(target(resolve(output)));
    return toFiles(output);
  }
  return async (plan, working) => {
    const file = openWrite(output, "pipe");
    try {
      return await toStream(fdSink(file.fd, output))(plan, working);
    } finally {
      file.close();
    }
  };
}
