import { Buffer } from "node:buffer";
import { BLOCK, octal, padded } from "./ustar.ts";

/** What a test wants in an archive. A path that ends in a slash is a folder's; without `text`, `link` or `same` a file is empty. */
export interface MadeMember {
  readonly path: string;
  /** Octal. Default: 755 of folders, 777 of links, 644 of files. */
  readonly mode?: string;
  /** Default: 0:0. */
  readonly owner?: string;
  readonly text?: string;
  /** The text of a symbolic link. */
  readonly link?: string;
  /** The member before it that a hard link is the same file as: mode, owner and time are that one's. */
  readonly same?: string;
  /** Extended attributes, in hex. */
  readonly xattrs?: Readonly<Record<string, string>>;
  /** Seconds since 1970. Default: 1,000,000,000. */
  readonly mtime?: number;
}

/** An archive of these members, in this order, in ustar with PAX headers for extended attributes. */
export function madeTar(members: readonly MadeMember[]): Buffer {
  const whole = members.map((member) => {
    const first = members.find(({ path }) => path === member.same);
    return first === undefined ? member : { ...first, ...member, text: "" };
  });
  return Buffer.concat([...whole.flatMap(blocks), Buffer.alloc(2 * BLOCK)]);
}

function blocks(member: MadeMember): Buffer[] {
  const { path, link, same, text = "", xattrs = {} } = member;
  const folder = path.endsWith("/");
  const [type, usual] = folder ? ["5", "755"] : link ? ["2", "777"] : [same ? "1" : "0", "644"];
  const content = type === "0" ? Buffer.from(text) : Buffer.alloc(0);
  const pax = Object.entries(xattrs).map(([name, value]) => record(`SCHILY.xattr.${name}`, value));
  const extra = Buffer.concat(pax);
  return [
    ...(pax.length === 0
      ? []
      : [header("PaxHeader", "x", "644", extra.length, member), padded(extra)]),
    header(path, type, member.mode ?? usual, content.length, member, link ?? same),
    padded(content),
  ];
}

function header(
  name: string,
  type: string,
  mode: string,
  size: number,
  { owner = "0:0", mtime = 1_000_000_000 }: MadeMember,
  link = "",
): Buffer {
  const [uid, gid] = owner.split(":").map(Number);
  const block = Buffer.alloc(BLOCK);
  const put = (text: string, at: number, width = 100) => {
    if (Buffer.byteLength(text) > width) throw new Error(`madeTar: ${text}: too long`);
    block.write(text, at);
  };
  put(name, 0);
  put(octal(Number.parseInt(mode, 8), 7), 100);
  put(octal(uid ?? 0, 7), 108);
  put(octal(gid ?? 0, 7), 116);
  put(octal(size, 11), 124);
  put(octal(mtime, 11), 136);
  put(" ".repeat(8), 148);
  put(type, 156);
  put(link, 157);
  put("ustar\x0000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  put(`${octal(sum, 6)}\0 `, 148);
  return block;
}

function record(key: string, hex: string): Buffer {
  const rest = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(hex, "hex"), Buffer.from("\n")]);
  const digits = String(rest.length + String(rest.length).length).length;
  return Buffer.concat([Buffer.from(String(rest.length + digits)), rest]);
}
