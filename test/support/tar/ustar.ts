/**
 * A ustar writer and a strict ustar reader of the tests' own, after POSIX.1-1988 and by nothing of the
 * project's code: what only its own reader can read, and only its own writer writes, proves nothing.
 */

/** A header's fields as they are spelled in it: octal numbers with what ends them. */
export interface UstarFields {
  readonly name: string;
  readonly mode: string;
  readonly uid: string;
  readonly gid: string;
  readonly size: string;
  readonly mtime: string;
  /** How the sum of all bytes is spelled. */
  readonly checksum: (sum: number) => string;
  readonly typeflag: string;
  readonly uname: string;
  readonly gname: string;
  /** Both device numbers. */
  readonly device: string;
}

export const BLOCK = 512;

export const octal = (value: number, digits: number): string =>
  value.toString(8).padStart(digits, "0");

/** One header block. */
export function ustarHeader(fields: UstarFields): Buffer {
  const header = Buffer.alloc(BLOCK);
  const put = (text: string, at: number, width: number) => {
    if (Buffer.byteLength(text) > width) throw new Error(`ustarHeader: ${text}: too long`);
    header.write(text, at);
  };
  put(fields.name, 0, 100);
  put(fields.mode, 100, 8);
  put(fields.uid, 108, 8);
  put(fields.gid, 116, 8);
  put(fields.size, 124, 12);
  put(fields.mtime, 136, 12);
  put(" ".repeat(8), 148, 8);
  put(fields.typeflag, 156, 1);
  put("ustar\x0000", 257, 8);
  put(fields.uname, 265, 32);
  put(fields.gname, 297, 32);
  put(fields.device, 329, 8);
  put(fields.device, 337, 8);
  const sum = header.reduce((total, byte) => total + byte, 0);
  put(fields.checksum(sum), 148, 8);
  return header;
}

/** A member's bytes with the zeros that fill its last block. */
export function padded(content: Uint8Array): Buffer {
  return Buffer.concat([content, Buffer.alloc(-content.length & (BLOCK - 1))]);
}

/** A member of an archive. Offsets in bytes. */
export interface UstarMember {
  readonly name: string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  readonly uname: string;
  readonly gname: string;
  readonly mtime: number;
  /** Where its header is. */
  readonly header: number;
  /** Where its content is. */
  readonly offset: number;
  readonly content: Buffer;
}

/**
 * Reads an archive that holds plain ustar regular files and directories and nothing else, and that ends with exactly
 * two zero blocks. It accepts less than any of the readers that ours must please: of what they take,
 * magic `ustar`, version `00`, type `0`, or `5` for a name that ends in a slash, numbers in octal digits up to a space or NUL (no GNU base 256,
 * at no point negative), six digits of checksum, names without prefix. Throws on the first thing else.
 */
export function readUstar(archive: Uint8Array): UstarMember[] {
  const bytes = Buffer.from(archive.buffer, archive.byteOffset, archive.byteLength);
  const members: UstarMember[] = [];
  let at = 0;
  const wrong = (what: string) => new Error(`readUstar: at ${at}: ${what}`);
  const isZero = (from: number, to: number) => bytes.subarray(from, to).every((byte) => byte === 0);
  if (bytes.length % BLOCK !== 0) throw wrong(`${bytes.length} bytes are no whole blocks`);
  while (!isZero(at, at + BLOCK)) {
    const block = bytes.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw wrong("no end");
    const text = (from: number, width: number) => {
      const field = block.toString("latin1", from, from + width);
      const end = field.indexOf("\0");
      if (end >= 0 && !/^\0*$/.test(field.slice(end))) throw wrong(`bytes after a NUL at ${from}`);
      return end < 0 ? field : field.slice(0, end);
    };
    const number = (from: number, width: number) => {
      const field = block.toString("latin1", from, from + width);
      const [, digits] = /^([0-7]+)[ \0]+$/.exec(field) ?? [];
      if (digits === undefined) throw wrong(`no octal number: ${JSON.stringify(field)}`);
      return Number.parseInt(digits, 8);
    };
    const sum = block.reduce((n, byte, i) => n + (i >= 148 && i < 156 ? 32 : byte), 0);
    if (!/^[0-7]{6}[\0 ]{2}$/.test(block.toString("latin1", 148, 156))) throw wrong("no checksum");
    if (Number.parseInt(block.toString("latin1", 148, 154), 8) !== sum) throw wrong("checksum");
    if (block.toString("latin1", 257, 265) !== "ustar\x0000") throw wrong("no ustar");
    const typeflag = block.toString("latin1", 156, 157);
    const isDirectory = text(0, 100).endsWith("/");
    if (typeflag !== (isDirectory ? "5" : "0")) throw wrong("no regular file and no directory");
    if (isDirectory && number(124, 12) !== 0) throw wrong("a directory with a size");
    if (!isZero(at + 157, at + 257)) throw wrong("a link name");
    if (!isZero(at + 345, at + BLOCK)) throw wrong("a prefix, or bytes after it");
    if (number(329, 8) !== 0 || number(337, 8) !== 0) throw wrong("a device number");
    const name = text(0, 100);
    if (!/^[\x21-\x7e]+$/.test(name)) throw wrong(`the name ${JSON.stringify(name)}`);
    const offset = at + BLOCK;
    const size = number(124, 12);
    const next = offset + Math.ceil(size / BLOCK) * BLOCK;
    if (next > bytes.length) throw wrong("cut");
    if (!isZero(offset + size, next)) throw wrong("padding that is not zero");
    const owner = {
      uid: number(108, 8),
      gid: number(116, 8),
      uname: text(265, 32),
      gname: text(297, 32),
    };
    const content = bytes.subarray(offset, offset + size);
    members.push({
      name,
      mode: number(100, 8),
      ...owner,
      mtime: number(136, 12),
      header: at,
      offset,
      content,
    });
    at = next;
  }
  if (bytes.length - at !== 2 * BLOCK || !isZero(at, bytes.length)) {
    throw wrong(`${bytes.length - at} bytes at the end, should be two zero blocks`);
  }
  return members;
}
