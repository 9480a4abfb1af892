import type { Buffer } from "node:buffer";

/**
 * A reader of tar archives of the tests' own: POSIX ustar with PAX headers, which is what BuildKit and ingot write. Made
 * with nothing of the project's code, so that no mistake is made twice. It throws at the first thing it does not know.
 */
export interface TarMember {
  /** As it is written: `./` before it and a slash behind it included. */
  readonly name: string;
  readonly type: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly link: string;
  readonly device: string;
  readonly content: Buffer;
  /** Extended attributes by their names. */
  readonly xattrs: ReadonlyMap<string, Buffer>;
}

const BLOCK = 512;
const XATTR = "SCHILY.xattr.";
const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** The members of an archive, in its order. */
export function readTar(archive: Buffer): TarMember[] {
  const members: TarMember[] = [];
  let pax = new Map<string, Buffer>();
  let at = 0;
  for (;;) {
    const header = archive.subarray(at, at + BLOCK);
    // A name that a PAX header says may be none here: it is the whole block that ends an archive.
    if (header.length === BLOCK && header.every((byte) => byte === 0)) break;
    if (header.length < BLOCK) throw new Error(`readTar: at ${at}: no end`);
    if (header.toString("latin1", 257, 263) !== "ustar\0")
      throw new Error(`readTar: at ${at}: not ustar`);
    const said = (key: string) => {
      const value = pax.get(key);
      return value === undefined ? undefined : utf8.decode(value);
    };
    const number = (key: string, from: number, width: number) =>
      Number(said(key) ?? octal(header, from, width));
    const type = header.toString("latin1", 156, 157);
    const size = type === "x" ? octal(header, 124, 12) : number("size", 124, 12);
    const start = at + BLOCK;
    const content = archive.subarray(start, start + size);
    if (content.length < size) throw new Error(`readTar: at ${at}: cut`);
    at = start + Math.ceil(size / BLOCK) * BLOCK;
    if (type === "x") {
      pax = records(content);
      continue;
    }
    const prefix = text(header, 345, 155);
    const short = text(header, 0, 100);
    members.push({
      name: said("path") ?? (prefix === "" ? short : `${prefix}/${short}`),
      type: type === "\0" ? "0" : type,
      mode: octal(header, 100, 8),
      uid: number("uid", 108, 8),
      gid: number("gid", 116, 8),
      link: said("linkpath") ?? text(header, 157, 100),
      device: `${octal(header, 329, 8)},${octal(header, 337, 8)}`,
      content,
      xattrs: new Map(
        [...pax]
          .filter(([key]) => key.startsWith(XATTR))
          .map(([key, value]) => [key.slice(XATTR.length), value]),
      ),
    });
    pax = new Map();
  }
  return members;
}

function text(header: Buffer, from: number, width: number): string {
  const field = header.subarray(from, from + width);
  const end = field.indexOf(0);
  return utf8.decode(end < 0 ? field : field.subarray(0, end));
}

function octal(header: Buffer, from: number, width: number): number {
  const field = header.toString("latin1", from, from + width).replace(/[\0 ]+$/, "");
  if (!/^[0-7]*$/.test(field)) throw new Error(`readTar: no octal number: ${field}`);
  return field === "" ? 0 : Number.parseInt(field, 8);
}

/** The records of a PAX header: `LENGTH KEY=VALUE\n`, with the length of the whole record in bytes. */
function records(content: Buffer): Map<string, Buffer> {
  const found = new Map<string, Buffer>();
  for (let at = 0; at < content.length; ) {
    const space = content.indexOf(0x20, at);
    const end = at + Number(content.toString("latin1", at, space));
    const equals = content.indexOf(0x3d, space);
    if (!(space > at && equals > space && end > equals && content[end - 1] === 0x0a))
      throw new Error(`readTar: a PAX record at ${at} is none`);
    found.set(
      utf8.decode(content.subarray(space + 1, equals)),
      content.subarray(equals + 1, end - 1),
    );
    at = end;
  }
  return found;
}
