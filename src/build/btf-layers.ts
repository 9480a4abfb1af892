/** The layers with kernels' types that a gadget is built with. */
import { join } from "node:path";
import { IngotError } from "../base/error.ts";
import { writeFileAtomic } from "../base/fs/atomic-file.ts";
import { btfLayer, type KernelBtf } from "../gadget/btfgen/btf-layer.ts";
import { type BtfTreeKind, type KernelFile, readBtfTree } from "../gadget/btfgen/btf-tree.ts";
import { minimalBtf, readKernelBtf } from "../gadget/btfgen/minimal-btf.ts";
import type { Arch } from "../gadget/compile/clang.ts";
import type { CompileContext } from "../gadget/compile/toolchain.ts";
import { readObject } from "../gadget/object/object.ts";
import { mapConcurrent } from "../jobs/parallel.ts";

/** Where kernels' types come from. */
export interface BtfSource {
  readonly kind: BtfTreeKind;
  readonly folder: string;
  /** How many programs run at a time. */
  readonly jobs: number;
}

/** What became of them for one architecture. */
export interface BtfOutcome {
  readonly arch: Arch;
  /** Files in its layer. */
  readonly files: number;
  /** Why there is no layer: no file for it, or a program that asks for no types of the kernel. */
  readonly without?: "files" | "relocations";
}

/**
 * For each architecture the layer with the types of kernels: the files as they are, or, of a clone of btfhub-archive, what of them the
 * architecture's object asks for. Nothing in the folder is changed.
 * @throws usage without objects; not-found, unsupported, malformed, too-large; program-missing, program-failed
 */
export async function btfLayers(
  { kind, folder, jobs }: BtfSource,
  objects: ReadonlyMap<Arch, Uint8Array>,
  work: CompileContext,
): Promise<{ layers: ReadonlyMap<Arch, Uint8Array>; outcomes: readonly BtfOutcome[] }> {
  if (objects.size === 0) {
    throw new IngotError("usage", {
      message: `--${kind} is for gadgets with an eBPF program, and this one has none`,
    });
  }
  const files = readBtfTree(folder, kind);
  const layers = new Map<Arch, Uint8Array>();
  const outcomes: BtfOutcome[] = [];
  for (const [arch, object] of objects) {
    const own = files.filter((file) => file.arch === arch);
    const asks =
      (readObject(object, `the ${arch} object`).btfExt?.coreRelocations ?? []).length > 0;
    if (own.length === 0 || (kind === "btfhub" && !asks)) {
      outcomes.push({ arch, files: 0, without: own.length === 0 ? "files" : "relocations" });
      continue;
    }
    const members =
      kind === "btf"
        ? own.map(({ name, at }) => ({ name, bytes: readKernelBtf(at) }))
        : await reduced(own, { arch, object, jobs, work });
    layers.set(arch, await btfLayer(members));
    outcomes.push({ arch, files: members.length });
  }
  return { layers, outcomes };
}

async function reduced(
  files: readonly KernelFile[],
  {
    arch,
    object,
    jobs,
    work,
  }: {
    readonly arch: Arch;
    readonly object: Uint8Array;
    readonly jobs: number;
    readonly work: CompileContext;
  },
): Promise<KernelBtf[]> {
  const at = join(work.workDir, `reduce-${arch}.bpf.o`);
  writeFileAtomic(at, object);
  const numbered = files.map((file, id) => ({ file, id }));
  return mapConcurrent(numbered, jobs, async ({ file, id }, signal) => ({
    name: file.name,
    bytes: await minimalBtf(file, at, { work: { ...work, signal }, id }),
  }));
}
