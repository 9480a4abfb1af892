/** What is in a folder, as text: to be compared with what ought to be. */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { OddMember } from "./odd-tar.ts";

export interface Listed extends OddMember {
  /** Of a file with several names: the first of them. */
  readonly first?: string | undefined;
}

/** In the order of the bytes of `key`. */
export function sorted<T>(items: readonly T[], key: (item: T) => string): T[] {
  return [...items].sort((a, b) => Buffer.compare(Buffer.from(key(a)), Buffer.from(key(b))));
}

/** One line: what it is, whose, when, with what. Seconds are floored; `times` a number: all of them are that. */
export function line(listed: Listed, times: "keep" | number): string {
  const { path, kind, mode, owner = [0, 0], mtime, xattrs = {}, first } = listed;
  const { hole = 0, content = Buffer.alloc(0), target, device } = listed;
  const what = {
    file: () => {
      const bytes = Buffer.concat([Buffer.alloc(hole), content]);
      return `${bytes.length} ${createHash("sha256").update(bytes).digest("hex").slice(0, 16)}`;
    },
    symlink: () => JSON.stringify(target),
    character: () => device!.join(","),
    block: () => device!.join(","),
    directory: () => "",
    fifo: () => "",
  }[kind]();
  const time = times === "keep" ? seconds(mtime) : times;
  return [
    JSON.stringify(path),
    kind,
    mode.toString(8).padStart(4, "0"),
    owner.join(":"),
    what,
    `@${time}`,
    first === undefined ? "" : `= ${JSON.stringify(first)}`,
    ...sorted(Object.entries(xattrs), ([name]) => name).map(
      ([name, value]) => `${name}=${value.toString("hex")}`,
    ),
  ]
    .filter((word) => word !== "")
    .join(" ");
}

/** Of a decimal number of seconds the whole second before it: a double has too few digits. */
function seconds(text: string): number {
  const [whole = "", fraction = ""] = text.split(".");
  return Number(whole) - (whole.startsWith("-") && /[1-9]/.test(fraction) ? 1 : 0);
}

const KINDS: ReadonlyMap<number, Listed["kind"]> = new Map([
  [0o100000, "file"],
  [0o040000, "directory"],
  [0o120000, "symlink"],
  [0o010000, "fifo"],
  [0o020000, "character"],
  [0o060000, "block"],
]);

/** Everything below `folder`, as it is on the disk. With getfattr, and who is root sees all. */
export function listing(folder: string): string[] {
  const paths = sorted([...below(folder, "")], (path) => path);
  const xattrs = xattrsBelow(folder);
  const names = new Map<bigint, string[]>();
  const stats = paths.map((path) => {
    const stat = lstatSync(join(folder, path), { bigint: true });
    if (!stat.isDirectory()) names.set(stat.ino, [...(names.get(stat.ino) ?? []), path]);
    return stat;
  });
  return paths.map((path, i) => {
    const stat = stats[i]!;
    const whole = join(folder, path);
    const kind = KINDS.get(Number(stat.mode & 0o170000n))!;
    const same = names.get(stat.ino) ?? [];
    if (kind !== "directory" && BigInt(same.length) !== stat.nlink)
      throw new Error(`listing: ${path} has ${stat.nlink} names, of which ${same.length} are here`);
    if (stat.mtimeNs % 1_000_000_000n !== 0n)
      throw new Error(`listing: ${path} has a time of ${stat.mtimeNs} ns`);
    const rdev = Number(stat.rdev);
    const minor = (rdev & 0xff) | ((rdev >>> 12) & 0xfff00);
    return line(
      {
        path,
        kind,
        mode: Number(stat.mode & 0o7777n),
        owner: [Number(stat.uid), Number(stat.gid)],
        mtime: String(stat.mtimeNs / 1_000_000_000n),
        ...(kind === "file" ? { content: readFileSync(whole) } : {}),
        ...(kind === "symlink" ? { target: readlinkSync(whole) } : {}),
        device: [(rdev >>> 8) & 0xfff, minor],
        first: same.length > 1 ? same[0] : undefined,
        xattrs: xattrs.get(path) ?? {},
      },
      "keep",
    );
  });
}

/** Never through a link: not every runtime's recursive readdir leaves them alone. */
function* below(root: string, folder: string): Generator<string> {
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = join(folder, entry.name);
    yield path;
    if (entry.isDirectory()) yield* below(root, path);
  }
}

function xattrsBelow(folder: string): Map<string, Record<string, Buffer>> {
  const found = new Map<string, Record<string, Buffer>>();
  const match = "--match=^(user|security\\.capability)";
  const argv = ["-R", "-P", "-h", "-d", match, "-e", "hex", "--absolute-names", "--", "."];
  const dump = execFileSync("getfattr", argv, { cwd: folder, maxBuffer: 1 << 26 }).toString();
  let path = "";
  for (const text of dump.split("\n")) {
    const [, file, name = "", hex = ""] =
      /^(?:# file: (?:\.\/)?(.*)|(.+?)=0x([0-9a-f]*))$/.exec(text) ?? [];
    if (file !== undefined) path = bytes(file);
    else if (name !== "")
      found.set(path, { ...found.get(path), [bytes(name)]: Buffer.from(hex, "hex") });
  }
  return found;
}

/** Without getfattr's `\ooo`. */
function bytes(text: string): string {
  const parts = text.split(/(\\[0-7]{3})/);
  return Buffer.concat(
    parts.map((part) =>
      /^\\[0-7]{3}$/.test(part) ? Buffer.of(Number.parseInt(part.slice(1), 8)) : Buffer.from(part),
    ),
  ).toString();
}
