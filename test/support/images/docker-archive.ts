/** Archives of Docker's old form, made by hand: as `docker save` writes them, and as nobody should. */
import { createHash } from "node:crypto";
import { join } from "node:path";
import { root } from "../process/ingot.ts";
import { layerOf } from "../tar/go-tar.ts";
import { ascii, type RawMember, rawTar } from "./archive.ts";

/** An archive of another tool; README.md there says how each was made. */
export const fixture = (name: string): string => join(root, "test/fixtures/foreign", name);

export const hex = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The layer of one file. */
export const layer = (text: string): Uint8Array => layerOf({ "etc/motd": text });

export const json = (value: unknown): Uint8Array => ascii(JSON.stringify(value));

/** A config over layers with these diffIDs. */
export const configOf = (diffIDs: readonly string[]): Uint8Array =>
  json({ architecture: "amd64", os: "linux", rootfs: { type: "layers", diff_ids: diffIDs } });

export interface DockerParts {
  readonly layers: readonly Uint8Array[];
  /** What the config says; default: what the layers are, uncompressed as they stand. */
  readonly diffIDs?: readonly string[];
  readonly tags?: readonly string[] | null;
  /** Members before `manifest.json`. */
  readonly more?: readonly RawMember[];
  /** Of the member of layer `i`; default: a file with the layer. */
  readonly member?: (i: number, name: string) => readonly RawMember[];
  /** Members of its element. */
  readonly element?: object;
}

export const layerName = (i: number): string => `${String(i).repeat(64)}/layer.tar`;

/** The members of an archive with one image. */
export function dockerMembers(parts: DockerParts): RawMember[] {
  const { layers, tags = ["box:v1"], more = [], member, element = {} } = parts;
  const config = configOf(parts.diffIDs ?? layers.map((bytes) => `sha256:${hex(bytes)}`));
  const names = layers.map((_, i) => layerName(i));
  const files = layers.flatMap((body, i) => [
    { name: `${names[i]!.slice(0, 64)}/`, type: "5" },
    { name: `${names[i]!.slice(0, 64)}/VERSION`, body: ascii("1.0") },
    { name: `${names[i]!.slice(0, 64)}/json`, body: ascii('{"id":"x"}') },
    ...(member?.(i, names[i]!) ?? [{ name: names[i]!, body }]),
  ]);
  const list = [{ Config: `${hex(config)}.json`, RepoTags: tags, Layers: names, ...element }];
  return [
    ...files,
    { name: `${hex(config)}.json`, body: config },
    ...more,
    { name: "manifest.json", body: json(list) },
    { name: "repositories", body: json({}) },
  ];
}

export const dockerArchive = (parts: DockerParts): Uint8Array => rawTar(dockerMembers(parts));
