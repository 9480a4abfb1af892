import { createHash } from "node:crypto";
import { planArchive, streamArchive } from "../../../src/archive/write.ts";
import { Progress } from "../../../src/base/workers/pool.ts";
import type { JobContext } from "../../../src/jobs/job-context.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import type { Descriptor } from "../../../src/oci/manifest.ts";
import { MemoryStore } from "../../../src/store/memory-store.ts";

/** One thread, nothing shown. */
export const alone = (): JobContext => ({ entry: undefined, threads: 1, tally: new Progress() });

export const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

export const sha256 = (bytes: Uint8Array): Digest =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

export const types = {
  index: "application/vnd.oci.image.index.v1+json",
  manifest: "application/vnd.oci.image.manifest.v1+json",
  config: "application/vnd.oci.image.config.v1+json",
  layer: "application/vnd.oci.image.layer.v1.tar",
  gadgetConfig: "application/vnd.gadget.config.v1+yaml",
  program: "application/vnd.gadget.ebpf.program.v1+binary",
};

export const REF_NAME = "org.opencontainers.image.ref.name";

/** Blobs in memory, by their digest. */
export class Blobs extends Map<Digest, Uint8Array> {
  /** Afterwards the content (an object becomes JSON) is here; its descriptor, with `more`. */
  add(mediaType: string, content: Uint8Array | object, more: Partial<Descriptor> = {}): Descriptor {
    const bytes = content instanceof Uint8Array ? content : ascii(JSON.stringify(content));
    const digest = sha256(bytes);
    this.set(digest, bytes);
    return { mediaType, digest, size: bytes.length, ...more };
  }

  manifest(config: Descriptor, layers: readonly Descriptor[], more: Partial<Descriptor> = {}) {
    const content = { schemaVersion: 2, mediaType: types.manifest, config, layers };
    return this.add(types.manifest, content, more);
  }

  index(manifests: readonly Descriptor[], more: Partial<Descriptor> = {}) {
    return this.add(types.index, { schemaVersion: 2, mediaType: types.index, manifests }, more);
  }

  /** A container's manifest for one platform, with one layer of these bytes. */
  container(layer: Uint8Array, architecture: string, more: Partial<Descriptor> = {}): Descriptor {
    const rootfs = { type: "layers", diff_ids: [sha256(layer)] };
    const config = this.add(types.config, { architecture, os: "linux", rootfs });
    return this.manifest(config, [this.add(types.layer, layer)], more);
  }
}

/** An image in memory under its name. */
export interface Image {
  readonly reference: string;
  readonly descriptor: Descriptor;
  readonly blobs: Blobs;
}

const linux = (architecture: string) => ({ platform: { architecture, os: "linux" } });

/** A gadget: index → two manifests → the same config, and a program of `bytes` for each. */
export function gadget(reference: string, bytes: Uint8Array): Image {
  const blobs = new Blobs();
  const manifests = ["amd64", "arm64"].map((architecture) => {
    const config = blobs.add(types.gadgetConfig, ascii("name: example\n"));
    const program = Buffer.concat([bytes, ascii(architecture)]);
    return blobs.manifest(config, [blobs.add(types.program, program)], linux(architecture));
  });
  return { reference, descriptor: blobs.index(manifests), blobs };
}

/** A container image: a lone manifest for one architecture, an index for several. */
export function container(reference: string, bytes: Uint8Array, architectures = ["amd64"]): Image {
  const blobs = new Blobs();
  const [only, ...others] = architectures;
  if (others.length === 0)
    return { reference, descriptor: blobs.container(bytes, only ?? ""), blobs };
  const manifests = architectures.map((architecture) =>
    blobs.container(Buffer.concat([bytes, ascii(architecture)]), architecture, linux(architecture)),
  );
  return { reference, descriptor: blobs.index(manifests), blobs };
}

/** The canonical archive of `images`, as export streams it. */
export async function canonical(images: readonly Image[]): Promise<Uint8Array> {
  const planned = await planArchive(
    images.map(({ reference, descriptor, blobs }) => {
      const store = new MemoryStore("memory");
      for (const bytes of blobs.values()) store.put(bytes);
      return { reference, descriptor, store };
    }),
  );
  const pieces: Uint8Array[] = [];
  await streamArchive(
    planned,
    { write: async (piece) => void pieces.push(piece.slice()) },
    alone(),
  );
  return Buffer.concat(pieces);
}

/** The members of a layout over `blobs`, whose index.json has `manifests`; the blobs come first. */
export function layoutMembers(
  blobs: ReadonlyMap<Digest, Uint8Array>,
  manifests: readonly Descriptor[],
): RawMember[] {
  return [
    ...[...blobs].map(([digest, body]) => ({ name: `blobs/sha256/${digest.slice(7)}`, body })),
    { name: "index.json", body: ascii(JSON.stringify({ schemaVersion: 2, manifests })) },
    { name: "oci-layout", body: ascii('{"imageLayoutVersion":"1.0.0"}') },
  ];
}

/** The descriptor under a name, as an index.json has it. */
export const named = (descriptor: Descriptor, name: string): Descriptor => ({
  ...descriptor,
  annotations: { [REF_NAME]: name },
});

/** A header of the tests' own, with what is odd about it. Texts are the whole field, NUL-filled behind. */
export interface RawMember {
  readonly name: string | Uint8Array;
  readonly body?: Uint8Array;
  readonly type?: string;
  /** Where it is not the body's. A text or bytes: the field as it is. */
  readonly size?: number | string | Uint8Array;
  readonly mode?: string;
  readonly linkname?: string;
  readonly magic?: string;
  readonly prefix?: string;
  /** Where it is not the right one. */
  readonly checksum?: string;
}

/** One header block, written without anything of src/tar. */
export function rawHeader(member: RawMember): Uint8Array {
  const block = Buffer.alloc(512);
  const { name, body = new Uint8Array(0), type = "0", size = body.length } = member;
  const put = (field: string | Uint8Array, at: number) =>
    block.set(typeof field === "string" ? Buffer.from(field, "utf8") : field, at);
  put(name, 0);
  put(member.mode ?? "0000644\0", 100);
  put("0000000\0", 108);
  put("0000000\0", 116);
  put(typeof size === "number" ? `${size.toString(8).padStart(11, "0")}\0` : size, 124);
  put("00000000000\0", 136);
  put(type, 156);
  put(member.linkname ?? "", 157);
  put(member.magic ?? "ustar\x0000", 257);
  put(member.prefix ?? "", 345);
  return rechecked(block, member.checksum);
}

/** A header with its checksum set right, or to `checksum`. */
export function rechecked(block: Uint8Array, checksum?: string): Uint8Array {
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.set(ascii(checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `), 148);
  return block;
}

const zeros = (count: number) => new Uint8Array(count);

/** A member: header, body, padding. */
export function rawMember(member: RawMember): Uint8Array {
  const { body = zeros(0) } = member;
  return Buffer.concat([rawHeader(member), body, zeros((512 - (body.length % 512)) % 512)]);
}

/** An archive of these members. */
export function rawTar(members: readonly RawMember[], end: Uint8Array = zeros(1024)): Uint8Array {
  return Buffer.concat([...members.map(rawMember), end]);
}

/** A PAX header for the member that follows. */
export function rawPax(records: Readonly<Record<string, string>>, type = "x"): RawMember {
  const body = Object.entries(records).map(([key, value]) => {
    const rest = ` ${key}=${value}\n`;
    const length = Buffer.byteLength(rest);
    const digits = String(length + String(length + 2).length).length;
    return `${length + digits}${rest}`;
  });
  return { name: "PaxHeaders/x", type, body: Buffer.from(body.join("")) };
}

/** Where a member of an archive is. */
export interface Place {
  readonly name: string;
  readonly start: number;
  readonly size: number;
  /** Where the next one begins. */
  readonly end: number;
}

/** Where the members of a plain archive are: names below 100 bytes, octal sizes. */
export function places(archive: Uint8Array): Place[] {
  const found: Place[] = [];
  for (let start = 0; archive[start] !== 0; ) {
    const field = (at: number, width: number) =>
      Buffer.from(archive.subarray(start + at, start + at + width))
        .toString("latin1")
        .replace(/[\0 ].*$/s, "");
    const size = Number.parseInt(field(124, 12), 8);
    const end = start + 512 + Math.ceil(size / 512) * 512;
    found.push({ name: field(0, 100), start, size, end });
    start = end;
  }
  return found;
}

/** The bytes in pieces of `length`, as a pipe gives them: each is overwritten when the next is asked for. */
export async function* pieces(bytes: Uint8Array, length = 1000): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(length);
  for (let at = 0; at < bytes.length; at += length) {
    const piece = bytes.subarray(at, at + length);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

/** Numbers that look random and are the same each time: from 0 up to below `end`. */
export function seeded(seed: number): (end: number) => number {
  let state = seed >>> 0;
  return (end) => {
    // Mulberry32.
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % end;
  };
}

/** Bytes that do not compress, the same for the same seed. */
export function noise(length: number, seed: number): Uint8Array {
  const next = seeded(seed);
  return Uint8Array.from({ length }, () => next(256));
}
