/** The types of one kernel, as far as a gadget's objects ask for them: bpftool's `gen min_core_btf`. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { writeFileAtomic } from "../../base/fs/atomic-file.ts";
import { discard, readFile } from "../../base/fs/file.ts";
import { StreamInput } from "../../tar/input.ts";
import { scanEntries } from "../../tar/layer/scan.ts";
import { type CompileContext, runTool } from "../compile/toolchain.ts";
import { readBtf } from "../object/format/btf.ts";
import type { KernelFile } from "./btf-tree.ts";

/** Bytes. A kernel's BTF has about 5 MiB, that of its objects far less. */
const LIMIT = 64 << 20;

/** The bytes of a BTF file, which are proven to be BTF. @throws malformed, too-large, io */
export function readKernelBtf(at: string): Uint8Array {
  return checked(readFile(at, LIMIT), at);
}

function checked(bytes: Uint8Array, at: string): Uint8Array {
  readBtf(bytes, at, "the BTF file");
  return bytes;
}

/**
 * The types that `object` (a path) asks for, of the kernel whose BTF is in `kernel`, a file of btfhub-archive. Nothing is written but in the
 * context's folder, and nothing stays there.
 * @throws program-missing, program-failed; malformed for what is no tar of one BTF file; too-large
 */
export async function minimalBtf(
  { at }: KernelFile,
  object: string,
  { work, id }: { readonly work: CompileContext; readonly id: number },
): Promise<Uint8Array> {
  const input = path.join(work.workDir, `kernel-${id}.btf`);
  const output = path.join(work.workDir, `minimal-${id}.btf`);
  try {
    writeFileAtomic(input, await kernelIn(at, work));
    await runTool(
      {
        program: "bpftool",
        args: ["gen", "min_core_btf", input, output, object],
        shown: ["gen", "min_core_btf", "KERNEL.btf", "OUT.btf", "program.bpf.o"],
        cwd: work.workDir,
        needed: `to reduce ${at}`,
      },
      work,
    );
    return checked(readFile(output, LIMIT), `what bpftool made of ${at}`);
  } finally {
    for (const file of [input, output]) discard(file);
  }
}

/** The one BTF file in a tar that xz has compressed. It is unpacked in memory: a clone is never written to. */
async function kernelIn(at: string, work: CompileContext): Promise<Uint8Array> {
  const { bytes } = await runTool(
    {
      program: "xz",
      args: ["--decompress", "--stdout", "--memlimit-decompress=256MiB", path.resolve(at)],
      cwd: work.workDir,
      needed: `to unpack ${at}`,
      keep: 2 * LIMIT,
      raw: true,
    },
    work,
  );
  if (bytes === undefined)
    throw new IngotError("too-large", { what: "the archive", at, limit: LIMIT });
  async function* whole() {
    yield bytes!;
  }
  const found: Uint8Array[] = [];
  for await (const { type, path: name, offset, size } of scanEntries(new StreamInput(whole(), at), {
    members: 16,
  })) {
    if (type === "file" && name.endsWith(".btf")) found.push(bytes.subarray(offset, offset + size));
  }
  const [only, second] = found;
  if (only === undefined || second !== undefined) {
    throw new IngotError("malformed", {
      what: "the archive",
      at,
      why: `it holds ${found.length} BTF files (expected 1)`,
    });
  }
  return only;
}
