/** Where a folder has the types of kernels: `ID/VERSION/MACHINE/RELEASE.btf`, or as btfhub-archive keeps them. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { lstat, readDirectory, stat } from "../../base/fs/file.ts";
import { sorted } from "../../base/order.ts";
import type { Arch } from "../compile/clang.ts";

/** What a folder of kernels' types holds: BTF files as they are, or each alone in a tar that xz has compressed. */
export type BtfTreeKind = "btf" | "btfhub";

export interface KernelFile {
  /** Its path. */
  readonly at: string;
  readonly arch: Arch;
  /** Its name in the layer, `ID/VERSION/MACHINE/RELEASE.btf`: os-release's ID and VERSION_ID, `uname -m`, `uname -r`. */
  readonly name: string;
}

const ENDING: Readonly<Record<BtfTreeKind, string>> = { btf: ".btf", btfhub: ".btf.tar.xz" };

/** What the folder of a machine may be called. In the layer it is what `uname -m` says. */
const MACHINES: ReadonlyMap<string, { readonly arch: Arch; readonly machine: string }> = new Map([
  ["x86_64", { arch: "amd64", machine: "x86_64" }],
  ["aarch64", { arch: "arm64", machine: "aarch64" }],
  ["arm64", { arch: "arm64", machine: "aarch64" }],
]);

/** Folders within each other; a link to a folder above has no end. */
const DEEPEST = 4;
/** More files than kernels that there are. btfhub-archive has about 4000. */
const MOST = 100_000;

/**
 * The kernels' types in `folder`, by the bytes of their names in the layer. Files with another ending and hidden ones are passed over. In a
 * folder of BTF files links are followed, wherever they lead; in a clone of btfhub-archive they are not: there they are second names.
 * @throws not-found where there are none; unsupported for one in another place, or two with one name; io
 */
export function readBtfTree(folder: string, kind: BtfTreeKind): KernelFile[] {
  const found = stat(folder);
  if (found?.kind !== "directory") {
    const what =
      found === undefined ? "the folder of BTF files" : "a folder of BTF files (this is a file)";
    throw new IngotError("not-found", { what, at: folder });
  }
  const files = new Map<string, KernelFile>();
  for (const parts of filesIn(folder, kind, [])) {
    const at = path.join(folder, ...parts);
    const [id = "", version = "", folderName = "", file = ""] = parts;
    const machine = MACHINES.get(folderName);
    if (parts.length !== 4 || machine === undefined) {
      throw new IngotError("unsupported", {
        what: "the BTF file",
        at,
        found: `the place ${parts.join("/")}`,
        expected: `ID/VERSION/x86_64 or aarch64/RELEASE${ENDING[kind]}`,
        hint: "ID and VERSION are ID and VERSION_ID of /etc/os-release, RELEASE is what uname -r says",
      });
    }
    const name = `${id}/${version}/${machine.machine}/${file.slice(0, -ENDING[kind].length)}.btf`;
    const other = files.get(name);
    if (other !== undefined) {
      throw new IngotError("unsupported", {
        what: "the BTF file",
        at,
        found: `a second file for ${name}, beside ${other.at}`,
        expected: "one",
      });
    }
    if (files.size >= MOST) {
      const what = "the folder of BTF files";
      throw new IngotError("too-large", { what, at: folder, limit: MOST, unit: "files" });
    }
    files.set(name, { at, arch: machine.arch, name });
  }
  if (files.size === 0) {
    throw new IngotError("not-found", {
      what: "BTF files of kernels",
      at: path.join(folder, `ID/VERSION/{x86_64,aarch64}/RELEASE${ENDING[kind]}`),
      ...(kind === "btf" && { hint: "--btfhub takes a clone of btfhub-archive" }),
    });
  }
  return sorted(files.keys()).map((name) => files.get(name)!);
}

/** The files with the ending, each as the names that lead to it. */
function* filesIn(
  folder: string,
  kind: BtfTreeKind,
  parts: readonly string[],
): Generator<string[]> {
  for (const name of sorted(readDirectory(path.join(folder, ...parts)))) {
    if (name.startsWith(".")) continue;
    const at = path.join(folder, ...parts, name);
    const status = kind === "btfhub" ? lstat(at) : stat(at);
    if (status?.kind === "directory" && parts.length < DEEPEST) {
      yield* filesIn(folder, kind, [...parts, name]);
    } else if (status?.kind === "file" && name.endsWith(ENDING[kind])) {
      yield [...parts, name];
    }
  }
}
