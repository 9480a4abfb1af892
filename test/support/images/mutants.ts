/** Archives of several tools, and small changes of their structure, each of a kind that readers may differ in. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";
import { type Ast, parseAst, printAst } from "../tar/go-json.ts";
import { readGoTar } from "../tar/go-tar-read.ts";
import { ascii, Blobs, layoutMembers, named, rechecked, types } from "./archive.ts";
import { dockerMembers, fixture, layer, layerName } from "./docker-archive.ts";

/** One header and what follows it. `before`: bytes of headers that extend it. */
export interface Piece {
  header: Buffer;
  body: Buffer;
}

export interface Seed {
  readonly name: string;
  readonly pieces: readonly Piece[];
  /** Layers that are elsewhere. */
  readonly elsewhere?: ReadonlySet<string>;
  readonly isCompressed?: boolean;
}

export interface Mutant {
  readonly seed: Seed;
  readonly what: string;
  /** Not compressed. */
  readonly bytes: Buffer;
}

const BLOCK = 512;
const hexOf = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const fill = (length: number) => Buffer.alloc((BLOCK - (length % BLOCK)) % BLOCK);

export const archiveOf = (pieces: readonly Piece[], end = 2 * BLOCK): Buffer =>
  Buffer.concat([
    ...pieces.flatMap(({ header, body }) => [header, body, fill(body.length)]),
    Buffer.alloc(end),
  ]);

/** The pieces of an archive of plain headers. */
export function piecesOf(archive: Uint8Array): Piece[] {
  const bytes = Buffer.from(archive);
  const pieces: Piece[] = [];
  for (let at = 0; bytes[at] !== 0 && at < bytes.length; ) {
    const header = Buffer.from(bytes.subarray(at, at + BLOCK));
    const size = Number.parseInt(header.toString("latin1", 124, 135), 8) || 0;
    pieces.push({ header, body: Buffer.from(bytes.subarray(at + BLOCK, at + BLOCK + size)) });
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }
  return pieces;
}

export const nameOf = ({ header }: Piece) =>
  header.toString("latin1", 0, 100).replace(/\0.*$/s, "");

/** A header, GNU's as Go's old writers have it where `isGnu`. */
export function headerOf(name: string, size: number, type = "0", isGnu = false): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(name.slice(0, 100), 0, "latin1");
  block.write("0000644\x000001750\x000001750\0", 100);
  block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  block.write("14000000000\0", 136);
  block.write(type, 156, "latin1");
  block.write(isGnu ? "ustar  \0" : "ustar\x0000", 257);
  return Buffer.from(rechecked(block));
}

const pieceOf = (name: string, body: Uint8Array, type = "0"): Piece => ({
  header: headerOf(name, body.length, type),
  body: Buffer.from(body),
});

// --- seeds

const refName = "org.opencontainers.image.ref.name";

function container(blobs: Blobs, text: string, isGzip = false, architecture = "amd64") {
  const plain = [layer(text), layer(`${text} more`)];
  const rootfs = { type: "layers", diff_ids: plain.map((bytes) => `sha256:${hexOf(bytes)}`) };
  const config = {
    created: "2024-01-01T00:00:00Z",
    architecture,
    os: "linux",
    config: { Env: ["A=b"], Cmd: ["/x"], Labels: { Kind: "a", kind: "b" }, Volumes: { "/v": {} } },
    rootfs,
    history: [{ created: "2024-01-01T00:00:00Z", created_by: "x" }, { created_by: "y" }],
  };
  const layers = plain.map((bytes) =>
    isGzip ? blobs.add(`${types.layer}+gzip`, gzipSync(bytes)) : blobs.add(types.layer, bytes),
  );
  return blobs.manifest(blobs.add(types.config, config), layers);
}

const membersOf = (
  blobs: Blobs,
  roots: Parameters<typeof layoutMembers>[1],
  more: Piece[] = [],
) => [
  ...layoutMembers(blobs, roots).map(({ name, body }) => pieceOf(`${name}`, body ?? ascii(""))),
  ...more,
];

/** Docker's list of images. */
const listed = (
  blobs: Blobs,
  images: readonly (readonly [{ digest: string }, readonly string[]])[],
) => {
  const list = images.map(([{ digest }, tags]) => {
    const { config, layers } = JSON.parse(
      Buffer.from(blobs.get(digest as "sha256:") ?? "").toString(),
    );
    const path = (one: { digest: string }) => `blobs/sha256/${one.digest.slice(7)}`;
    return { Config: path(config), RepoTags: tags, Layers: layers.map(path) };
  });
  return pieceOf("manifest.json", ascii(JSON.stringify(list)));
};

/** @param more seeds that the project's own writer makes */
export function seedsOf(more: readonly Seed[]): Seed[] {
  const seeds: Seed[] = [...more];
  const add = (name: string, pieces: readonly Piece[], odd: Partial<Seed> = {}) =>
    seeds.push({ name, pieces, ...odd });
  for (const isGzip of [false, true]) {
    const blobs = new Blobs();
    const root = container(blobs, "one", isGzip);
    const name = "docker.io/library/app:v1";
    const list = listed(blobs, [[root, ["app:v1"]]]);
    add(isGzip ? "container, gzip" : "container", membersOf(blobs, [named(root, name)], [list]));
    if (!isGzip) {
      add("container without a list", membersOf(blobs, [named(root, name)]));
      add("container, compressed", membersOf(blobs, [named(root, name)], [list]), {
        isCompressed: true,
      });
    }
  }
  {
    const blobs = new Blobs();
    const config = blobs.add(types.gadgetConfig, ascii("name: x\n"));
    const manifests = ["amd64", "arm64"].map((architecture) =>
      blobs.manifest(config, [blobs.add(types.program, ascii(architecture))], {
        platform: { architecture, os: "linux" },
      }),
    );
    add("gadget", membersOf(blobs, [named(blobs.index(manifests), "ghcr.io/me/gadget/x:v1")]));
  }
  {
    const blobs = new Blobs();
    const [one, two] = [container(blobs, "one"), container(blobs, "two", true)];
    add(
      "several images",
      membersOf(
        blobs,
        [
          named(one, "docker.io/library/app:v1"),
          named(two, "docker.io/library/app:v2"),
          named(one, "ghcr.io/me/app:v1"),
        ],
        [
          listed(blobs, [
            [one, ["app:v1", "ghcr.io/me/app:v1"]],
            [two, ["app:v2"]],
          ]),
        ],
      ),
    );
    const both = [two, one].map((root, i) => ({
      ...root,
      annotations: { "io.containerd.image.name": `docker.io/me/x:v${i}`, [refName]: `v${i}` },
    }));
    add("several images, as containerd names them", membersOf(blobs, both));
  }
  {
    const blobs = new Blobs();
    const linux = (architecture: string) => ({ platform: { architecture, os: "linux" } });
    const inner = blobs.index([
      { ...container(blobs, "arm", false, "arm64"), ...linux("arm64") },
      { ...container(blobs, "intel"), ...linux("amd64") },
    ]);
    const outer = blobs.index([
      inner,
      { ...container(blobs, "risc", true, "riscv64"), ...linux("riscv64") },
    ]);
    add("nested index", membersOf(blobs, [named(outer, "registry.test/multi:v1")]));
  }
  {
    const blobs = new Blobs();
    const root = container(blobs, "signed");
    const empty = blobs.add("application/vnd.oci.empty.v1+json", ascii("{}"));
    const artifactType = "application/vnd.dev.cosign.artifact.sig.v1+json";
    const content = {
      schemaVersion: 2,
      mediaType: types.manifest,
      artifactType,
      config: empty,
      layers: [blobs.add("application/vnd.dev.cosign.simplesigning.v1+json", ascii('{"a":1}'))],
      subject: root,
      annotations: { "dev.cosign": "x" },
    };
    const signature = blobs.add(types.manifest, content);
    add(
      "referrers",
      membersOf(blobs, [
        named(root, "registry.test/app:v1"),
        named(signature, `registry.test/app:sha256-${root.digest.slice(7)}.sig`),
      ]),
    );
  }
  const layers = [layer("one"), layer("two"), layer("one")];
  const link = (i: number, name: string) =>
    i === 2
      ? [{ name, type: "2", linkname: `../${layerName(0)}` }]
      : [{ name, body: layers[i] ?? ascii("") }];
  const old = dockerMembers({ layers, tags: ["box:v1", "ghcr.io/me/box:v2"], member: link });
  add(
    "docker-archive, old",
    old.map((member) => {
      const piece = pieceOf(`${member.name}`, member.body ?? ascii(""), member.type);
      if (member.linkname !== undefined) piece.header.write(member.linkname, 157, "latin1");
      return { ...piece, header: Buffer.from(rechecked(piece.header)) };
    }),
  );
  for (const name of [
    "docker-29.tar",
    "podman-docker.tar",
    "ctr.tar",
    "podman-oci.tar",
    "docker-20.tar",
  ])
    add(name, piecesOf(readFileSync(fixture(name))));
  return seeds;
}

// --- changes

export type Random = (below: number) => number;

/** mulberry32. */
export function randomOf(seed: number): Random {
  let state = seed >>> 0;
  return (below) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}

const isJson = ({ body, header }: Piece) =>
  header[156] === 0x30 && (body[0] === 0x7b || body[0] === 0x5b) && body.length < 100_000;

interface Spot {
  readonly parent: Ast;
  readonly at: number;
}

function spots(ast: Ast, found: Spot[] = []): Spot[] {
  if (ast.kind === "object")
    for (const [at, [, value]] of ast.members.entries()) {
      found.push({ parent: ast, at });
      spots(value, found);
    }
  if (ast.kind === "list")
    for (const [at, value] of ast.items.entries()) {
      found.push({ parent: ast, at });
      spots(value, found);
    }
  return found;
}

const get = ({ parent, at }: Spot): Ast =>
  parent.kind === "object"
    ? parent.members[at]![1]
    : parent.kind === "list"
      ? parent.items[at]!
      : parent;

function set({ parent, at }: Spot, value: Ast): void {
  if (parent.kind === "object") parent.members[at] = [parent.members[at]![0], value];
  else if (parent.kind === "list") parent.items[at] = value;
}

const copy = (ast: Ast): Ast => structuredClone(ast);

function folded(key: string, random: Random): string {
  const chars = [...key];
  const at = random(chars.length);
  const special: Record<string, string> = { k: "\u212a", K: "\u212a", s: "\u017f", S: "\u017f" };
  const flip = (char: string) =>
    char === char.toLowerCase() ? char.toUpperCase() : char.toLowerCase();
  if (random(3) === 0) {
    const place = chars.findIndex((char) => special[char] !== undefined);
    if (place >= 0) chars[place] = special[chars[place]!]!;
    return chars.join("");
  }
  if (random(3) === 0) return chars.map(flip).join("");
  for (let i = 0; i < chars.length; i++) {
    const place = (at + i) % chars.length;
    if (flip(chars[place]!) === chars[place]) continue;
    chars[place] = flip(chars[place]!);
    break;
  }
  return chars.join("");
}

const null_: Ast = { kind: "null" };

type JsonChange = (spot: Spot, random: Random, others: readonly Ast[]) => void;

const insert = (members: (readonly [string, Ast])[], random: Random, one: readonly [string, Ast]) =>
  members.splice(random(members.length + 1), 0, one);

const KEYS = [
  "config",
  "layers",
  "manifests",
  "fsLayers",
  "subject",
  "annotations",
  "mediaType",
  "size",
  "digest",
  "rootfs",
  "diff_ids",
  "urls",
  "data",
  "platform",
  "artifactType",
  "Config",
  "Layers",
  "RepoTags",
  "Parent",
  "os",
  "history",
];

/** What can be done to a value in a JSON text. */
const JSON_CHANGES: Readonly<Record<string, JsonChange>> = {
  "key folded": ({ parent, at }, random) => {
    if (parent.kind !== "object") return;
    const [key, value] = parent.members[at]!;
    parent.members[at] = [folded(key, random), value];
  },
  "key twice, folded": ({ parent, at }, random, others) => {
    if (parent.kind !== "object") return;
    const [key, value] = parent.members[at]!;
    const other = [copy(value), null_, ...others.map(copy)][random(2 + others.length)]!;
    insert(parent.members, random, [folded(key, random), other]);
  },
  "key twice": ({ parent, at }, random, others) => {
    if (parent.kind !== "object") return;
    const [key, value] = parent.members[at]!;
    const other = [copy(value), null_, ...others.map(copy)][random(2 + others.length)]!;
    insert(parent.members, random, [key, other]);
  },
  "another key": ({ parent }, random, others) => {
    if (parent.kind !== "object") return;
    const key = KEYS[random(KEYS.length)]!;
    const values: Ast[] = [
      null_,
      { kind: "list", items: [] },
      { kind: "object", members: [] },
      ...others.map(copy),
    ];
    insert(parent.members, random, [
      random(2) ? key : folded(key, random),
      values[random(values.length)]!,
    ]);
  },
  reordered: ({ parent, at }, random) => {
    if (parent.kind === "object") insert(parent.members, random, parent.members.splice(at, 1)[0]!);
    if (parent.kind === "list")
      parent.items.splice(random(parent.items.length), 0, ...parent.items.splice(at, 1));
  },
  "number respelled": (spot, random) => {
    const ast = get(spot);
    if (ast.kind !== "number") return;
    const n = ast.text;
    const forms = [
      `${n}.0`,
      `${n}e0`,
      `${n}E+0`,
      "-0",
      `-${n}`,
      "0",
      `${Number(n) + 1}`,
      `${n}.5`,
      `${n}0e-1`,
      "1e3",
      `${2 ** 60}`,
    ];
    ast.text = forms[random(forms.length)]!;
    if (random(12) === 0) set(spot, { kind: "string", value: n });
  },
  null: (spot) => set(spot, null_),
  "value moved": (spot, random, others) => {
    if (others.length > 0) set(spot, copy(others[random(others.length)]!));
  },
  removed: ({ parent, at }) => {
    if (parent.kind === "object") parent.members.splice(at, 1);
    if (parent.kind === "list") parent.items.splice(at, 1);
  },
  repeated: ({ parent, at }) => {
    if (parent.kind === "list") parent.items.splice(at, 0, copy(parent.items[at]!));
  },
  "string changed": (spot, random) => {
    const ast = get(spot);
    if (ast.kind !== "string") return;
    const s = ast.value;
    const forms = [
      `${s}\u0000`,
      s.toUpperCase(),
      `${s} `,
      "",
      `${s}\ud800`,
      `./${s}`,
      s.replace("sha256:", "sha512:"),
      s.replace("/", "//"),
      `${s}x`,
      "app:v1",
      "docker.io/library/app:v2",
    ];
    ast.value = forms[random(forms.length)]!;
  },
};

const JSON_NAMES = Object.keys(JSON_CHANGES);

/** Changes of the text itself. */
const TEXT_CHANGES: Readonly<Record<string, (text: string, random: Random) => string | Buffer>> = {
  "something after": (text, random) => text + [" ", "\n", "x", "{}", "\0", text][random(6)],
  "something before": (text, random) => [" ", "\ufeff", "\n", "\0"][random(4)] + text,
  "an escape": (text, random) => {
    const places = [...text.matchAll(/[a-zA-Z](?=[^"]*"[:,}\]])/g)];
    const { index = 0 } = places[random(places.length)] ?? {};
    return `${text.slice(0, index)}\\u${text.charCodeAt(index).toString(16).padStart(4, "0")}${text.slice(index + 1)}`;
  },
  "not UTF-8": (text, random) => {
    const bytes = Buffer.from(text);
    bytes[random(bytes.length)] = 0xff;
    return bytes;
  },
};

/** Afterwards what names the piece by its digest names it again, and so on upwards. */
export function rehash(pieces: Piece[], changed: Piece, before: Buffer): void {
  const todo: [Piece, Buffer][] = [[changed, before]];
  for (let next = todo.pop(), i = 0; next !== undefined && i < 50; next = todo.pop(), i++) {
    const [piece, old] = next;
    const [was, is] = [hexOf(old), hexOf(piece.body)];
    resize(piece);
    if (was === is) continue;
    for (const other of pieces) {
      const name = nameOf(other);
      if (name.includes(was)) rename(other, name.replace(was, is));
      if (!isJson(other) || !other.body.includes(was)) continue;
      const text = other.body.toString("latin1").replaceAll(was, is);
      const sized = text.replace(
        new RegExp(`("digest":"sha256:${is}","size":)${old.length}(?![0-9.eE])`, "g"),
        `$1${piece.body.length}`,
      );
      todo.push([other, other.body]);
      other.body = Buffer.from(sized, "latin1");
    }
  }
}

function rename(piece: Piece, name: string): void {
  piece.header.fill(0, 0, 100);
  piece.header.write(name.slice(0, 100), 0, "latin1");
  piece.header = Buffer.from(rechecked(piece.header));
}

function resize(piece: Piece): void {
  piece.header.write(`${piece.body.length.toString(8).padStart(11, "0")}\0`, 124);
  piece.header = Buffer.from(rechecked(piece.header));
}

/** What was changed before may be JSON no more. */
function astOf(bytes: Uint8Array): Ast | undefined {
  try {
    return parseAst(bytes);
  } catch {
    return undefined;
  }
}

function changeJson(pieces: Piece[], random: Random): string {
  const documents = pieces.filter(isJson);
  const piece = documents[random(documents.length)];
  if (piece === undefined) return "nothing";
  const before = piece.body;
  const ast = astOf(before);
  if (ast === undefined) return "nothing";
  const all = spots(ast);
  if (all.length === 0) return "nothing";
  const names = Object.keys(TEXT_CHANGES);
  if (random(10) === 0) {
    const what = names[random(names.length)]!;
    piece.body = Buffer.from(TEXT_CHANGES[what]!(before.toString(), random) as string);
    rehash(pieces, piece, before);
    return `${nameOf(piece)}: ${what}`;
  }
  const other = documents[random(documents.length)]!;
  const foreign = spots(astOf(other.body) ?? null_);
  const others = [
    all[random(all.length)],
    all[random(all.length)],
    foreign[random(foreign.length)],
  ].flatMap((spot) => (spot === undefined ? [] : [get(spot)]));
  const what = JSON_NAMES[random(JSON_NAMES.length)]!;
  let spot = all[random(all.length)]!;
  const kind =
    what === "number respelled" ? "number" : what === "string changed" ? "string" : undefined;
  const fit = kind === undefined ? [] : all.filter((one) => get(one).kind === kind);
  if (fit.length > 0) spot = fit[random(fit.length)]!;
  const key = spot.parent.kind === "object" ? spot.parent.members[spot.at]![0] : `${spot.at}`;
  JSON_CHANGES[what]!(spot, random, others.map(copy));
  piece.body = Buffer.from(printAst(ast));
  rehash(pieces, piece, before);
  return `${nameOf(piece)}: ${what}: ${key}`;
}

export const record = (key: string, value: string): string => {
  const rest = ` ${key}=${value}\n`;
  let length = rest.length;
  while (`${length}`.length + rest.length !== length) length = `${length}`.length + rest.length;
  return `${length}${rest}`;
};

export const extended = (type: string, body: string | Buffer): Piece => {
  const bytes = Buffer.from(body as string);
  return {
    header: headerOf(
      type === "L" || type === "K" ? "././@LongLink" : "PaxHeaders/x",
      bytes.length,
      type,
    ),
    body: bytes,
  };
};

type TarChange = (pieces: Piece[], at: number, random: Random) => void;

const FIELDS = [
  [100, 8],
  [108, 8],
  [116, 8],
  [136, 12],
  [329, 8],
  [337, 8],
  [124, 12],
] as const;

export const put = (piece: Piece, bytes: Uint8Array | string, at: number) => {
  piece.header.set(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes, at);
  piece.header = Buffer.from(rechecked(piece.header));
};

const TYPES = "\x00" + "07125346gxXLKSDMNVA";

const TAR_CHANGES: Readonly<Record<string, TarChange>> = {
  type: (pieces, at, random) => put(pieces[at]!, TYPES[random(TYPES.length)]!, 156),
  "extended header": (pieces, at, random) => {
    const names = pieces.map(nameOf);
    const name = [names[at]!, names[random(names.length)]!, `./${names[at]}`, "index.json"][
      random(4)
    ]!;
    const size = pieces[at]!.body.length;
    const records = [
      record("path", name),
      record("size", `${size}`),
      record("size", `${size + 1}`),
      record("uid", "12"),
      record("mtime", "1.5"),
      record("mtime", "x"),
      record("uid", "x"),
      record("linkpath", "a"),
      record("path", ""),
      record("uname", "a\0b"),
      record("comment", "x"),
      record("GNU.sparse.major", "1"),
      "11 broken=x\n",
      record("atime", "1.x"),
      record("hdrcharset", "BINARY"),
      record("SCHILY.xattr.user.a", "b"),
      record("gid", "-1"),
    ];
    const one = () => {
      const type = "xxxxgLKX"[random(8)]!;
      const body =
        type === "L" || type === "K"
          ? `${name}\0`
          : records[random(records.length)]! + (random(3) ? "" : records[random(records.length)]);
      return extended(type, body);
    };
    pieces.splice(at, 0, ...Array.from({ length: 1 + random(3) }, one));
  },
  "a global header": (pieces, at, random) =>
    void pieces.splice(
      at,
      0,
      extended("g", record("comment", "x")),
      ...(random(2) ? [extended("x", record("uid", "1"))] : []),
    ),
  "a member twice": (pieces, at, random) => {
    const piece = pieces[at]!;
    const body = Buffer.from(piece.body);
    if (random(2) && body.length > 0) body[random(body.length)]! ^= 1;
    const twin = { header: Buffer.from(piece.header), body };
    if (random(3) === 0) rename(twin, `./${nameOf(piece)}`);
    pieces.splice(random(pieces.length + 1), 0, twin);
  },
  "another of a name": (pieces, at, random) => {
    const twin = {
      header: Buffer.from(pieces[at]!.header),
      body: pieces[random(pieces.length)]!.body,
    };
    resize(twin);
    pieces.splice(random(pieces.length + 1), 0, twin);
  },
  "a folder or link of a name": (pieces, at, random) => {
    const name = nameOf(pieces[at]!);
    const type = "512"[random(3)]!;
    const piece = pieceOf(random(2) ? `${name}/` : name, ascii(""), type);
    put(piece, nameOf(pieces[random(pieces.length)]!), 157);
    pieces.splice(random(pieces.length + 1), 0, piece);
  },
  "a file in its folder": (pieces, at, random) =>
    void pieces.splice(
      random(pieces.length + 1),
      0,
      pieceOf(`${nameOf(pieces[at]!).slice(0, 80)}/x`, ascii("x")),
    ),
  magic: (pieces, at, random) =>
    put(
      pieces[at]!,
      ["ustar  \0", "ustar\x0000", "\0\0\0\0\0\0\0\0", "ustar\x0099", "ustar \x0000"][random(5)]!,
      257,
    ),
  prefix: (pieces, at, random) => {
    const piece = pieces[at]!;
    if (random(2)) put(piece, ["ustar  \0", "\0\0\0\0\0\0\0\0"][random(2)]!, 257);
    put(
      piece,
      ["blobs", "x", ".", "00000000001\0", "\x80\0\0\0\0\0\0\0\0\0\0\x01", "blobs/sha256"][
        random(6)
      ]!,
      345 + [0, 0, 0, 12, 131][random(5)]!,
    );
  },
  star: (pieces, at, random) => {
    put(pieces[at]!, "tar\0", 508);
    if (random(2)) put(pieces[at]!, ["x", "12 ", "00000000001\0"][random(3)]!, 476);
    if (random(2)) put(pieces[at]!, "a", 345);
  },
  "a number": (pieces, at, random) => {
    const [from, width] = FIELDS[random(FIELDS.length)]!;
    const forms = [
      "x",
      "8",
      "-1",
      "0x1",
      "1\x007",
      "\xff".repeat(width),
      "\x80",
      "\x80\0\0\0\0\0\0\0\x01",
      "\xc0",
      " 12 ",
      "7".repeat(width),
      "\x81".repeat(width),
      "",
      "12",
      "\0\x0012",
    ];
    put(pieces[at]!, forms[random(forms.length)]!.padEnd(width, "\0"), from);
  },
  order: (pieces, at, random) =>
    void pieces.splice(random(pieces.length), 0, ...pieces.splice(at, 1)),
  name: (pieces, at, random) => {
    const name = nameOf(pieces[at]!);
    const names = [
      `./${name}`,
      `/${name}`,
      `${name}/`,
      name.replace("/", "//"),
      name.toUpperCase(),
      `../${name}`,
      `x/../${name}`,
      `${name}\x01`,
      `.//${name}`,
      name.replace("/", "/./"),
      `${name} `,
      "",
      `././${name}`,
    ];
    rename(pieces[at]!, names[random(names.length)]!);
  },
  content: (pieces, at, random) => {
    const [one, other] = [pieces[at]!, pieces[random(pieces.length)]!];
    [one.body, other.body] = [other.body, one.body];
    resize(one);
    resize(other);
  },
  "a member removed": (pieces, at) => void pieces.splice(at, 1),
  "a link": (pieces, at, random) => {
    const target = nameOf(pieces[random(pieces.length)]!);
    const piece = pieceOf(nameOf(pieces[at]!), ascii(""), random(2) ? "1" : "2");
    put(piece, [target, `../../${target}`, `../${target}`][random(3)]!, 157);
    pieces.splice(at, random(2), piece);
  },
  size: (pieces, at, random) =>
    put(
      pieces[at]!,
      `${Math.max(0, pieces[at]!.body.length + random(3) - 1)
        .toString(8)
        .padStart(11, "0")}\0`,
      124,
    ),
};

const TAR_NAMES = Object.keys(TAR_CHANGES);

const ENDS: Readonly<Record<string, (bytes: Buffer) => Buffer>> = {
  "no end": (bytes) => bytes.subarray(0, -2 * BLOCK),
  "one zero block": (bytes) => bytes.subarray(0, -BLOCK),
  "zeros after it": (bytes) => Buffer.concat([bytes, Buffer.alloc(8 * BLOCK)]),
  "an odd length": (bytes) => Buffer.concat([bytes, Buffer.alloc(7)]),
  "something after it": (bytes) => Buffer.concat([bytes, Buffer.from("x".repeat(BLOCK))]),
  "the archive twice": (bytes) => Buffer.concat([bytes, bytes]),
  "the archive twice in a row": (bytes) => Buffer.concat([bytes.subarray(0, -2 * BLOCK), bytes]),
  "one zero block before it": (bytes) =>
    Buffer.concat([bytes.subarray(0, BLOCK * 3), Buffer.alloc(BLOCK), bytes.subarray(BLOCK * 3)]),
};
const END_NAMES = Object.keys(ENDS);

/** A small change of `seed`, or two. */
export function mutantOf(seed: Seed, random: Random): Mutant {
  const pieces = seed.pieces.map(({ header, body }) => ({ header: Buffer.from(header), body }));
  const said: string[] = [];
  const end = random(25) === 0 ? END_NAMES[random(END_NAMES.length)]! : undefined;
  for (let i = random(6) === 0 ? 2 : 1; i > 0 && (end === undefined || random(2)); i--) {
    if (random(5) < 3) said.push(changeJson(pieces, random));
    else {
      const what = TAR_NAMES[random(TAR_NAMES.length)]!;
      const at = random(pieces.length);
      said.push(`${nameOf(pieces[at]!)}: ${what}`);
      TAR_CHANGES[what]!(pieces, at, random);
      if (pieces.length === 0) break;
    }
  }
  const whole = archiveOf(pieces);
  const bytes = end === undefined ? whole : ENDS[end]!(whole);
  return { seed, what: [...said, ...(end === undefined ? [] : [end])].join("; "), bytes };
}

/** Whether a reader gets every member of it. */
export const isReadable = (bytes: Uint8Array) => !readGoTar(bytes).failed;
