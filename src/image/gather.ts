import { join } from "node:path";
import { type Bytes, concat } from "../base/bytes.ts";
import { Fault } from "../base/fault.ts";
import { openRead, readDirectory, stat } from "../base/file.ts";
import { Sha256 } from "../base/hash.ts";
import { sortedUnique } from "../base/order.ts";
import type { Tally } from "../base/pool.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import { BLOBS, INDEX_FILE, LAYOUT_FILE, LAYOUT_LIMIT } from "../oci/layout.ts";
import { INDEX_LIMIT, MANIFEST_LIMIT } from "../oci/manifest.ts";
import { type Content, sizeOf } from "../store/content.ts";
import { Layout } from "../store/layout.ts";
import { headerWriter } from "../tar/header.ts";
import { FileInput, type Input, StreamInput } from "../tar/input.ts";
import { cutBody, type Member, scan } from "../tar/scan.ts";
import { note, toFinding } from "./finding.ts";
import { checkDigest, Inventory, type LayoutFile } from "./inventory.ts";

/** An archive: a file, which can be read anywhere and in parallel, or a stream. */
export type ArchiveSource =
  | { readonly path: string }
  | { readonly bytes: Bytes; readonly at: string };

/** JSON of a stream is kept until its index comes, which is last: at most this much. Bytes. */
export const KEPT_LIMIT = 64 * 1024 * 1024;

/** Reads the headers of an archive in a file; of the bodies, nothing. What is wrong with its form is in the findings. */
export async function gatherFile(path: string): Promise<Inventory> {
  const inventory = new Inventory(path);
  const file = openRead(path);
  try {
    const input = new FileInput(file, path);
    await gather(input, inventory, async ({ name, offset, size }) => {
      if (offset + size > input.size) throw cutBody(name, size, input.size - offset, path);
      return { path, offset, size };
    });
  } finally {
    file.close();
  }
  return inventory;
}

/** Takes a blob's bytes as they pass by. */
export interface Taker {
  write(bytes: Uint8Array): void;
  /** The blob is over; `actual` is its digest. */
  end(actual: Digest): void;
}

/**
 * Reads an archive from a stream, once: every blob is hashed as it passes by, and handed to a taker if there is one.
 * Manifests, indexes and configs are kept.
 */
export async function gatherStream(
  bytes: Bytes,
  at: string,
  tally: Tally,
  taker?: (digest: Digest, size: number) => Taker,
): Promise<Inventory> {
  const inventory = new Inventory(at);
  const input = new StreamInput(bytes, at);
  let kept = 0;
  try {
    await gather(input, inventory, async ({ size, name }, what) => {
      if (!isDigest(what)) {
        const limit = what === LAYOUT_FILE ? LAYOUT_LIMIT : INDEX_LIMIT;
        if (size > limit)
          throw new Fault("too-large", { what: "the member", at: name, actual: size, limit });
        const body = (await input.take(size)).slice();
        if (body.length < size) throw cutBody(name, size, body.length, at);
        return body;
      }
      const hash = new Sha256();
      const taken = taker?.(what, size);
      const pieces: Uint8Array[] = [];
      let isJson: boolean | undefined;
      const passed = await input.pass(size, (piece) => {
        hash.update(piece);
        tally.add(piece.length);
        taken?.write(piece);
        isJson ??= size <= MANIFEST_LIMIT ? startsJson(piece) : false;
        if (isJson !== false) pieces.push(piece.slice());
      });
      inventory.bytes += passed;
      const actual: Digest = `sha256:${hash.hex()}`;
      taken?.end(actual);
      if (passed < size) throw cutBody(name, size, passed, at);
      inventory.findings.push(...checkDigest(what, actual));
      if (isJson !== true) return undefined;
      kept += size;
      if (kept > KEPT_LIMIT)
        throw new Fault("too-large", {
          what: "the JSON in a stream",
          at,
          actual: kept,
          limit: KEPT_LIMIT,
        });
      return concat(pieces);
    });
  } finally {
    await input.close();
  }
  return inventory;
}

/** Whether the first byte that is no white space opens an object; undefined when there is none yet. */
function startsJson(piece: Uint8Array): boolean | undefined {
  const first = piece.find(
    (byte) => byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09,
  );
  return first === undefined ? undefined : first === 0x7b;
}

type Keep = (member: Member, what: Digest | LayoutFile) => Promise<Content | undefined>;

/** Goes through the members; stops where the archive cannot be read on. */
async function gather(input: Input, inventory: Inventory, keep: Keep): Promise<void> {
  const members = scan(input, await headerWriter());
  try {
    for (let next = await members.next(); ; next = await members.next()) {
      if (next.done === true) return inventory.close(next.value);
      if (inventory.findings.isFull) return;
      const what = inventory.admit(next.value);
      if (what === undefined) continue;
      const content = await keep(next.value, what);
      if (isDigest(what)) inventory.blobs.set(what, { size: next.value.size, content });
      else if (content !== undefined) inventory.files.set(what, content);
    }
  } catch (error) {
    inventory.findings.push(toFinding(error));
  }
}

/**
 * Lists a layout in a folder. What is not reachable there, or not the layout's, is a note: the specification lets a
 * layout hold more than its index names.
 */
export function gatherLayout(directory: string): Inventory {
  const layout = new Layout(directory);
  const inventory = new Inventory(layout.at);
  for (const name of [LAYOUT_FILE, INDEX_FILE] as const) {
    const path = join(layout.at, name);
    const found = stat(path);
    if (found?.kind === "file") inventory.files.set(name, { path, offset: 0, size: found.size });
  }
  const blobs = join(layout.at, BLOBS);
  for (const name of stat(blobs) === undefined ? [] : sortedUnique(readDirectory(blobs))) {
    const digest = `sha256:${name}`;
    const content = isDigest(digest) ? layout.find(digest) : undefined;
    if (isDigest(digest) && content !== undefined)
      inventory.blobs.set(digest, { size: sizeOf(content), content });
    else inventory.findings.push(note("unexpected-member", `${BLOBS}/${name}`, "it is no blob"));
  }
  return inventory;
}
