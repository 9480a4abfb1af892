/** An eBPF program in C → the object that goes into the image. */
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { readFile, realPath, stat } from "../../base/fs/file.ts";
import { normalizeObject } from "../object/normal-form.ts";
import { type CompilerInput, runTool, safeOperand } from "./toolchain.ts";

export type Arch = "amd64" | "arm64";

export interface EbpfProgram extends CompilerInput {
  readonly arch: Arch;
  /** Folders to look for headers in, in this order, before all others. */
  readonly includes: readonly string[];
  /** A tree laid out like Inspektor Gadget's `include/`: it and its `gadget/<arch>` are looked into next. */
  readonly headers?: string;
}

export interface Compiled {
  /** In its normal form (docs/gadget-objects.md). */
  readonly object: Uint8Array;
  /** What the compiler said though it succeeded; empty when nothing. */
  readonly warnings: string;
}

const TARGET: Readonly<Record<Arch, string>> = { amd64: "x86", arm64: "arm64" };

/**
 * Debian's folders of headers by processor, for each target the right one first. Both are looked into, where they
 * exist: one processor's machine has the full set of its own only, and the order must not depend on the machine.
 */
const TRIPLETS: Readonly<Record<Arch, readonly string[]>> = {
  amd64: ["x86_64-linux-gnu", "aarch64-linux-gnu"],
  arm64: ["aarch64-linux-gnu", "x86_64-linux-gnu"],
};

const OBJECT_LIMIT = 256 << 20;

/**
 * Compiles with the flags that `ig image build` uses and those that make the object a function of the sources'
 * contents: no byte of it depends on where `root` or a header folder lies, nor on anything but the compiler.
 * Two architectures may be compiled at once in one `workDir`.
 * IngotErrors: `program-missing`; `program-failed` with the compiler's own words, paths relative to `root`;
 * `not-found` for a header folder.
 */
export async function compileProgram(program: EbpfProgram): Promise<Compiled> {
  const { arch, workDir } = program;
  const root = realPath(program.root);
  const source = safeOperand(program.source);
  const object = path.join(realPath(workDir), `${arch}.bpf.o`);
  const flags = compilerFlags(program, root);
  const { stderr } = await runTool(
    {
      program: "clang",
      args: [...flags, "-c", source, "-o", object],
      shown: [...flags, "-c", source, "-o", "/dev/null"],
      cwd: root,
      needed: `to compile ${program.source}`,
      hint: (output) => hintFor(output, arch),
    },
    program,
  );
  await runTool(
    {
      program: "llvm-strip",
      args: ["-g", object],
      cwd: root,
      needed: `to strip what ${program.source} compiled to`,
    },
    program,
  );
  const compiled = readFile(object, OBJECT_LIMIT);
  return {
    object: normalizeObject(compiled, `what ${program.source} compiled to`),
    warnings: stderr.trimEnd(),
  };
}

/**
 * The compiler runs in the gadget folder and gets relative names for all that lies in there, so those stay relative
 * in the object; the compilation directory, which would be the absolute path, becomes `.`. Header folders outside get
 * a fixed name each. (`.BTF` keeps the names of all files that have code, also after `llvm-strip -g`.)
 */
function compilerFlags(program: EbpfProgram, root: string): string[] {
  const folders = headerFolders(program, root);
  const { arch } = program;
  return [
    ...["-target", "bpf", "-Wall", "-g", "-O2", "-D", `__TARGET_ARCH_${TARGET[arch]}`],
    // No date, no time, no name of the compiler.
    ...["-Werror=date-time", "-fno-ident", "-fdebug-compilation-dir=."],
    ...prefixMaps(folders),
    ...folders.flatMap(({ at }) => ["-I", at]),
  ];
}

interface HeaderFolder {
  readonly at: string;
  /** Its name in the object; undefined where `at` itself may stand there. */
  readonly as?: string;
}

function headerFolders({ includes, headers, arch }: EbpfProgram, root: string): HeaderFolder[] {
  const folders: HeaderFolder[] = [];
  for (const [i, given] of includes.entries())
    folders.push(headerFolder(given, "-I", root, `/include/${i}`));
  if (headers !== undefined) {
    const tree = headerFolder(headers, "--headers", root, "/headers");
    folders.push(tree);
    const own = path.join(tree.at, "gadget", arch);
    if (isDirectory(path.resolve(root, own)))
      folders.push({ ...tree, at: own, ...(tree.as && { as: `${tree.as}/gadget/${arch}` }) });
  }
  const shared = `/usr/include/gadget/${arch}`;
  if (isDirectory(shared)) folders.push({ at: shared });
  // Named alike, whichever processor the machine has.
  for (const triplet of TRIPLETS[arch]) {
    const at = `/usr/include/${triplet}`;
    if (isDirectory(at)) folders.push({ at, as: "/usr/include/triplet" });
  }
  return folders;
}

function headerFolder(given: string, flag: string, root: string, as: string): HeaderFolder {
  const found = stat(given);
  if (found?.kind !== "directory") {
    throw new IngotError("not-found", {
      what: found === undefined ? "the folder of headers" : "a folder of headers (this is a file)",
      at: `${flag} ${given}`,
    });
  }
  const at = realPath(given);
  const inside = path.relative(root, at);
  if (inside === "") return { at: "." };
  if (inside !== ".." && !inside.startsWith(`..${path.sep}`) && !path.isAbsolute(inside))
    return { at: inside };
  if (at.includes("=")) {
    throw new IngotError("unsupported", {
      what: "a folder of headers",
      at: `${flag} ${given}`,
      found: "a path with a `=`",
      expected: "one without, because the compiler cannot keep such a path out of the object",
    });
  }
  return { at, as };
}

/**
 * One map for each folder that is not inside another one: of two that fit, clang 14 takes the outer one,
 * clang 17 the one named last (llvm-project, `-fdebug-prefix-map`), and the outer one is enough.
 */
function prefixMaps(folders: readonly HeaderFolder[]): string[] {
  const mapped = folders.filter(({ as }) => as !== undefined);
  return mapped
    .filter(
      ({ at }, i) =>
        !mapped.some((other, j) => at.startsWith(`${other.at}/`) || (at === other.at && j < i)),
    )
    .map(({ at, as }) => `-ffile-prefix-map=${at}=${as}`);
}

function isDirectory(at: string): boolean {
  return stat(at)?.kind === "directory";
}

const HINTS: readonly (readonly [RegExp, (arch: Arch, found: string) => string])[] = [
  [
    /fatal error: '(bpf\/[^']+)' file not found/,
    (_, header) =>
      `${header} is libbpf's: apt-get install libbpf-dev (Fedora: dnf install libbpf-devel)`,
  ],
  [
    /fatal error: '(vmlinux\.h|gadget\/[^']+)' file not found/,
    (arch, header) =>
      `${header} is Inspektor Gadget's: --headers DIR takes the include folder of its source tree (with gadget/${arch}/vmlinux.h in it); /usr/include/gadget is looked into by itself`,
  ],
  [
    /fatal error: '(asm\/[^']+|linux\/[^']+)' file not found/,
    (_, header) =>
      `${header} is the kernel's: apt-get install linux-libc-dev (Fedora: dnf install kernel-headers)`,
  ],
  [
    /fatal error: '([^']+)' file not found/,
    (_, header) => `name the folder that holds ${header} with -I DIR`,
  ],
  [
    /expansion of date or time macro/,
    () => "__DATE__, __TIME__ and __TIMESTAMP__ make every build differ: take them out",
  ],
  [
    /(?:unable to create target|unknown target triple|No available targets)/,
    () => "this clang cannot compile for BPF: name one of LLVM's own with --clang",
  ],
  [
    /\bBPF_U(?:RET)?PROBE\b/,
    () => "BPF_UPROBE came with libbpf 1.2: name a folder with newer headers of libbpf with -I DIR",
  ],
  [
    /error in backend|PLEASE submit a bug report/,
    () => "the compiler itself broke down: try a newer one with --clang",
  ],
  [
    /stack limit|looks like the BPF stack/i,
    () => "a BPF program has 512 bytes of stack: put large values into a map",
  ],
];

function hintFor(output: string, arch: Arch): string | undefined {
  for (const [pattern, hint] of HINTS) {
    const match = pattern.exec(output);
    if (match !== null) return hint(arch, match[1] ?? "");
  }
  return undefined;
}
