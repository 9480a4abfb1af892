/** What a member of an archive is to an inventory. */
import type { Digest } from "../oci/digest.ts";
import { BASE_FILE, DOCKER_FILE, INDEX_FILE, LAYOUT_FILE } from "../oci/layout.ts";
import type { MemberType } from "../tar/canonical/decode.ts";
import type { TarMember } from "../tar/canonical/scan.ts";
import { cleanName } from "../tar/member-name.ts";

/** The files of a layout, and of an archive, beside the blobs. */
export type LayoutFile =
  | typeof LAYOUT_FILE
  | typeof INDEX_FILE
  | typeof DOCKER_FILE
  | typeof BASE_FILE;

const FILES: ReadonlySet<string> = new Set<LayoutFile>([
  LAYOUT_FILE,
  INDEX_FILE,
  DOCKER_FILE,
  BASE_FILE,
]);
export const isLayoutFile = (name: string): name is LayoutFile => FILES.has(name);

/** A file of that name that is to be taken in. */
export class UnnamedFileName {
  readonly name: string;

  constructor(name: string) {
    this.name = name;
  }
}

/** A member of a name that another has: no harm where both are the same. */
export class Again {
  readonly name: string;
  readonly what: Digest | LayoutFile | undefined;

  /** @param what undefined: it is a stray */
  constructor(name: string, what: Digest | LayoutFile | undefined) {
    this.name = name;
    this.what = what;
  }
}

/** A link in an archive: where it leads, from the archive's root on; undefined when that is out of it. */
export interface Link {
  readonly type: "hard link" | "symbolic link";
  readonly target: string | undefined;
}

/** What to call a type. */
export const MEMBER_NOUNS: Readonly<Record<MemberType, string>> = {
  file: "a file",
  directory: "a folder",
  "hard link": "a hard link",
  "symbolic link": "a symbolic link",
  device: "a device",
  fifo: "a fifo",
  "sparse file": "a sparse file",
  unknown: "of an unknown type",
};

/** Where a link leads: a symbolic one from its folder on, a hard one from the root. */
export function targetOf(name: string, { type, link = "" }: TarMember): string | undefined {
  const path = type === "symbolic link" ? name.split("/").slice(0, -1) : [];
  for (const part of link.split("/")) {
    if (part === "..") {
      if (path.pop() === undefined) return undefined;
    } else if (part !== ".") path.push(part);
  }
  const target = path.join("/");
  return cleanName(target) === target ? target : undefined;
}
