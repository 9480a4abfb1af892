/**
 * The recipe of the golden files, from literals, after docs/canonical-archive.md and the OCI image
 * specification, by nothing of the project's own code.
 *
 * `bun test/reproducibility/golden/make.ts` or `deno run -A test/reproducibility/golden/make.ts` writes those that are not there yet. Golden
 * files are only ever added: one that is there stays as it is, whatever the recipe says.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { octal, padded, type UstarFields, ustarHeader } from "../../support/tar/ustar.ts";

const OCI = "application/vnd.oci.image";
const GADGET = "application/vnd.gadget";
const REF_NAME = "org.opencontainers.image.ref.name";
const HELLO = join(import.meta.dirname, "../../../examples/gadget/hello");

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
}

interface Named {
  readonly reference: string;
  readonly root: Descriptor;
  readonly platform?: object;
  /** What Docker loads of it. */
  readonly docker?: { readonly config: Descriptor; readonly layers: readonly Descriptor[] };
}

const utf8 = (text: string) => Buffer.from(text, "utf8");
const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** As Go's encoding/json has it, and with it every gadget image there is. */
function json(value: unknown): Buffer {
  const escape = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`;
  return utf8(JSON.stringify(value).replace(/[<>&\u2028\u2029]/g, escape));
}

/** Blobs by name, as they come. */
class Blobs extends Map<string, Buffer> {
  put(mediaType: string, bytes: Buffer): Descriptor {
    const hex = sha256(bytes);
    this.set(`blobs/sha256/${hex}`, bytes);
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length };
  }
}

interface Gadget {
  readonly metadata?: Buffer;
  /** The annotations' values that come from the metadata, in the order of their keys. */
  readonly says?: { description: string; title: string };
  readonly created: string;
  readonly builder: string;
  readonly ebpf?: Readonly<Record<string, Buffer>>;
  readonly wasm?: Buffer;
}

/** A gadget image for amd64 and arm64: its index. */
function gadget(blobs: Blobs, { metadata, says, created, builder, ebpf, wasm }: Gadget): Descriptor {
  const image = "org.opencontainers.image";
  const annotations =
    metadata === undefined
      ? { [`${image}.created`]: created }
      : {
          "io.inspektor-gadget.builder.version": builder,
          [`${image}.created`]: created,
          [`${image}.description`]: says?.description ?? "",
          [`${image}.documentation`]: "",
          [`${image}.source`]: "",
          [`${image}.title`]: says?.title ?? "",
          [`${image}.url`]: "",
        };
  const config =
    metadata === undefined
      ? { ...blobs.put("application/vnd.oci.empty.v1+json", utf8("{}")), annotations, data: "e30=" }
      : { ...blobs.put(`${GADGET}.config.v1+yaml`, metadata), annotations };
  const manifests = ["amd64", "arm64"].map((architecture) => {
    const object = ebpf?.[architecture];
    const layers = [
      ...(object === undefined ? [] : [blobs.put(`${GADGET}.ebpf.program.v1+binary`, object)]),
      ...(wasm === undefined ? [] : [blobs.put(`${GADGET}.wasm.program.v1+binary`, wasm)]),
    ];
    const artifactType = `${GADGET}.v1+binary`;
    const manifest = json({ schemaVersion: 2, artifactType, config, layers, annotations });
    const put = blobs.put(`${OCI}.manifest.v1+json`, manifest);
    return { ...put, annotations, platform: { architecture, os: "linux" } };
  });
  const mediaType = `${OCI}.index.v1+json`;
  return blobs.put(mediaType, json({ schemaVersion: 2, mediaType, manifests, annotations }));
}

/** A container image for one platform, with one layer of one file. */
function container(blobs: Blobs, platform: { architecture: string; variant?: string }, text: string) {
  const file = utf8(text);
  const layer = Buffer.concat([header("etc/motd", file.length), padded(file), Buffer.alloc(1024)]);
  const layers = [blobs.put(`${OCI}.layer.v1.tar`, layer)];
  const { architecture, variant } = platform;
  const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
  const content = { architecture, os: "linux", ...(variant && { variant }), config: {}, rootfs };
  const config = blobs.put(`${OCI}.config.v1+json`, json(content));
  const mediaType = `${OCI}.manifest.v1+json`;
  const root = blobs.put(mediaType, json({ schemaVersion: 2, mediaType, config, layers }));
  return { root, platform: { architecture, os: "linux", ...(variant && { variant }) }, docker: { config, layers } };
}

const fields: Omit<UstarFields, "name" | "size"> = {
  mode: "000644 \0",
  uid: "000000 \0",
  gid: "000000 \0",
  mtime: "00000000000 ",
  checksum: (sum) => `${octal(sum, 6)} \0`,
  typeflag: "0",
  uname: "",
  gname: "",
  device: "000000 \0",
};

/** The header of a member: one block, or, from 8 GiB on, three. A directory's name ends in a slash. */
function header(name: string, size: number): Buffer {
  if (name.endsWith("/"))
    return ustarHeader({ ...fields, name, mode: "000755 \0", size: `${octal(0, 11)} `, typeflag: "5" });
  if (size < 8 ** 11) return ustarHeader({ ...fields, name, size: `${octal(size, 11)} ` });
  // Two digits for the record's length (10 to 16 for the size, 7 around it).
  const record = utf8(`${2 + String(size).length + " size=\n".length} size=${size}\n`);
  const before = { ...fields, name: "PaxHeader", typeflag: "x", size: `${octal(record.length, 11)} ` };
  return Buffer.concat([ustarHeader(before), padded(record), header(name, 0)]);
}

interface Row {
  readonly name: string;
  /** Where its header begins. */
  readonly offset: number;
  readonly size: number;
}

/** A line of index.json for what refers to an image. */
interface Referring {
  readonly root: Descriptor;
  readonly subject: string;
  readonly artifactType?: string;
  /** Cosign's tag, under the annotation that has it. */
  readonly tag?: readonly [annotation: string, tag: string];
}

/** The canonical archive of `images` and of what refers to them, whose blobs are `blobs`. */
function archive(
  blobs: Blobs,
  images: readonly Named[],
  referring: readonly Referring[] = [],
): { bytes: Buffer; members: Row[] } {
  const named = [...images].sort((a, b) => Buffer.compare(utf8(a.reference), utf8(b.reference)));
  const lines = [...referring].sort((a, b) =>
    Buffer.compare(utf8(`${a.root.digest} ${a.subject}`), utf8(`${b.root.digest} ${b.subject}`)),
  );
  const manifests = [
    ...named.map(({ reference, root, platform }) => ({
      ...root,
      annotations: { [REF_NAME]: reference },
      platform,
    })),
    ...lines.map(({ root, subject, artifactType, tag }) => ({
      ...root,
      annotations: { "io.containerd.manifest.subject": subject, ...(tag && { [tag[0]]: tag[1] }) },
      artifactType,
    })),
  ];
  const annotations = { "io.ingot.manifests.digest": `sha256:${sha256(json(manifests))}` };
  const index = json({ schemaVersion: 2, mediaType: `${OCI}.index.v1+json`, manifests, annotations });
  const path = ({ digest }: Descriptor) => `blobs/sha256/${digest.slice(7)}`;
  const docker = named.flatMap(({ reference, docker }) =>
    docker === undefined
      ? []
      : [{ Config: path(docker.config), RepoTags: [reference], Layers: docker.layers.map(path) }],
  );
  const files = [
    ...["blobs/", "blobs/sha256/"].map((name) => [name, Buffer.alloc(0)] as const),
    ...[...blobs].sort(([a], [b]) => Buffer.compare(utf8(a), utf8(b))),
    ["index.json", index] as const,
    ...(docker.length === 0 ? [] : [["manifest.json", json(docker)] as const]),
    ["oci-layout", utf8('{"imageLayoutVersion":"1.0.0"}')] as const,
  ];
  const members: Row[] = [];
  const parts: Buffer[] = [];
  let offset = 0;
  for (const [name, content] of files) {
    members.push({ name, offset, size: content.length });
    const part = Buffer.concat([header(name, content.length), padded(content)]);
    parts.push(part);
    offset += part.length;
  }
  return { bytes: Buffer.concat([...parts, Buffer.alloc(1024)]), members };
}

/** What another implementation needs in order to compare: the archive in numbers. */
function described(images: readonly Named[], { bytes, members }: { bytes: Buffer; members: Row[] }) {
  return {
    size: bytes.length,
    sha256: sha256(bytes),
    images: images.map(({ reference, root }) => ({ reference, ...root })),
    members,
  };
}

/** Indented, with a newline at the end: to be read by people as well. */
const document = (value: unknown) => utf8(`${JSON.stringify(value, undefined, 2)}\n`);

/** What `ig image build` made of `name: unsigned` on 2025-10-20: see gadget-v1.json for what went in. */
function gadgetVector(): Record<string, Buffer> {
  const blobs = new Blobs();
  const metadata = utf8("name: unsigned\n");
  const given = { created: "2025-10-20T15:28:46+02:00", builder: "v0.45.0-45-gfc2e80680-dirty" };
  const index = gadget(blobs, { metadata, says: { description: "", title: "unsigned" }, ...given });
  const parsed = JSON.parse(`${blobs.get(`blobs/sha256/${index.digest.slice(7)}`)}`);
  const { mediaType, digest, size } = parsed.manifests[0];
  const manifest = blobs.get(`blobs/sha256/${digest.slice(7)}`) as Buffer;
  const { config } = JSON.parse(`${manifest}`);
  return {
    "gadget-v1.json": document({
      metadata: `${metadata}`,
      architectures: ["amd64", "arm64"],
      created: given.created,
      builderVersion: given.builder,
      config: { mediaType: config.mediaType, digest: config.digest, size: config.size },
      manifest: { mediaType, digest, size },
      index,
    }),
    "gadget-v1.manifest.json": manifest,
    "gadget-v1.index.json": blobs.get(`blobs/sha256/${index.digest.slice(7)}`) as Buffer,
  };
}

/** Gadgets and containers with every corner of the format that fits into a few kB. */
function archiveVector(): Record<string, Buffer> {
  const blobs = new Blobs();
  const epoch = { created: "1970-01-01T00:00:00Z", builder: "golden" };
  const description = 'Says "<1 & 2>" \\ \u2028 é 𝄞';
  const probe = gadget(blobs, {
    metadata: utf8("name: probe\n"),
    says: { description, title: "probe" },
    ...epoch,
    // One that fills its block, and one that fills none.
    ebpf: { amd64: Buffer.alloc(512, "amd64\n"), arm64: Buffer.alloc(0) },
    wasm: Buffer.from([0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00]),
  });
  const bare = gadget(blobs, epoch);
  const lone = container(blobs, { architecture: "arm64", variant: "v8" }, "for one platform\n");
  const several = (["arm", "amd64", "386"] as const).map((architecture) =>
    container(blobs, architecture === "arm" ? { architecture, variant: "v7" } : { architecture }, "for three\n"),
  );
  const mediaType = `${OCI}.index.v1+json`;
  const indexOf = (images: readonly Omit<Named, "reference">[]) => {
    const manifests = images.map(({ root, platform }) => ({ ...root, platform }));
    return blobs.put(mediaType, json({ schemaVersion: 2, mediaType, manifests }));
  };
  const [arm, amd64, i386] = several;
  const images: Named[] = [
    { reference: "docker.io/library/lone:1", ...lone },
    { reference: "docker.io/library/several:1", root: indexOf(several), docker: amd64!.docker },
    { reference: "docker.io/library/several:other", root: indexOf([arm!, i386!]), docker: i386!.docker },
    { reference: "ghcr.io/inspektor-gadget/gadget/bare:latest", root: bare },
    // In the order of bytes `V` comes before `v`, and `10` before `9`.
    { reference: "ghcr.io/inspektor-gadget/gadget/probe:V9", root: probe },
    { reference: "ghcr.io/inspektor-gadget/gadget/probe:v10", root: probe },
    { reference: "ghcr.io/inspektor-gadget/gadget/probe:v9", root: probe },
  ];
  const made = archive(blobs, images);
  return { "archive-v1.tar": made.bytes, "archive-v1.json": document(described(images, made)) };
}

/** A gadget and a container with signatures in all forms, and an SBOM that has a signature itself. */
function referrersVector(): Record<string, Buffer> {
  const blobs = new Blobs();
  const probe = gadget(blobs, {
    metadata: utf8("name: signed\n"),
    says: { description: "", title: "signed" },
    created: "1970-01-01T00:00:00Z",
    builder: "golden",
  });
  const lone = container(blobs, { architecture: "amd64" }, "signed\n");
  const mediaType = `${OCI}.manifest.v1+json`;
  /** A manifest that refers to `subject`, or, without one, what cosign keeps under a tag: it looks like a container for nothing. */
  const refer = (
    subject: Descriptor | undefined,
    types: { artifact?: string; config?: string; layer: string },
    text: string,
  ) => {
    const layers = [blobs.put(types.layer, utf8(text))];
    const rootfs = { type: "layers", diff_ids: layers.map(({ digest }) => digest) };
    const config =
      types.config === undefined
        ? blobs.put(`${OCI}.config.v1+json`, json({ architecture: "", os: "", config: {}, rootfs }))
        : blobs.put(types.config, utf8("{}"));
    const artifactType = types.artifact;
    const named = subject && {
      mediaType: subject.mediaType,
      digest: subject.digest,
      size: subject.size,
    };
    return blobs.put(
      mediaType,
      json({ schemaVersion: 2, mediaType, artifactType, config, layers, subject: named }),
    );
  };
  const empty = `${OCI.replace(".image", "")}.empty.v1+json`;
  const bundle = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const notation = "application/vnd.cncf.notary.signature";
  const simple = "application/vnd.dev.cosign.simplesigning.v1+json";
  const spdx = "application/spdx+json";
  const tagOf = ({ digest }: Descriptor, suffix: string) => `${digest.replace(":", "-")}${suffix}`;
  const sbom = refer(lone.root, { artifact: spdx, config: empty, layer: spdx }, "sbom");
  const referring: Referring[] = [
    {
      root: refer(lone.root, { artifact: bundle, config: empty, layer: bundle }, "bundle"),
      subject: lone.root.digest,
      artifactType: bundle,
    },
    {
      // Without a type of its own it is what its config is.
      root: refer(lone.root, { config: notation, layer: "application/cose" }, "notation"),
      subject: lone.root.digest,
      artifactType: notation,
    },
    { root: sbom, subject: lone.root.digest, artifactType: spdx },
    {
      root: refer(sbom, { artifact: bundle, config: empty, layer: bundle }, "of the SBOM"),
      subject: sbom.digest,
      artifactType: bundle,
    },
    {
      root: refer(undefined, { layer: simple }, "cosign, of a container"),
      subject: lone.root.digest,
    },
    {
      // Its content does not tell which of cosign's tags it has.
      root: refer(undefined, { layer: "text/plain" }, "cosign, an odd one"),
      subject: lone.root.digest,
      tag: ["io.ingot.cosign.tag", tagOf(lone.root, ".att")],
    },
    {
      root: refer(undefined, { layer: simple }, "cosign, of a gadget"),
      subject: probe.digest,
      tag: [REF_NAME, tagOf(probe, ".sig")],
    },
  ];
  const images: Named[] = [
    { reference: "ghcr.io/inspektor-gadget/gadget/signed:v1", root: probe },
    { reference: "docker.io/library/signed:v1", ...lone },
  ];
  const made = archive(blobs, images, referring);
  return {
    "referrers-v1.tar": made.bytes,
    "referrers-v1.json": document({
      ...described(images, made),
      referrers: referring.map(({ root, subject }) => ({ subject, ...root })),
    }),
  };
}

/** The archive of examples/gadget/hello as it is built with no option and no time. */
function helloVector(): Record<string, Buffer> {
  const blobs = new Blobs();
  const metadata = readFileSync(join(HELLO, "gadget.yaml"));
  const [, title = "", description = ""] = /^name: (.*)\ndescription: (.*)\n$/.exec(`${metadata}`) ?? [];
  const root = gadget(blobs, {
    metadata,
    says: { description, title },
    created: "1970-01-01T00:00:00Z",
    builder: "ingot",
    wasm: readFileSync(join(HELLO, "program.wasm")),
  });
  const images = [{ reference: "ghcr.io/inspektor-gadget/gadget/hello:latest", root }];
  return { "hello-v1.json": document(described(images, archive(blobs, images))) };
}

/** The sizes around the one from which on octal digits do not do, and the largest. */
export const PAX_SIZES = [8 ** 11 - 1, 8 ** 11, 8 ** 11 + 1, 10 ** 10 - 1, 10 ** 10, Number.MAX_SAFE_INTEGER];

/** Headers as hexadecimal digits, 64 in a line. */
function paxVector(): Record<string, Buffer> {
  const name = `blobs/sha256/${"0123456789abcdef".repeat(4)}`;
  const headers = PAX_SIZES.map((size) => ({
    name,
    size,
    header: header(name, size).toString("hex").match(/.{64}/g),
  }));
  return { "pax-v1.json": document(headers) };
}

/** Every golden file by its name. */
export function make(): Readonly<Record<string, Buffer>> {
  return {
    ...gadgetVector(),
    ...archiveVector(),
    ...referrersVector(),
    ...helloVector(),
    ...paxVector(),
  };
}

if (import.meta.main) {
  for (const [name, bytes] of Object.entries(make())) {
    const file = join(import.meta.dirname, name);
    if (!existsSync(file)) writeFileSync(file, bytes);
  }
}
