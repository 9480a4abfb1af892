import { FINDING_LIMIT, type Finding, Findings, finding, note } from "../image/findings.ts";
import { absentLayer, type BaseLayers } from "../image/layer-list.ts";
import {
  Again,
  isLayoutFile,
  type LayoutFile,
  type Link,
  MEMBER_NOUNS,
  targetOf,
  UnnamedFileName,
} from "../image/member.ts";
import type { Inside } from "../jobs/diff-id.ts";
import type { Digest } from "../oci/digest.ts";
import { BASE_FILE, BLOBS, DOCKER_FILE, digestAt, INDEX_FILE, LAYOUT_FILE } from "../oci/layout.ts";
import { type Descriptor, INDEX_LIMIT, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { type AbsentBlob, type Content, readBytes, sizeOf } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import type { ArchiveEnd, TarMember } from "../tar/canonical/scan.ts";
import { cleanName } from "../tar/member-name.ts";
import { MemberList } from "./member-list.ts";

/** A blob as it was met: under its name's digest. `content` is undefined when it passed by and was not kept. */
export interface ScannedBlob {
  readonly size: number;
  readonly content: Content | undefined;
  /** Where that was looked at. */
  readonly inside?: Inside;
  /** The member that a config claims to be this blob: it has no digest of its own. */
  readonly claimed?: string;
}

/** A file that is none of a layout's: an archive of Docker's old form is made of them. */
export interface UnnamedFile extends ScannedBlob {
  /** Of its bytes, where they have passed by. */
  readonly digest?: Digest;
}

/** The list of images of Docker's first form. */
const OLD_LIST = "repositories";

/** So many files that are none of a layout's are remembered: some 5000 layers, as Docker's old form has them. */
const STRAY_LIMIT = 16_384;

/** What an archive or a layout holds, before anyone judges it. A ReadStore over what was kept. */
export class ScannedArchive implements ReadStore {
  readonly at: string;
  readonly blobs = new Map<Digest, ScannedBlob>();
  readonly files = new Map<LayoutFile, Content>();
  /** More members that are claimed to be blobs that are here. */
  readonly copies = new Map<string, { readonly digest: Digest; readonly held: ScannedBlob }>();
  readonly strays = new Map<string, UnnamedFile>();
  readonly links = new Map<string, Link>();
  readonly findings: Findings;
  readonly members = new MemberList();
  end: ArchiveEnd | undefined;
  /** Whether it came from a stream that ended before the archive did. */
  brokeOff = false;
  bytes = 0; // read and hashed
  roots: readonly Descriptor[] = [];
  /** Whether a root is made of what is no blob here. */
  isMade = false;
  /** Of a delta, once it was read: what it leaves out. */
  relies: BaseLayers | undefined;
  /** Bytes of the manifests and indexes that the roots reach, once they were judged. */
  json = 0;
  /** What is odd in a layout, and part of the form in an archive of Docker's old form. */
  readonly #odd: Finding[] = [];
  readonly #folders = new Set<string>();
  /** Names that several members have which are the same. */
  readonly #repeated = new Set<string>();

  constructor(at: string) {
    this.at = at;
    this.findings = new Findings(at);
  }

  images(): readonly Descriptor[] {
    return this.roots;
  }

  find(digest: Digest): Content | undefined {
    const held = this.blobs.get(digest);
    const left = held === undefined ? this.relies?.get(digest) : undefined;
    if (left !== undefined) return absentLayer(digest, left.size);
    return held && (held.content ?? passed(digest, held.size));
  }

  digests(): Iterable<Digest> {
    return this.blobs.keys();
  }

  indexFile(): Uint8Array | undefined {
    const file = this.files.get(INDEX_FILE);
    return file && readBytes(file, INDEX_LIMIT, INDEX_FILE);
  }

  /**
   * Sorts a member in by its name and type.
   * @returns what it is: a blob, one of the layout's files, another file, one of those once more, or undefined for what is passed over
   */
  admit(member: TarMember): Digest | LayoutFile | UnnamedFileName | Again | undefined {
    const { type } = member;
    const name = cleanName(member.name);
    const digest = name === undefined ? undefined : digestAt(name);
    this.members.add(member, digest);
    if (name === undefined)
      return this.#find(
        finding(
          "unsafe-member",
          JSON.stringify(member.name),
          "its name leads out of the archive or is not plain",
        ),
      );
    if (type === "directory") {
      if (this.#isFile(name)) return this.#twice(name);
      if (this.#folders.size >= STRAY_LIMIT)
        return this.#find(finding("unexpected-member", name, "there are too many folders"));
      this.#folders.add(name);
      const isPart = name === "." || BLOBS === name || BLOBS.startsWith(`${name}/`);
      return isPart
        ? undefined
        : this.#wonder(note("unexpected-member", name, "a folder that no image layout has"));
    }
    if (type === "symbolic link" || type === "hard link")
      return this.#link(name, { type, target: targetOf(name, member) });
    if (type !== "file")
      return this.#find(finding("unsafe-member", name, `it is ${MEMBER_NOUNS[type]}, not a file`));
    if (this.#folders.has(name) || this.links.has(name)) return this.#twice(name);
    if (digest !== undefined) return this.blobs.has(digest) ? new Again(name, digest) : digest;
    if (isLayoutFile(name)) return this.files.has(name) ? new Again(name, name) : name;
    if (this.strays.has(name)) return new Again(name, undefined);
    const odd = note("unexpected-member", name, "a file that no image layout has");
    if (this.strays.size >= STRAY_LIMIT)
      return this.#find(finding("unexpected-member", name, "there are too many such files"));
    this.#wonder(odd);
    this.strays.set(name, { size: member.size, content: undefined });
    return new UnnamedFileName(name);
  }

  /**
   * Everything was admitted, or what can be. Afterwards what is odd in a layout is among the findings, unless this is
   * none but Docker's old form.
   */
  settle(): void {
    // Docker writes a second list of images, for its readers of before 2015, also into a layout.
    const odd = this.isSave ? this.#odd.filter(({ at }) => at !== OLD_LIST) : this.#odd;
    if (!this.isDocker) this.findings.push(...odd);
    else if (this.files.has(BASE_FILE))
      this.#find(note("unexpected-member", BASE_FILE, "no archive of Docker's has it"));
    this.#odd.length = 0;
    for (const name of [...this.strays.keys(), ...this.links.keys()]) this.#lookAbove(name);
    if ([BLOBS, "blobs"].some((name) => this.#isFile(name)) && this.blobs.size > 0)
      this.#find(finding("unsafe-member", BLOBS, UNDER));
    const [first] = this.#repeated;
    const { size } = this.#repeated;
    if (first !== undefined)
      this.findings.push(
        note(
          "duplicate-member",
          first,
          `it is in the archive more than once${size === 1 ? "" : `, as ${size - 1} others are`}, each time with the same bytes`,
        ),
      );
  }

  /** What comes of a member of a name that another has. */
  again(name: string, isSame: boolean): void {
    if (isSame) this.#repeated.add(name);
    else this.#twice(name);
  }

  /** What is in a folder is nowhere when the folder is a file. */
  #lookAbove(name: string): void {
    for (let end = name.lastIndexOf("/"); end > 0; end = name.lastIndexOf("/", end - 1))
      if (this.#isFile(name.slice(0, end))) this.#find(finding("unsafe-member", name, UNDER));
  }

  #isFile(name: string): boolean {
    const digest = digestAt(name);
    if (digest !== undefined && this.blobs.has(digest)) return true;
    return (isLayoutFile(name) && this.files.has(name)) || this.#isKnown(name);
  }

  /** Whether `docker save` wrote it. */
  get isSave(): boolean {
    return this.files.has(DOCKER_FILE) && this.strays.has(OLD_LIST);
  }

  /** Whether this is an archive of Docker's old form: it has Docker's list of images, and nothing of a layout. */
  get isDocker(): boolean {
    return this.files.has(DOCKER_FILE) && !this.isLayout;
  }

  /** Whether something of a layout's own was met. apko writes an index beside Docker's list and files, and no blobs. */
  get isLayout(): boolean {
    const isFlat = this.files.has(DOCKER_FILE) && this.blobs.size === 0;
    return this.files.has(LAYOUT_FILE) || (this.files.has(INDEX_FILE) && !isFlat);
  }

  #isKnown(name: string): boolean {
    return this.strays.has(name) || this.links.has(name);
  }

  #link(name: string, link: Link): undefined {
    if (this.#isFile(name) || this.#folders.has(name)) return this.#twice(name);
    const odd = finding("unsafe-member", name, `it is ${MEMBER_NOUNS[link.type]}, not a file`);
    if (this.links.size >= STRAY_LIMIT) return this.#find(odd);
    this.#wonder(odd);
    this.links.set(name, link);
  }

  /** Notes what may be odd. */
  #wonder(odd: Finding): undefined {
    if (this.#odd.length <= FINDING_LIMIT) this.#odd.push(odd);
  }

  /** Whether this is a layout and every header is byte for byte one that export writes: then nothing else wrote the archive. */
  get isOwn(): boolean {
    return !this.isDocker && this.members.isOwn;
  }

  /** Notes how the archive ended. */
  close(end: ArchiveEnd): void {
    this.end = end;
    const { zeroBlocks, trailing, start, dirty } = end;
    if (zeroBlocks !== 2)
      this.#find(
        finding(
          "cut",
          this.at,
          start === 0 && zeroBlocks === 0
            ? "it is empty, should be an archive"
            : `it ends at offset ${start} without the two zero blocks that end an archive`,
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
    return this.#find(
      finding("duplicate-member", name, "it is in the archive twice, and not the same"),
    );
  }

  #find(found: Finding): undefined {
    this.findings.push(found);
  }
}

const UNDER = "what should be a folder above it is a file";

/** A blob that passed by and was not kept, because it cannot be JSON. */
const passed = (absent: Digest, size: number): AbsentBlob => ({
  absent,
  size,
  why: size > MANIFEST_LIMIT ? "it is too long" : "it does not begin with {",
});

/** The bytes of Docker's list of images, where there is one that can be read. */
export function dockerOf({ files }: ScannedArchive): Uint8Array | undefined {
  const content = files.get(DOCKER_FILE);
  return content === undefined || sizeOf(content) > INDEX_LIMIT
    ? undefined
    : readBytes(content, INDEX_LIMIT, DOCKER_FILE);
}
