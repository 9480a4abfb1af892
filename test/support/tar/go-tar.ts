import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { octal, padded, ustarHeader } from "./ustar.ts";

interface Owner {
  readonly id: number;
  readonly name: string;
}

interface Member {
  readonly name: string;
  readonly mode: number;
  readonly content: Uint8Array;
}

/** A member as Go's archive/tar spells ustar; its time is 0. A name that ends in a slash is a folder's. */
function member({ name, mode, content }: Member, owner: Owner): Buffer {
  const header = ustarHeader({
    name,
    mode: `${octal(mode, 7)}\0`,
    uid: `${octal(owner.id, 7)}\0`,
    gid: `${octal(owner.id, 7)}\0`,
    size: `${octal(content.length, 11)}\0`,
    mtime: `${octal(0, 11)}\0`,
    checksum: (sum) => `${octal(sum, 6)}\0 `,
    typeflag: name.endsWith("/") ? "5" : "0",
    uname: owner.name,
    gname: owner.name,
    device: `${octal(0, 7)}\0`,
  });
  return Buffer.concat([header, padded(content)]);
}

/** The layer of a container with these files, each with its folder before it. */
export function layerOf(files: Readonly<Record<string, string>>): Buffer {
  const members = Object.entries(files).flatMap(([name, text]) => [
    { name: `${dirname(name)}/`, mode: 0o755, content: Buffer.alloc(0) },
    { name, mode: 0o644, content: Buffer.from(text) },
  ]);
  const root = { id: 0, name: "root" };
  return Buffer.concat([...members.map((each) => member(each, root)), Buffer.alloc(1024)]);
}

/**
 * The layout in a folder as `ig image export` writes it when `owner` runs it: files only, in the order of
 * their names, blobs read-only.
 */
export function igExport(layout: string, owner: Owner): Buffer {
  const files = readdirSync(layout, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(layout.length + 1))
    .sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const members = files.map((name) => {
    const mode = name.startsWith("blobs/") ? 0o444 : 0o644;
    return member({ name, mode, content: readFileSync(join(layout, name)) }, owner);
  });
  return Buffer.concat([...members, Buffer.alloc(1024)]);
}
