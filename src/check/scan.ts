import { join } from "node:path";
import type { Bytes } from "../base/bytes.ts";
import { windowsOf } from "../base/compression/zstd-windows.ts";
import { IngotError, isIngotError } from "../base/error.ts";
import { openRead, readDirectory, stat } from "../base/fs/file.ts";
import { Sha256 } from "../base/hash.ts";
import { sortedUnique } from "../base/order.ts";
import type { Progress } from "../base/workers/pool.ts";
import { note, toFinding } from "../image/findings.ts";
import { Again, type LayoutFile, UnnamedFileName } from "../image/member.ts";
import { Inflater, type Inside } from "../jobs/diff-id.ts";
import { type Digest, digestOf, isDigest } from "../oci/digest.ts";
import {
  BASE_FILE,
  BLOBS,
  DOCKER_FILE,
  INDEX_FILE,
  LAYOUT_FILE,
  LAYOUT_LIMIT,
} from "../oci/layout.ts";
import { INDEX_LIMIT, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { sameContent, sizeOf } from "../store/content.ts";
import { Layout } from "../store/layout.ts";
import { cutBody, scanTar, type TarMember } from "../tar/canonical/scan.ts";
import { headerWriter } from "../tar/header.ts";
import { FileInput, type Input, StreamInput } from "../tar/input.ts";
import { checkDigest } from "./check-digest.ts";
import { ScannedArchive, type ScannedBlob } from "./inventory.ts";
import { KeptJson } from "./kept-json.ts";

/** Reads the headers of an archive in a file; of the bodies, nothing. What is wrong with its form is in the findings. */
export async function scanFile(path: string): Promise<ScannedArchive> {
  const inventory = new ScannedArchive(path);
  const { blobs, files, strays } = inventory;
  const file = openRead(path);
  try {
    const input = new FileInput(file, path);
    await gather(
      input,
      inventory,
      async ({ name, offset, size }, what) => {
        if (offset + size > input.size) throw cutBody(name, size, input.size - offset, path);
        const content = { path, offset, size };
        if (what instanceof UnnamedFileName) inventory.strays.set(what.name, { size, content });
        return { content };
      },
      ({ offset, size, name }, { what, name: key }) => {
        if (offset + size > input.size) throw cutBody(name, size, input.size - offset, path);
        const held =
          what === undefined ? strays.get(key) : isDigest(what) ? blobs.get(what) : undefined;
        const before = held?.content ?? files.get(what as LayoutFile);
        return before !== undefined && sameContent(before, { path, offset, size });
      },
    );
  } finally {
    file.close();
  }
  return inventory;
}

/** Takes a blob's bytes as they pass by. */
export interface BlobSink {
  write(bytes: Uint8Array): void;
  /** The blob is over; `actual` is its digest. */
  end(actual: Digest): void;
}

/** How a stream is gathered. */
export interface ScanOptions {
  readonly tally: Progress;
  /** Takes the blobs, which have a digest for their name. */
  readonly take?: (digest: Digest, size: number) => BlobSink;
  /** Takes other files, of which the digest is known at their end. */
  readonly takeStray?: (size: number) => BlobSink;
  /** Whether to look what compressed blobs are uncompressed. */
  readonly layers?: boolean;
  /** Hears what a delta leaves out as soon as it comes, which is first where export wrote it. What it throws ends the reading. */
  readonly heed?: (list: Uint8Array) => Promise<void>;
}

/**
 * Reads an archive from a stream, once: every blob is hashed as it passes by, and handed to a taker if there is one.
 * Manifests, indexes and configs are kept.
 */
export async function scanStream(
  bytes: Bytes,
  at: string,
  passing: ScanOptions,
): Promise<ScannedArchive> {
  const inventory = new ScannedArchive(at);
  const input = new StreamInput(bytes, at);
  const kept = new KeptJson(at);
  try {
    await gather(
      input,
      inventory,
      async (member, what) => {
        const { size, name } = member;
        if (what instanceof UnnamedFileName) {
          if (inventory.isLayout) return undefined;
          const take = passing.takeStray?.(size);
          const how = { ...passing, take, layers: true, spare: true };
          const passed = await pass(input, member, how, kept);
          inventory.strays.set(what.name, { size, ...passed });
          return undefined;
        }
        if (!isDigest(what)) {
          const limit = what === LAYOUT_FILE ? LAYOUT_LIMIT : INDEX_LIMIT;
          if (size > limit)
            throw new IngotError("too-large", {
              what: "the member",
              at: name,
              actual: size,
              limit,
            });
          const body = (await input.take(size)).slice();
          if (body.length < size) throw cutBody(name, size, body.length, at);
          if (what === BASE_FILE) await passing.heed?.(body);
          return { content: body };
        }
        const take = passing.take?.(what, size);
        const { digest, ...passed } = await pass(input, member, { ...passing, take }, kept);
        inventory.bytes += size;
        inventory.findings.push(...checkDigest(what, digest));
        return passed;
      },
      async ({ name, size }, { what, name: key }) => {
        const hash = new Sha256();
        const passed = await input.pass(size, (piece) => {
          hash.update(piece);
          passing.tally.add(piece.length);
        });
        if (passed < size) throw cutBody(name, size, passed, at);
        return `sha256:${hash.hex()}` === digestOfFirst(inventory, key, what);
      },
    );
  } finally {
    await input.close();
  }
  inventory.brokeOff = input.isOver && (inventory.end?.zeroBlocks ?? 0) < 2;
  return inventory;
}

/** The digest of a member that passed by; a blob's is its name, or there is a finding already. */
function digestOfFirst(
  { strays, files }: ScannedArchive,
  name: string,
  what: Again["what"],
): Digest | undefined {
  if (isDigest(what)) return what;
  const content = what === undefined ? undefined : files.get(what);
  return content instanceof Uint8Array ? digestOf(content) : strays.get(name)?.digest;
}

/** What Docker's old form has for still older readers: nobody needs it, unless `manifest.json` names it. */
export const isIgnored = (name: string) => /(?:^|\/)(?:VERSION|json|repositories)$/.test(name);

interface Passed {
  readonly digest: Digest;
  readonly content: Uint8Array | undefined;
  readonly inside: Inside;
}

/** How one body passes by. `spare` = of its JSON, only what there is room for is kept. */
interface Way {
  readonly tally: Progress;
  readonly take: BlobSink | undefined;
  readonly layers?: boolean;
  readonly spare?: boolean;
}

/** Hashes a body as it passes by; what can be JSON is kept. @throws size-differs (cut), too-large */
async function pass(
  input: StreamInput,
  { name, size }: TarMember,
  { tally, take, layers = false, spare = false }: Way,
  kept: KeptJson,
): Promise<Passed> {
  const hash = new Sha256();
  const inflater = new Inflater(name, layers ? windowsOf(tally, { waits: false }) : undefined);
  let body: Uint8Array | undefined;
  let isJson: boolean | undefined;
  let passed = 0;
  try {
    while (passed < size) {
      const piece = await input.some(size - passed);
      if (piece.length === 0) break;
      hash.update(piece);
      tally.add(piece.length);
      take?.write(piece);
      isJson ??= size <= MANIFEST_LIMIT ? startsJson(piece) : false;
      if (isJson === false) body = undefined;
      else {
        body ??= kept.gather(size);
        body.set(piece, passed);
      }
      await inflater.write(piece);
      passed += piece.length;
    }
    const digest: Digest = `sha256:${hash.hex()}`;
    take?.end(digest);
    if (passed < size) throw cutBody(name, size, passed, input.at);
    const inside = await inflater.end();
    if (isJson !== true || body === undefined || (spare && !kept.hasRoom(size)))
      return { digest, content: undefined, inside };
    return { digest, content: kept.keep(body), inside };
  } finally {
    await inflater.drop();
  }
}

/** Whether the first byte that is no white space opens an object; undefined when there is none yet. */
function startsJson(piece: Uint8Array): boolean | undefined {
  const first = piece.find(
    (byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09,
  );
  return first === undefined ? undefined : first === 0x7b;
}

type Kept = Pick<ScannedBlob, "content" | "inside">;
type Keep = (
  member: TarMember,
  what: Digest | LayoutFile | UnnamedFileName,
) => Promise<Kept | undefined>;

/** Whether the member is the same as the one before it that has its name. */
type Compare = (member: TarMember, again: Again) => boolean | Promise<boolean>;

/** Goes through the members; stops where the archive cannot be read on. @throws unsupported for a compression that is not known */
async function gather(
  input: Input,
  inventory: ScannedArchive,
  keep: Keep,
  compare: Compare,
): Promise<void> {
  const members = scanTar(input, await headerWriter());
  try {
    for (let next = await members.next(); ; next = await members.next()) {
      if (next.done === true) {
        inventory.settle();
        return inventory.close(next.value);
      }
      if (inventory.findings.isFull) return;
      const what = inventory.admit(next.value);
      if (what === undefined) continue;
      if (what instanceof Again) {
        inventory.again(what.name, await compare(next.value, what));
        continue;
      }
      const kept = await keep(next.value, what);
      if (what instanceof UnnamedFileName) continue;
      if (isDigest(what))
        inventory.blobs.set(what, { size: next.value.size, content: undefined, ...kept });
      else if (kept?.content !== undefined) inventory.files.set(what, kept.content);
    }
  } catch (error) {
    if (isIngotError(error, "unsupported")) throw error;
    inventory.settle();
    inventory.findings.push(toFinding(error));
  }
}

/**
 * Lists a layout in a folder. What is not reachable there, or not the layout's, is a note: the specification lets a
 * layout hold more than its index names.
 */
export function scanLayout(directory: string): ScannedArchive {
  const layout = new Layout(directory);
  const inventory = new ScannedArchive(layout.at);
  for (const name of [LAYOUT_FILE, INDEX_FILE, DOCKER_FILE] as const) {
    const path = join(layout.at, name);
    const found = stat(path);
    // Beside a layout it gives images names; without one it is not known what it would be.
    if (name === DOCKER_FILE && !inventory.files.has(LAYOUT_FILE)) continue;
    if (found?.kind === "file") inventory.files.set(name, { path, offset: 0, size: found.size });
  }
  const blobs = join(layout.at, BLOBS);
  for (const name of stat(blobs) === undefined ? [] : sortedUnique(readDirectory(blobs))) {
    const digest = `sha256:${name}`;
    const content = isDigest(digest) ? layout.find(digest) : undefined;
    if (isDigest(digest) && content !== undefined)
      inventory.blobs.set(digest, { size: sizeOf(content), content });
    else inventory.findings.push(note("unexpected-member", `${BLOBS}/${name}`, "it is not a blob"));
  }
  return inventory;
}
