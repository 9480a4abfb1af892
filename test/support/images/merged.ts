import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { readTar, type TarMember } from "../tar/raw-tar.ts";

/** One image of an archive: what a container of it would see. Times and digests of blobs are left out. */
export interface Merged {
  readonly platform: string;
  readonly author?: string;
  /** The member `config` of the config, as it is. */
  readonly config: unknown;
  /** How many of its layers change what is seen. */
  readonly layers: number;
  /** What made each entry of the history; where it has no layer, or one that changes nothing, `(empty) ` is before it. */
  readonly history: readonly string[];
  /** The merged file system: a line for each path, in the order of their bytes. */
  readonly files: readonly string[];
}

interface Inode {
  readonly member: TarMember;
}

type Tree = Map<string, Inode>;

/**
 * The images of an OCI archive by platform, in byte order of the platforms. Written after image-spec's layer.md and with
 * nothing of the project's code. Throws where the archive does not hang together: a digest that differs, layers, diffIDs
 * and history of different numbers, a member below something that is no folder, a hard link to nothing.
 */
export function readMerged(archive: string): Merged[] {
  const members = new Map(
    readTar(readFileSync(archive)).map(({ name, content }) => [name.replace(/\/$/, ""), content]),
  );
  const blob = (digest: string): Buffer => {
    const bytes = members.get(`blobs/${digest.replace(":", "/")}`);
    if (bytes === undefined) throw new Error(`readMerged: no blob ${digest}`);
    if (sha256(bytes) !== digest.slice(7))
      throw new Error(`readMerged: not what it says: ${digest}`);
    return bytes;
  };
  const found: Merged[] = [];
  const look = ({ mediaType, digest }: Descriptor) => {
    const document = JSON.parse(blob(digest).toString()) as Document;
    if (/index|list/.test(mediaType)) for (const each of document.manifests) look(each);
    else found.push(merged(document, blob));
  };
  const index = members.get("index.json");
  if (index === undefined) throw new Error("readMerged: no index.json");
  const roots = (JSON.parse(index.toString()) as Document).manifests;
  const distinct = new Map(roots.map((each) => [each.digest, each]));
  for (const root of distinct.values()) look(root);
  return found.sort((a, b) => (a.platform < b.platform ? -1 : 1));
}

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

interface Document {
  readonly manifests: readonly Descriptor[];
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[] | null;
}

interface Config {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly author?: string;
  readonly config?: unknown;
  readonly rootfs: { readonly diff_ids: readonly string[] | null };
  readonly history?:
    | readonly { readonly created_by?: string; readonly empty_layer?: boolean }[]
    | null;
}

function merged(manifest: Document, blob: (digest: string) => Buffer): Merged {
  const config = JSON.parse(blob(manifest.config.digest).toString()) as Config;
  const { architecture, os, variant, author, rootfs } = config;
  const history = config.history ?? [];
  const tree: Tree = new Map();
  let files: readonly string[] = [];
  const layers = (manifest.layers ?? []).map(({ mediaType, digest }) => {
    const bytes = blob(digest);
    const layer = mediaType.endsWith("gzip") ? gunzipSync(bytes) : bytes;
    apply(tree, readTar(layer));
    const before = files;
    files = lines(tree);
    const empty = files.join("\n") === before.join("\n");
    return { diffID: `sha256:${sha256(layer)}`, empty };
  });
  const diffIDs = layers.map(({ diffID }) => diffID);
  if (JSON.stringify(diffIDs) !== JSON.stringify(rootfs.diff_ids ?? []))
    throw new Error(`readMerged: diff_ids ${rootfs.diff_ids}, should be ${diffIDs}`);
  const full = history.filter((entry) => entry.empty_layer !== true).length;
  if (full !== layers.length)
    throw new Error(`readMerged: history of ${full} layers, should be ${layers.length}`);
  const rest = [...layers];
  return {
    platform: [os, architecture, ...(variant === undefined ? [] : [variant])].join("/"),
    ...(author === undefined ? {} : { author }),
    config: config.config ?? {},
    layers: layers.filter(({ empty }) => !empty).length,
    history: history.map(({ created_by = "", empty_layer }) =>
      empty_layer || rest.shift()?.empty ? `(empty) ${created_by}` : created_by,
    ),
    files,
  };
}

/** Afterwards `tree` is what it is with this layer on top: what is deleted first, whatever the order of the members. */
function apply(tree: Tree, members: readonly TarMember[]): void {
  const named = members.map((member) => ({ member, path: clean(member.name) }));
  for (const { path } of named) {
    const [, folder = "", name = ""] = /^((?:.*\/)?)\.wh\.([^/]*)$/.exec(path) ?? [];
    if (name === ".wh..opq") remove(tree, folder);
    else if (name !== "") remove(tree, `${folder}${name}/`, `${folder}${name}`);
  }
  for (const { member, path } of named) {
    if (/(?:^|\/)\.wh\.[^/]*$/.test(path)) continue;
    put(tree, path, member);
  }
}

/** A path without `./` before it and slashes around it; the root is empty. */
function clean(name: string): string {
  const path = name.replace(/^(?:\.?\/)+|^\.$|\/+$/g, "");
  if (path.split("/").some((part) => part === ".." || part === "."))
    throw new Error(`readMerged: the name ${name}`);
  return path;
}

function remove(tree: Tree, below: string, itself?: string): void {
  for (const path of tree.keys()) if (path.startsWith(below) || path === itself) tree.delete(path);
}

function put(tree: Tree, path: string, member: TarMember): void {
  for (let slash = path.indexOf("/"); slash > 0; slash = path.indexOf("/", slash + 1)) {
    const parent = tree.get(path.slice(0, slash));
    if (parent === undefined)
      throw new Error(`readMerged: ${path}: its folder is not named before it`);
    if (parent.member.type !== "5") throw new Error(`readMerged: ${path}: below what is no folder`);
  }
  if (member.type === "1") {
    const first = tree.get(clean(member.link));
    if (first === undefined) throw new Error(`readMerged: ${path}: a hard link to nothing`);
    const about = ({ mode, uid, gid }: TarMember) => `${mode} ${uid} ${gid}`;
    if (about(first.member) !== about(member))
      throw new Error(`readMerged: ${path}: a hard link with a mode or an owner of its own`);
    remove(tree, `${path}/`);
    tree.set(path, first);
    return;
  }
  if (member.type !== "5") remove(tree, `${path}/`);
  tree.set(path, { member });
}

/** `PATH MODE UID:GID …`: a folder has a slash behind its path, hard links name the first path of their file. */
function lines(tree: Tree): string[] {
  const paths = [...tree.keys()].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
  const first = new Map<Inode, string>();
  return paths.map((path) => {
    const inode = tree.get(path)!;
    const { type, mode, uid, gid, link, device, content, xattrs } = inode.member;
    const same = first.get(inode);
    if (same === undefined) first.set(inode, path);
    const kinds: Readonly<Record<string, string>> = {
      "0": `${content.length} ${sha256(content)}`,
      "2": `-> ${link}`,
      "3": `character ${device}`,
      "4": `block ${device}`,
      "5": "",
      "6": "fifo",
    };
    const kind = kinds[type];
    if (kind === undefined) throw new Error(`readMerged: ${path}: type ${type}`);
    return [
      type === "5" ? `${path}/` : path,
      `0${mode.toString(8).padStart(3, "0")}`,
      `${uid}:${gid}`,
      kind,
      ...[...xattrs].map(([name, value]) => `${name}=${value.toString("hex")}`).sort(),
      same === undefined ? "" : `= ${same}`,
    ]
      .filter((word) => word !== "")
      .join(" ");
  });
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
