import { Fault } from "../base/fault.ts";
import type { Digest } from "../oci/digest.ts";
import { BLOBS, DOCKER_FILE, digestAt, INDEX_FILE, LAYOUT_FILE } from "../oci/layout.ts";
import { type Descriptor, MANIFEST_LIMIT } from "../oci/manifest.ts";
import type { Content } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import type { MemberType } from "../tar/decode.ts";
import { cleanName } from "../tar/name.ts";
import type { End, Member } from "../tar/scan.ts";
import { type Finding, Findings, finding, note, toFinding } from "./finding.ts";

/** A blob as it was met: under its name's digest. `content` is undefined when it passed by and was not kept. */
export interface Held {
  readonly size: number;
  readonly content: Content | undefined;
}

/** The files of a layout beside its blobs. */
export type LayoutFile = typeof LAYOUT_FILE | typeof INDEX_FILE | typeof DOCKER_FILE;

/** A blob that passed by and was not kept, because it cannot be JSON: its size is known, its bytes are gone. */
class Passed {
  readonly offset = 0;
  readonly size: number;
  readonly #digest: Digest;

  constructor(digest: Digest, size: number) {
    this.#digest = digest;
    this.size = size;
  }

  /** @throws malformed: only JSON is ever asked for */
  get path(): string {
    throw new Fault("malformed", {
      what: "JSON",
      at: this.#digest,
      why: this.size > MANIFEST_LIMIT ? "it is too long" : "it does not begin with {",
    });
  }
}

const A: Readonly<Record<MemberType, string>> = {
  file: "a file",
  directory: "a folder",
  "hard link": "a hard link",
  "symbolic link": "a symbolic link",
  device: "a device",
  fifo: "a fifo",
  "sparse file": "a sparse file",
  unknown: "of an unknown type",
};

/** What an archive or a layout holds, before anyone judges it. A ReadStore over what was kept. */
export class Inventory implements ReadStore {
  readonly at: string;
  readonly blobs = new Map<Digest, Held>();
  readonly files = new Map<LayoutFile, Content>();
  readonly findings: Findings;
  /** The members in their order: what `--canonical` compares. */
  readonly members: Pick<Member, "name" | "size" | "deviation">[] = [];
  end: End | undefined;
  /** Bytes read and hashed. */
  bytes = 0;
  roots: readonly Descriptor[] = [];
  /** Bytes of the manifests and indexes that the roots reach, once they were judged. */
  json = 0;

  constructor(at: string) {
    this.at = at;
    this.findings = new Findings(at);
  }

  images(): readonly Descriptor[] {
    return this.roots;
  }

  find(digest: Digest): Content | undefined {
    const held = this.blobs.get(digest);
    return held && (held.content ?? new Passed(digest, held.size));
  }

  /**
   * Sorts a member in by its name and type.
   * @returns what it is: a blob, one of the layout's files, or undefined for what is passed over
   */
  admit(member: Member): Digest | LayoutFile | undefined {
    this.members.push({ name: member.name, size: member.size, deviation: member.deviation });
    const { type } = member;
    const name = cleanName(member.name);
    if (name === undefined)
      return this.#find(
        finding(
          "unsafe-member",
          JSON.stringify(member.name),
          "its name leads out of the archive or is not plain",
        ),
      );
    if (type === "directory") {
      const isPart = name === "." || BLOBS === name || BLOBS.startsWith(`${name}/`);
      return isPart
        ? undefined
        : this.#find(note("unexpected-member", name, "a folder that no image layout has"));
    }
    if (type !== "file")
      return this.#find(finding("unsafe-member", name, `it is ${A[type]}, not a file`));
    const digest = digestAt(name);
    if (digest !== undefined) return this.blobs.has(digest) ? this.#twice(name) : digest;
    if (name === LAYOUT_FILE || name === INDEX_FILE || name === DOCKER_FILE)
      return this.files.has(name) ? this.#twice(name) : name;
    return this.#find(finding("unexpected-member", name, "a file that no image layout has"));
  }

  /** Whether every header is byte for byte one that export writes: then nothing else wrote the archive. */
  get isOwn(): boolean {
    return (
      this.members.length > 0 && this.members.every(({ deviation }) => deviation === undefined)
    );
  }

  /** Notes how the archive ended. */
  close(end: End): void {
    this.end = end;
    const { zeroBlocks, trailing, start, dirty } = end;
    if (zeroBlocks !== 2)
      this.#find(
        finding(
          "cut",
          this.at,
          `it ends at offset ${start} without the two zero blocks that end an archive`,
        ),
      );
    if (trailing)
      this.#find(
        finding(
          "bytes-after-end",
          this.at,
          `more follows the end at offset ${start} than zeros that fill up a record`,
        ),
      );
    for (const name of dirty)
      this.#find(finding("padding", name, "the bytes that fill its last block are not zero"));
  }

  #twice(name: string): undefined {
    return this.#find(finding("duplicate-member", name, "it is in the archive twice"));
  }

  #find(found: Finding): undefined {
    this.findings.push(found);
  }
}

/** Whether a blob is what its name says. */
export function checkDigest(name: Digest, actual: Digest): Finding[] {
  return name === actual
    ? []
    : [toFinding(new Fault("digest-differs", { at: name, expected: name, actual }))];
}
