import { pack } from "tar-stream";
import { concat, utf8 } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";

/** Bytes in a block: headers are one, bodies are padded to whole ones. */
export const BLOCK = 512;
/** The least size that eleven octal digits cannot say: it goes into a PAX record (POSIX pax, "ustar Interchange Format"). */
export const PAX_SIZE = 8 ** 11;
/** What ends an archive: exactly two zero blocks. */
export const END = new Uint8Array(2 * BLOCK);

/** How many zero bytes follow a body of `size` bytes. */
export const padding = (size: number) => (BLOCK - (size % BLOCK)) % BLOCK;

/** The header of a member as version 1 of the canonical archive has it: one block, or three with a PAX record. A name that ends in `/` is a directory's. */
export type HeaderWriter = (name: string, size: number) => Uint8Array;

/**
 * The writer of canonical headers: mode 0644, or 0755 for directories, owner 0:0 without names, time 0, no devices.
 * The constant part comes from tar-stream once; what varies (name, size, and with them the checksum) is
 * stamped in. The golden archives of the tests hold every byte of both.
 */
export async function headerWriter(): Promise<HeaderWriter> {
  const [file, directory, extended] = await Promise.all([
    template("file"),
    template("directory"),
    template("pax-header"),
  ]);
  return (name, size) => {
    if (name.endsWith("/")) return stamp(directory, name, size);
    if (size < PAX_SIZE) return stamp(file, name, size);
    const record = paxRecord("size", String(size));
    const body = new Uint8Array(BLOCK);
    body.set(record);
    return concat([stamp(extended, "PaxHeader", record.length), body, stamp(file, name, 0)]);
  };
}

/** tar-stream's header for an empty member of this type with the constants of the canonical archive. */
async function template(type: "file" | "directory" | "pax-header"): Promise<Uint8Array> {
  const archive = pack();
  // The type declarations leave out pax-header, which the encoder knows.
  archive.entry(
    {
      name: "-",
      type: type as "file",
      size: 0,
      mode: type === "directory" ? 0o755 : 0o644,
      uid: 0,
      gid: 0,
      uname: "",
      gname: "",
      mtime: new Date(0),
    },
    "",
  );
  archive.finalize();
  const pieces: Uint8Array[] = [];
  for await (const piece of archive) pieces.push(piece as Uint8Array);
  return concat(pieces).slice(0, BLOCK);
}

/** Where the fields that vary stand, and how wide they are (POSIX pax, "ustar Header Block"). */
const NAME = { at: 0, width: 100 };
const SIZE = { at: 124, digits: 11 };
const CHECKSUM = { at: 148, digits: 6, width: 8 };

function stamp(template: Uint8Array, name: string, size: number): Uint8Array {
  if (!/^[\x21-\x7e]{1,100}$/.test(name)) {
    throw new IngotError("internal", {
      message: `a canonical member cannot be named ${JSON.stringify(name)}`,
    });
  }
  const header = template.slice();
  header.fill(0, NAME.at, NAME.at + NAME.width);
  header.set(utf8(name), NAME.at);
  header.set(utf8(size.toString(8).padStart(SIZE.digits, "0")), SIZE.at);
  header.set(utf8(checksum(header).toString(8).padStart(CHECKSUM.digits, "0")), CHECKSUM.at);
  return header;
}

/** The sum of a header's bytes, those of the checksum field taken as spaces. */
export function checksum(header: Uint8Array): number {
  let sum = CHECKSUM.width * 0x20;
  for (let i = 0; i < CHECKSUM.at; i++) sum += header[i]!;
  for (let i = CHECKSUM.at + CHECKSUM.width; i < BLOCK; i++) sum += header[i]!;
  return sum;
}

/** `LENGTH KEY=VALUE\n`, where LENGTH counts the whole record, its own digits included. */
export function paxRecord(key: string, value: string | Uint8Array): Uint8Array {
  const bytes = typeof value === "string" ? utf8(value) : value;
  const rest = concat([utf8(` ${key}=`), bytes, utf8("\n")]);
  let length = rest.length + 1;
  while (String(length).length + rest.length !== length)
    length = String(length).length + rest.length;
  return concat([utf8(String(length)), rest]);
}
