/** What clients written in Go would load of an archive: Docker, containerd, and what reads with oras (ig). A model, with nothing of the project's code. */
import { createHash } from "node:crypto";
import { gunzipSync } from "node:zlib";
import { type Decoded, decode, GoError, type Schema } from "../tar/go-json.ts";
import { type GoMember, nameText } from "../tar/go-tar-read.ts";

const strings: Schema = { slice: "string" };
const platform: Schema = {
  struct: {
    architecture: "string",
    os: "string",
    "os.version": "string",
    "os.features": strings,
    variant: "string",
  },
};
const descriptor: Schema = {
  struct: {
    mediaType: "string",
    digest: "string",
    size: "int",
    urls: strings,
    annotations: { map: "string" },
    data: "bytes",
    platform: { pointer: platform },
    artifactType: "string",
  },
};
export const DOCUMENT: Schema = {
  struct: {
    schemaVersion: "int",
    mediaType: "string",
    artifactType: "string",
    config: descriptor,
    layers: { slice: descriptor },
    manifests: { slice: descriptor },
    subject: { pointer: descriptor },
    annotations: { map: "string" },
  },
};
const set: Schema = { map: { struct: {} } };
export const CONFIG: Schema = {
  struct: {
    created: { pointer: "time" },
    author: "string",
    architecture: "string",
    os: "string",
    variant: "string",
    config: {
      struct: {
        User: "string",
        ExposedPorts: set,
        Env: strings,
        Entrypoint: strings,
        Cmd: strings,
        Volumes: set,
        WorkingDir: "string",
        Labels: { map: "string" },
        StopSignal: "string",
        StopTimeout: { pointer: "int" },
        Healthcheck: {
          pointer: { struct: { Test: strings, Interval: "int", Retries: "int" } },
        },
      },
    },
    rootfs: { struct: { type: "string", diff_ids: strings } },
    history: {
      slice: {
        struct: { created: { pointer: "time" }, created_by: "string", empty_layer: "bool" },
      },
    },
  },
};
export const LISTED: Schema = {
  slice: { struct: { Config: "string", RepoTags: strings, Layers: strings } },
};
export const LAYOUT: Schema = { struct: { imageLayoutVersion: "string" } };
/** What containerd looks at before it takes a manifest for one. */
const UNKNOWN: Schema = {
  struct: { mediaType: "string", config: "raw", layers: "raw", manifests: "raw", fsLayers: "raw" },
};

/** What an image is made of: its manifests in their order, each with its config and layers. */
export type Parts = readonly Part[];
export interface Part {
  readonly config: string;
  /** Of the layers as they are in the archive, and uncompressed, as the config says: as far as the road knows them. */
  readonly layers?: readonly string[];
  readonly diffIDs?: readonly string[];
  /** Whether its config is a container's, as far as the road knows. */
  readonly isContainer?: boolean;
}

/** What a road has loaded. Names as they stand, completed where Docker completes them; undefined: none. */
export interface Loaded {
  readonly name: string | undefined;
  /** Of the image; undefined where there is no manifest. */
  readonly digest: string | undefined;
  readonly parts: Parts;
  /** Whether it refers to an image and is none. */
  readonly isReferrer?: boolean;
}

export interface Road {
  readonly road: string;
  /** Nothing is loaded, or that. */
  readonly loaded: readonly Loaded[] | undefined;
  readonly why?: string;
}

export const digestOf = (bytes: Uint8Array): string =>
  `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** path.Clean. */
function clean(name: string): string {
  const isRooted = name.startsWith("/");
  const parts: string[] = [];
  for (const part of name.split("/")) {
    if (part === "" || part === ".") continue;
    if (part !== ".." || (parts.length > 0 && parts.at(-1) === "..")) {
      if (part !== "..") parts.push(part);
      else parts.push("..");
    } else if (parts.length > 0) parts.pop();
    else if (!isRooted) parts.push("..");
  }
  return (isRooted ? "/" : "") + parts.join("/") || ".";
}

type Pick = "first" | "last";

/** The members that have a name, by which of several a client takes. */
function filesOf(members: readonly GoMember[], pick: Pick): Map<string, GoMember> {
  const files = new Map<string, GoMember>();
  for (const member of members) {
    const name = clean(nameText(member.name));
    if (pick === "last" || !files.has(name)) files.set(name, member);
  }
  return files;
}

class Missing extends GoError {}

const INDEXES =
  /^application\/vnd\.(?:oci\.image\.index\.v1|docker\.distribution\.manifest\.list\.v2)\+json$/;
const MANIFESTS =
  /^application\/vnd\.(?:oci\.image\.manifest\.v1|docker\.distribution\.manifest\.v2)\+json$/;
const CONTAINERS =
  /^application\/vnd\.(?:oci\.image\.config\.v1|docker\.container\.image\.v1)\+json$/;

/** What is asked of an archive. */
export interface Ask {
  /** Blobs that may be elsewhere. */
  readonly elsewhere?: ReadonlySet<string>;
  /** Whether layers are unpacked. */
  readonly layers: boolean;
  /** Whether platforms of which something is not there are passed over, as clients do that load one platform. */
  readonly isPartial?: boolean;
}

/** Follows an image. @param find its blobs; undefined: not there */
function partsOf(
  root: Decoded,
  find: (digest: string) => Buffer | undefined,
  { elsewhere, layers, isPartial = false }: Ask,
  isStrict: boolean,
): Parts {
  const parts: Part[] = [];
  const need = (of: Decoded): Buffer => {
    const found = find(of.digest);
    if (found === undefined) throw new Missing(`${of.digest} is not there`);
    if (found.length !== of.size) throw new GoError(`${of.digest} has another size`);
    if (digestOf(found) !== of.digest) throw new GoError(`${of.digest} is something else`);
    return found;
  };
  const follow = (of: Decoded, depth: number): void => {
    if (depth > 32) throw new GoError("too deep");
    const isIndex = INDEXES.test(of.mediaType);
    const bytes = need(of);
    if (!isIndex && !MANIFESTS.test(of.mediaType)) return;
    if (isStrict) validate(bytes, isIndex);
    const found = decode(bytes, DOCUMENT);
    if (isIndex) {
      for (const child of found.manifests ?? [])
        try {
          follow(child, depth + 1);
        } catch (error) {
          if (!isPartial || !(error instanceof Missing)) throw error;
        }
      return;
    }
    const config = need(found.config);
    for (const layer of found.layers ?? []) if (!elsewhere?.has(layer.digest)) need(layer);
    if (CONTAINERS.test(found.config.mediaType)) {
      const { rootfs } = decode(config, CONFIG);
      const diffIDs: string[] = rootfs.diff_ids ?? [];
      if (diffIDs.length !== (found.layers ?? []).length) throw new GoError("layers and diffIDs");
      if (layers)
        for (const [i, layer] of (found.layers ?? []).entries())
          if (!elsewhere?.has(layer.digest) && plainDigest(need(layer)) !== diffIDs[i])
            throw new GoError("another diffID");
    }
    parts.push({
      config: found.config.digest,
      layers: (found.layers ?? []).map((layer: Decoded) => layer.digest),
      isContainer: CONTAINERS.test(found.config.mediaType),
    });
  };
  follow(root, 0);
  return parts;
}

/** containerd's validateMediaType. */
function validate(bytes: Buffer, isIndex: boolean): void {
  const { mediaType, config, layers, manifests, fsLayers } = decode(bytes, UNKNOWN);
  if (fsLayers !== null) throw new GoError("schema 1");
  const isWrong = isIndex
    ? config !== null || layers !== null || MANIFESTS.test(mediaType)
    : manifests !== null || INDEXES.test(mediaType);
  if (isWrong) throw new GoError("an index and a manifest at once");
}

function plainDigest(layer: Buffer): string {
  if (layer[0] !== 0x1f || layer[1] !== 0x8b) return digestOf(layer);
  try {
    return digestOf(gunzipSync(layer));
  } catch {
    throw new GoError("cannot be decompressed");
  }
}

const IMAGE_NAME = "io.containerd.image.name";
const REF_NAME = "org.opencontainers.image.ref.name";
const BLOBS = "blobs/sha256/";

const SUBJECT = "io.containerd.manifest.subject";
const DIGEST = /^sha256:[0-9a-f]{64}$/;
/** The tag of the list of what refers to an image, and with a suffix, a tag of cosign's. */
const LIST_TAG = /(?:^|:)sha256-[0-9a-f]{64}$/;
export const COSIGN_TAG = /(?:^|:)sha256-[0-9a-f]{64}\.(?:sig|att|sbom)$/;

/**
 * Whether an entry refers to an image and is none: by cosign's tag, or without the name of an image by its annotation, by the subject
 * of its manifest, or as the list of what refers to one. An entry that has an image's name in either annotation is that image.
 */
function refers(root: Decoded, find: (digest: string) => Buffer | undefined): boolean {
  const { annotations } = root;
  const names: string[] = [annotations?.[IMAGE_NAME], annotations?.[REF_NAME]].filter(Boolean);
  const isTagOf = (name: string) => LIST_TAG.test(name) || COSIGN_TAG.test(name);
  if (names.some((name) => /[/:@]/.test(name) && !isTagOf(name))) return false;
  if (names.some((name) => COSIGN_TAG.test(name))) return true;
  if (DIGEST.test(annotations?.[SUBJECT] ?? "")) return true;
  if (!INDEXES.test(root.mediaType) && !MANIFESTS.test(root.mediaType)) return false;
  const bytes = find(root.digest);
  const found = bytes && decode(bytes, DOCUMENT);
  const isList = found?.manifests && names.some((name) => LIST_TAG.test(name));
  return (found?.subject ?? null) !== null || Boolean(isList);
}

const road = (name: string, act: () => readonly Loaded[]): Road => {
  try {
    return { road: name, loaded: act() };
  } catch (error) {
    if (error instanceof GoError) return { road: name, loaded: undefined, why: error.message };
    throw error;
  }
};

/** containerd's import of a layout: what is not a file is passed over, the last of a name counts, blobs are known by what they are. */
function containerd(members: readonly GoMember[], ask: Ask): readonly Loaded[] {
  const files = members.filter(({ type }) => type === "0");
  const blobs = new Map<string, Buffer>(files.map(({ body }) => [digestOf(body), body]));
  let version = "";
  let index: Buffer | undefined;
  for (const { name, body } of files) {
    const at = clean(nameText(name));
    if (at === "oci-layout") version = decode(body, LAYOUT, false).imageLayoutVersion;
    else if (at === "manifest.json") decode(body, LISTED, false);
    else if (at === "index.json") index = body;
  }
  if (version !== "1.0.0" || index === undefined) throw new GoError("no layout");
  const found = decode(index, DOCUMENT);
  return (found.manifests ?? []).map((root: Decoded) => ({
    name: root.annotations?.[IMAGE_NAME] || root.annotations?.[REF_NAME] || undefined,
    digest: root.digest,
    parts: partsOf(root, (digest) => blobs.get(digest), ask, true),
    isReferrer: refers(root, (digest) => blobs.get(digest)),
  }));
}

/** How oras and skopeo read a layout: by names, of which each takes the first or the last member that has it. */
function byName(members: readonly GoMember[], pick: Pick, ask: Ask): readonly Loaded[] {
  const files = filesOf(members, pick);
  const body = (name: string): Buffer | undefined => {
    const file = files.get(name);
    if (file !== undefined && file.type !== "0") throw new GoError(`${name} is not a file`);
    return file?.body;
  };
  const need = (name: string) => {
    const found = body(name);
    if (found === undefined) throw new GoError(`no ${name}`);
    return found;
  };
  if (decode(need("oci-layout"), LAYOUT, false).imageLayoutVersion !== "1.0.0")
    throw new GoError("another version");
  const found = decode(need("index.json"), DOCUMENT, false);
  const find = (digest: string) => body(BLOBS + digest.replace(/^sha256:/, ""));
  return (found.manifests ?? []).map((root: Decoded) => ({
    name: root.annotations?.[REF_NAME] || undefined,
    digest: root.digest,
    parts: partsOf(root, find, ask, false),
    isReferrer: refers(root, find),
  }));
}

/** Docker's list, as `docker load` (the last of a name) and skopeo (the first) read it. Layers are what they are uncompressed. */
function docker(
  members: readonly GoMember[],
  pick: Pick,
  { layers, elsewhere }: Ask,
): readonly Loaded[] {
  const files = filesOf(members, pick);
  const body = (name: string): Buffer | undefined => {
    const at = clean(name);
    let file = files.get(at);
    if (file?.type === "2") file = files.get(clean(`${at}/../${file.link}`));
    else if (file?.type === "1") file = files.get(clean(file.link));
    if (file !== undefined && file.type !== "0") throw new GoError(`${name} is not a file`);
    return file?.body;
  };
  for (const { type } of members)
    if (!"0125346g".includes(type)) throw new GoError(`a member of type ${type}`);
  const need = (name: string): Buffer => {
    const found = body(name);
    if (found === undefined) throw new GoError(`no ${name}`);
    return found;
  };
  const images: Decoded[] = decode(need("manifest.json"), LISTED, false) ?? [];
  return images.flatMap(({ Config, RepoTags, Layers }) => {
    const bytes = need(Config);
    const { rootfs } = decode(bytes, CONFIG);
    const diffIDs: string[] = rootfs.diff_ids ?? [];
    const paths: string[] = Layers ?? [];
    const found: string[] = [];
    if (paths.length !== diffIDs.length) throw new GoError("layers and diffIDs");
    for (const [i, path] of paths.entries()) {
      const digest = `sha256:${path.replace(BLOBS, "")}`;
      if (elsewhere?.has(digest)) {
        found.push(digest);
        continue;
      }
      const layer = need(path);
      found.push(digestOf(layer));
      if (layers && plainDigest(layer) !== diffIDs[i]) throw new GoError("another diffID");
    }
    const parts = [{ config: digestOf(bytes), layers: found, diffIDs }];
    const names: (string | undefined)[] = (RepoTags ?? [])
      .filter((tag: string) => tag !== "<none>:<none>")
      .map(complete);
    return (names.length === 0 ? [undefined] : names).map((name) => ({
      name,
      digest: undefined,
      parts,
    }));
  });
}

const PART = "[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*";
const NAME = new RegExp(`^${PART}(?:/${PART})*:[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$`);

/** reference.ParseNormalizedNamed, with a tag. */
export function complete(name: string): string {
  const [first = "", ...rest] = name.split("/");
  const isHost =
    rest.length > 0 &&
    (/[.:]/.test(first) || first === "localhost" || first !== first.toLowerCase());
  const host = isHost ? first : "docker.io";
  const path = isHost ? rest.join("/") : name;
  const whole = host === "docker.io" && !path.includes("/") ? `library/${path}` : path;
  const tagged = /:[^/]*$/.test(whole) ? whole : `${whole}:latest`;
  if (!NAME.test(tagged)) throw new GoError(`${JSON.stringify(name)} cannot be a name`);
  return `${host}/${tagged}`;
}

/** Every road that an archive's members lead on. */
export function roadsOf(members: readonly GoMember[], failed: boolean, ask: Ask): Road[] {
  const files = members.filter(({ type }) => type !== "5");
  const names = new Set(files.map(({ name }) => clean(nameText(name))));
  const isLayout = names.has("oci-layout") || names.has("index.json");
  if (failed) return [{ road: "tar", loaded: undefined, why: "it cannot be read to its end" }];
  const layout: Road[] = isLayout
    ? [
        road("containerd", () => containerd(members, ask)),
        road("oras", () => byName(members, "last", ask)),
        road("the first of each name", () => byName(members, "first", ask)),
      ]
    : [];
  // A layer of a layout may be anything until somebody unpacks it.
  const how = isLayout ? ask : { ...ask, layers: true };
  const list: Road[] = names.has("manifest.json")
    ? [
        road("docker load", () => docker(members, "last", how)),
        road("skopeo docker-archive", () => docker(members, "first", how)),
      ]
    : [];
  return [...layout, ...list];
}
