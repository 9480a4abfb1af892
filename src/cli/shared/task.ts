/** What commands that move bytes share: threads, progress, standard streams, archives. */
import { availableParallelism } from "node:os";
import { isatty } from "node:tty";
import { IngotError } from "../../base/error.ts";
import { fdBytes } from "../../base/fs/fd-stream.ts";
import { openRead, stat } from "../../base/fs/file.ts";
import { Progress } from "../../base/workers/pool.ts";
import type { JobContext } from "../../jobs/job-context.ts";
import { type Platform, parsePlatforms } from "../../oci/platform.ts";
import { type ArchiveSource, isCompressedFile } from "../../source/open-archive.ts";
import { isLayout } from "../../source/source.ts";
import { FolderStore } from "../../store/folder-store.ts";
import type { Context } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { showProgress } from "../output/progress.ts";
import type { Reporter } from "../output/reporter.ts";
import { quote } from "../output/text.ts";

/** Flags that several commands have. */
export const JOBS = {
  type: "string",
  valueHint: "N",
  description: "threads that read and hash; default: the processors, at most 4",
} as const;
export const PLATFORM = {
  type: "string",
  valueHint: "LIST",
  description: "only these platforms, as in linux/amd64,linux/arm64",
} as const;

export const FOREIGN = {
  type: "boolean",
  description: "layers that are elsewhere, as their descriptors say (urls), may be missing",
} as const;

const MOST_JOBS = 64;

/** The number that `--jobs` says, or what is good for this machine. @throws usage */
export function readJobs(text: string | undefined): number {
  if (text === undefined) return Math.min(availableParallelism(), 4);
  const jobs = /^[0-9]{1,4}$/.test(text) ? Number(text) : 0;
  if (jobs >= 1 && jobs <= MOST_JOBS) return jobs;
  throw new IngotError("usage", {
    message: `--jobs is ${JSON.stringify(text)}, should be a number from 1 to ${MOST_JOBS}`,
  });
}

/** The platforms that `--platform` says; none when it was not given. @throws usage */
export function parsePlatformFlag(text: string | undefined): Platform[] {
  return text === undefined ? [] : parsePlatforms(text);
}

/** Opens the store that the words and the environment choose, once, when it is first asked for. */
export function lazyStore({ settings }: Context, flag: string | undefined): () => FolderStore {
  let store: FolderStore | undefined;
  return () => {
    store ??= new FolderStore(storePath(settings, flag));
    return store;
  };
}

export interface TaskContext {
  /** For the progress line: `export`. */
  readonly label: string;
  /** Bytes to come, where it is known. */
  readonly total?: number | undefined;
  readonly threads: number;
}

/** Does work in threads, with progress on stderr where that is a terminal. */
export async function withProgress<T>(
  context: Context,
  { label, total, threads }: TaskContext,
  act: (working: JobContext) => Promise<T>,
): Promise<T> {
  const { reporter, settings, entry } = context;
  const tally = new Progress();
  const shown = isatty(2) && settings.redraw && !reporter.quiet && !reporter.json;
  const columns = () => process.stderr.columns || 80;
  const end = shown
    ? showProgress(reporter, { label, total, bytes: () => tally.bytes, columns })
    : () => {};
  try {
    return await act({ entry, threads, tally, left: (at) => sayLeft(at, reporter) });
  } finally {
    end();
  }
}

function sayLeft(at: string, reporter: Reporter): void {
  reporter.info(
    `the partial data of ${quote(at)} is kept beside it, in a hidden file: the same command resumes there`,
  );
}

/**
 * What FILE or `-` means to read from, and how many bytes that is, where it is known. A pipe or a device is read as it comes,
 * and stays open until the program ends. @throws usage for a terminal, not-found, io
 */
export function archiveSource(text: string): { source: ArchiveSource; total: number | undefined } {
  if (text !== "-") {
    const found = stat(text);
    if (found === undefined)
      throw new IngotError("not-found", {
        what: "the archive",
        at: text,
        hint: "check the path, and the current directory",
      });
    if (found.kind === "directory" && isLayout(text))
      return { source: { path: text }, total: undefined };
    if (found.kind === "directory")
      throw new IngotError("io", {
        doing: "read the archive",
        at: text,
        code: "EISDIR",
        message: "it is a folder",
      });
    if (found.kind === "file")
      return { source: { path: text }, total: isCompressedFile(text) ? undefined : found.size };
    return { source: { bytes: fdBytes(openRead(text).fd, text), at: text }, total: undefined };
  }
  if (isatty(0))
    throw new IngotError("usage", {
      message: "standard input is a terminal, should be an archive",
      hint: "send one: ingot import - < FILE.tar",
    });
  return {
    source: { bytes: fdBytes(0, "standard input"), at: "standard input" },
    total: undefined,
  };
}

/** `REF sha256:…`, the line that names an image. */
export function imageLine({
  reference,
  digest,
}: {
  readonly reference: string;
  readonly digest: string;
}): string {
  return reference === "" || reference === digest ? digest : `${reference} ${digest}`;
}
