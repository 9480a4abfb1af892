/** Where an archive is written to. */
import { isatty } from "node:tty";
import { Fault } from "../base/fault.ts";
import { openWrite, stat } from "../base/file.ts";
import { fdSink } from "../base/file-stream.ts";
import { streamArchive, writeArchive } from "../image/export.ts";
import type { Plan } from "../image/plan.ts";
import type { Working } from "../image/working.ts";

/** Writes a planned archive. */
export type WritePlan = (plan: Plan, working: Working) => Promise<void>;

/**
 * How to write to `output`: `-` is stdout; a pipe or a device takes the bytes as they come; anything else is a file, which
 * appears whole or not at all. @throws usage for a terminal
 */
export function archiveTarget(output: string): WritePlan {
  if (output === "-") {
    if (!isatty(1)) {
      return (plan, working) => streamArchive(plan, fdSink(1, "standard output"), working);
    }
    throw new Fault("usage", {
      message: "standard output is a terminal, should be a file or a pipe",
      hint: "name a file: -o FILE.tar",
    });
  }
  if (stat(output)?.kind !== "other") {
    return (plan, working) => writeArchive(plan, output, working);
  }
  return async (plan, working) => {
    const file = openWrite(output, "pipe");
    try {
      await streamArchive(plan, fdSink(file.fd, output), working);
    } finally {
      file.close();
    }
  };
}
