/** What the operating system's refusals mean, and what to try. */
import * as path from "node:path";
import type { ErrorDetails } from "../../base/error.ts";

type Io = ErrorDetails["io"];
interface Words {
  readonly is: string;
  readonly hint?: (facts: Io) => string;
}

const folderOf = ({ at }: Io) => JSON.stringify(path.dirname(at));
const writes = ({ doing }: Io) => /writ|creat|put|remove|sync|size|lock/.test(doing);

/** errno(3). What is not here is shown as the system says it. */
const CODES: Readonly<Record<string, Words>> = {
  ENOENT: {
    is: "no such file or directory",
    hint: (facts) =>
      writes(facts)
        ? `create its folder first: mkdir -p ${folderOf(facts)}`
        : "check the path, and the current directory",
  },
  EACCES: {
    is: "permission denied",
    hint: (facts) =>
      writes(facts)
        ? `choose a folder that you may write to; who may write here says: ls -ld ${folderOf(facts)}`
        : `who may read it says: ls -l ${JSON.stringify(facts.at)}`,
  },
  EPERM: {
    is: "operation not permitted",
    hint: () =>
      "the file system, its mount options or a security policy forbid it: choose another place",
  },
  EISDIR: { is: "it is a folder, should be a file", hint: () => "name a file in it" },
  ENOTDIR: { is: "a part of its path is a file, should be a folder", hint: () => "check the path" },
  EEXIST: {
    is: "something is there already",
    hint: () => "choose another name, or remove it first",
  },
  ENOTEMPTY: {
    is: "the folder is not empty",
    hint: () => "another process may be writing to it: run this again",
  },
  ENOSPC: {
    is: "the disk is full",
    hint: () =>
      "make room (ingot prune frees what no image needs; df -i tells whether it is the number of files), or choose another disk",
  },
  EDQUOT: {
    is: "your disk quota is used up",
    hint: () => "remove something of yours there, or choose another disk",
  },
  EFBIG: {
    is: "the file would be larger than this file system or your limit allows",
    hint: () =>
      "see ulimit -f; FAT holds less than 4 GiB in a file: choose another disk, or write volumes: export --split 4GiB",
  },
  EROFS: {
    is: "the file system is read-only",
    hint: () => "choose another place, or another store with --store DIR",
  },
  EPIPE: {
    is: "the reader has closed the pipe",
    hint: () => "the program after the | ended early: its input is incomplete",
  },
  EMFILE: {
    is: "too many files are open in this process",
    hint: () => "raise the limit: ulimit -n 4096",
  },
  ENFILE: {
    is: "too many files are open on this machine",
    hint: () => "close other programs and run this again",
  },
  ELOOP: {
    is: "links lead in a circle, or through too many links",
    hint: (facts) => `see where they lead: namei ${JSON.stringify(facts.at)}`,
  },
  ENAMETOOLONG: {
    is: "the name is longer than the file system allows",
    hint: () => "choose a shorter one",
  },
  EXDEV: {
    is: "it would have to move to another disk",
    hint: () => "the store must be on one file system",
  },
  EBUSY: {
    is: "it is in use",
    hint: () => "wait until the other program is done, then run this again",
  },
  ETXTBSY: { is: "it is a program that is running", hint: () => "wait until it has ended" },
  EIO: {
    is: "the disk reports an error",
    hint: () => "the disk or its cable may be failing: see dmesg",
  },
  EBADF: {
    is: "the stream is closed",
    hint: () => "standard input, output and error must be open",
  },
  EINVAL: {
    is: "the system does not accept it",
    hint: () => "the file system may not support it: choose another place",
  },
  ENOMEM: {
    is: "there is not enough memory",
    hint: () => "close other programs and run this again",
  },
  ENOEXEC: {
    is: "it is not an executable for this machine",
    hint: () => "install the one for this processor",
  },
  E2BIG: { is: "the command line is too long" },
};

/** What is the case. */
export function ioReason({ code, message }: Io): string {
  const known = CODES[code];
  if (known !== undefined) return `${known.is} (${code})`;
  return message.startsWith(code) || code === "EUNKNOWN" ? message : `${message} (${code})`;
}

/** What to try, where something can be said. */
export function ioHint(facts: Io): string | undefined {
  return CODES[facts.code]?.hint?.(facts);
}
