/** The flags of `build`, and which of them are for what. */
import { IngotError } from "../../base/error.ts";
import type { GLOBALS, Options, Values } from "../args/options.ts";
import { JOBS } from "../shared/task.ts";

const program = (name: string, variable: string) =>
  ({
    type: "string",
    valueHint: "PROGRAM",
    description: `gadgets: else ${variable}, else ${name} on the PATH`,
  }) as const;

const pair = (description: string) =>
  ({ type: "string", valueHint: "KEY=VALUE", multiple: true, description }) as const;

export const BUILD_OPTIONS = {
  path: { type: "positional", required: false, description: "the folder; default: this one" },
  tag: {
    type: "string",
    alias: "t",
    valueHint: "REF",
    multiple: true,
    required: true,
    description: "a name for the image",
  },
  file: {
    type: "string",
    alias: "f",
    valueHint: "FILE",
    description: "the Dockerfile or the recipe; default: Dockerfile or build.yaml in the folder",
  },
  output: {
    type: "string",
    alias: "o",
    valueHint: "FILE",
    description: "write an archive instead of to the store; - is stdout",
  },
  platform: {
    type: "string",
    valueHint: "LIST",
    description: "default: linux/amd64,linux/arm64 for a gadget, linux/amd64 for a container",
  },
  "source-date-epoch": {
    type: "string",
    valueHint: "TIME",
    description:
      "seconds since 1970, mtime, git or now; else --build-arg SOURCE_DATE_EPOCH=N, else the variable, else 0",
  },
  strict: { type: "boolean", description: "warnings about the recipe are errors" },
  jobs: JOBS,
  target: { type: "string", valueHint: "STAGE", description: "containers: the stage to build" },
  "build-arg": pair("containers: a value for an ARG; a lone KEY takes the environment's"),
  label: pair("containers: a label in the image's config"),
  annotation: pair("containers: an annotation of the image, org.opencontainers.image.*"),
  compression: {
    type: "string",
    valueHint: "KIND",
    words: ["gzip", "none"],
    description: "containers: gzip (default) or none",
  },
  timestamps: {
    type: "string",
    valueHint: "HOW",
    words: ["set", "clamp", "keep"],
    description: "containers: set all files' times (default), clamp later ones, or keep them",
  },
  modes: {
    type: "string",
    valueHint: "HOW",
    words: ["keep", "set"],
    description:
      "containers: keep the context's modes (default), or set them to 0755 and 0644 as git knows them, whatever the umask",
  },
  xattrs: {
    type: "boolean",
    description: "containers: take user.* and security.capability along, with getfattr",
  },
  pull: {
    type: "boolean",
    description: "containers: fetch images of FROM that the store does not have",
  },
  "no-cache": { type: "boolean", description: "containers: make every layer anew, as -o does" },
  include: {
    type: "string",
    alias: "I",
    valueHint: "DIR",
    multiple: true,
    description: "gadgets: a folder of headers",
  },
  headers: {
    type: "string",
    valueHint: "DIR",
    description: "gadgets: a tree laid out like Inspektor Gadget's include/",
  },
  btf: {
    type: "string",
    valueHint: "DIR",
    description:
      "gadgets: add the types of kernels that have none: files ID/VERSION/x86_64|aarch64/RELEASE.btf, reduced already",
  },
  btfhub: {
    type: "string",
    valueHint: "DIR",
    description: "gadgets: the same, from a clone of btfhub-archive, reduced with bpftool and xz",
  },
  clang: program("clang", "INGOT_CLANG"),
  "llvm-strip": program("llvm-strip", "INGOT_LLVM_STRIP"),
  go: program("go", "INGOT_GO"),
  cargo: program("cargo", "INGOT_CARGO"),
  bpftool: {
    type: "string",
    valueHint: "PROGRAM",
    description: "gadgets: for --btfhub; else bpftool on the PATH",
  },
  "builder-version": {
    type: "string",
    valueHint: "TEXT",
    description: "gadgets: what the image says of the version of its builder",
  },
} as const satisfies Options;

/** A flag of `build`, for gadgets there, and for their folders where images are taken as well. */
const ofFolders = <O extends { readonly description: string }>(option: O): O => ({
  ...option,
  description: option.description.replace(/^gadgets: /, "folders: "),
});

/** How a gadget's folder is compiled, where no image is made. */
export const FOLDER_OPTIONS = {
  file: {
    ...BUILD_OPTIONS.file,
    description: "folders: the recipe; default: build.yaml in the folder",
  },
  include: ofFolders(BUILD_OPTIONS.include),
  headers: ofFolders(BUILD_OPTIONS.headers),
  clang: ofFolders(BUILD_OPTIONS.clang),
  "llvm-strip": ofFolders(BUILD_OPTIONS["llvm-strip"]),
  go: ofFolders(BUILD_OPTIONS.go),
  cargo: ofFolders(BUILD_OPTIONS.cargo),
} as const satisfies Options;

export type FolderValues = Values<typeof FOLDER_OPTIONS>;

export type BuildValues = Values<typeof BUILD_OPTIONS & typeof GLOBALS>;

export type Kind = "gadget" | "container";

/** Flags that mean something for one kind only, by how their descriptions begin. */
const ONLY: readonly (readonly [Kind, string])[] = [
  ["gadget", "gadgets: "],
  ["container", "containers: "],
];

/** @throws usage for a flag that means nothing for what is built, which would be passed over in silence */
export function checkFlags(values: BuildValues, kind: Kind, why: string): void {
  for (const [name, option] of Object.entries(BUILD_OPTIONS)) {
    const other = ONLY.find(
      ([for_, start]) => for_ !== kind && option.description.startsWith(start),
    );
    if (other === undefined) continue;
    const value = values[name as keyof BuildValues];
    if (value === undefined || value === false || (Array.isArray(value) && value.length === 0))
      continue;
    throw new IngotError("usage", {
      message: `--${name} is for a ${other[0]}, and this is a ${kind}: ${why}`,
      hint: "leave it out, or name the Dockerfile or build.yaml that is meant with -f FILE",
    });
  }
}
