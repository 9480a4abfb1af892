/** A writer of tar archives of the tests' own: every kind of member, every owner and time, extended attributes. */
import { Buffer } from "node:buffer";
import { BLOCK, octal, padded } from "./ustar.ts";

export interface OddMember {
  /** Without slashes at its ends; "" is the root. */
  readonly path: string;
  readonly kind: "file" | "directory" | "symlink" | "fifo" | "character" | "block";
  readonly mode: number;
  /** Default: 0:0. */
  readonly owner?: readonly [uid: number, gid: number];
  /** Seconds since 1970, decimal. */
  readonly mtime: string;
  readonly content?: Buffer;
  /** Bytes of zeros before the content. */
  readonly hole?: number;
  readonly target?: string;
  /** The path of the file that this one is another name of. */
  readonly same?: string | undefined;
  readonly device?: readonly [major: number, minor: number];
  readonly xattrs?: Readonly<Record<string, Buffer>>;
  /** Extended attributes that are on the disk, and in no layer. */
  readonly dropped?: Readonly<Record<string, Buffer>>;
}

const TYPES = { file: "0", symlink: "2", character: "3", block: "4", directory: "5", fifo: "6" };

/** The members, in their order, in ustar with a PAX header before each. */
export function oddTar(members: readonly OddMember[]): Buffer {
  return Buffer.concat([...members.flatMap(blocks), Buffer.alloc(2 * BLOCK)]);
}

function blocks(member: OddMember): Buffer[] {
  const { path, kind, mode, owner = [0, 0], mtime, content = Buffer.alloc(0) } = member;
  const { target = "", same, device = [0, 0], xattrs = {} } = member;
  const link = same ?? target;
  const records: [string, string | Buffer][] = [
    ["path", kind === "directory" ? `${path}/` : path],
    ["uid", `${owner[0]}`],
    ["gid", `${owner[1]}`],
    ["mtime", mtime],
    ...(link === "" ? [] : ([["linkpath", link]] as [string, string][])),
    ...Object.entries(xattrs).map(([name, value]): [string, Buffer] => [
      `SCHILY.xattr.${name}`,
      value,
    ]),
  ];
  const pax = Buffer.concat(records.map(([key, value]) => record(key, value)));
  const body = kind === "file" && same === undefined ? content : Buffer.alloc(0);
  return [
    header("PaxHeader", "x", 0o644, pax.length),
    padded(pax),
    header("see above", same === undefined ? TYPES[kind] : "1", mode, body.length, device),
    padded(body),
  ];
}

function header(
  name: string,
  type: string,
  mode: number,
  size: number,
  [major, minor]: readonly [number, number] = [0, 0],
): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name, 0);
  block.write(octal(mode, 7), 100);
  block.write(octal(0, 7), 108);
  block.write(octal(0, 7), 116);
  block.write(octal(size, 11), 124);
  block.write(octal(0, 11), 136);
  block.write(" ".repeat(8), 148);
  block.write(type, 156);
  block.write("ustar\x0000", 257);
  block.write(octal(major, 7), 329);
  block.write(octal(minor, 7), 337);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function record(key: string, value: string | Buffer): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = rest.length;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return Buffer.concat([Buffer.from(`${length}`), rest]);
}
