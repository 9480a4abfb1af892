/** The programs in an archive are programs: the kernel loads them. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileProgram } from "../../src/gadget/compile/clang.ts";
import type { Tools } from "../../src/gadget/compile/toolchain.ts";
import { COMPILERS, manyStructs } from "../support/gadget/sources.ts";
import { ingot, root } from "../support/process/ingot.ts";
import { testUnless, testWith, which } from "../support/process/needs.ts";
import { run, succeed } from "../support/process/run.ts";
import { type Ends, tempDir } from "../support/process/temp.ts";
import { readUstar } from "../support/tar/ustar.ts";

const EBPF = "application/vnd.gadget.ebpf.program.v1+binary";

const NAME = "the kernel loads the trace gadget's objects out of the archive";

/** Why no program can be loaded here, whatever is installed; undefined where it can. */
async function hindrance(): Promise<string | undefined> {
  if (process.platform !== "linux") return "the system is not Linux";
  if (process.getuid?.() !== 0) return "the user is not root";
  if (which("bpftool") === undefined) return undefined;
  const { code } = await run(["bpftool", "prog", "show"]);
  return code === 0 ? undefined : "bpf() is not allowed";
}

const reason = await hindrance();
const onKernel = (programs: readonly string[], name: string, body: (t: Ends) => Promise<void>) =>
  reason === undefined
    ? testWith(["bpftool", ...programs], name, body)
    : testUnless(reason, name, body);

onKernel(["clang", "llvm-strip"], NAME, load);
for (const { version, clang, strip } of COMPILERS) {
  onKernel(
    [clang, strip],
    `the kernel loads objects in their normal form, of clang ${version}`,
    (t) => loadNormal(t, { clang, "llvm-strip": strip }),
  );
}

/** An object with forward declarations, whose types and maps the kernel checks. */
async function loadNormal(t: Ends, commands: Tools["commands"]): Promise<void> {
  const dir = tempDir(t);
  writeFileSync(join(dir, "program.bpf.c"), manyStructs());
  const tools = { commands, environment: process.env };
  const { object } = await compileProgram({
    ...{ root: dir, source: "program.bpf.c", arch: "amd64", includes: [] },
    ...{ tools, epoch: 0, workDir: dir },
  });
  const path = join(dir, "normal.o");
  writeFileSync(path, object);
  const pins = `/sys/fs/bpf/${dir.split("/").at(-1)}-normal`;
  try {
    await succeed(["bpftool", "prog", "loadall", path, pins]);
    const shown = await succeed(["bpftool", "--json", "prog", "show", "pinned", `${pins}/on_exec`]);
    const { name, btf_id } = JSON.parse(`${shown.stdout}`);
    assert.equal(name, "on_exec");
    const dumped = await succeed(["bpftool", "btf", "dump", "id", `${btf_id}`]);
    assert.match(`${dumped.stdout}`, /FWD 's\d+' fwd_kind=struct/);
  } finally {
    await run(["rm", "-rf", pins]);
  }
}

async function load(t: Ends): Promise<void> {
  const dir = tempDir(t);
  const file = join(dir, "trace.tar");
  const built = await ingot(["build", "examples/gadget/trace", "-t", "trace", "-o", file], {
    cwd: root,
  });
  assert.equal(built.code, 0, built.stderr);
  const members = new Map(
    readUstar(readFileSync(file)).map(({ name, content }) => [name, content]),
  );
  const json = (name: string) => JSON.parse(`${members.get(name)}`);
  const blob = (digest: string) => `blobs/sha256/${digest.slice("sha256:".length)}`;
  const { manifests } = json(blob(json("index.json").manifests[0].digest));
  const objects = manifests.map(
    ({ digest, platform }: { digest: string; platform: { architecture: string } }) => {
      const layer = json(blob(digest)).layers.find(
        ({ mediaType }: { mediaType: string }) => mediaType === EBPF,
      );
      return { architecture: platform.architecture, object: members.get(blob(layer.digest)) };
    },
  );
  assert.deepEqual(
    objects.map(({ architecture }: { architecture: string }) => architecture),
    ["amd64", "arm64"],
  );
  assert.notDeepEqual(objects[0].object, objects[1].object);

  for (const { architecture, object } of objects) {
    const path = join(dir, `${architecture}.o`);
    writeFileSync(path, object);
    const pins = `/sys/fs/bpf/${dir.split("/").at(-1)}-${architecture}`;
    try {
      await succeed(["bpftool", "prog", "loadall", path, pins]);
      const { stdout } = await succeed([
        "bpftool",
        "--json",
        "prog",
        "show",
        "pinned",
        `${pins}/trace_execve`,
      ]);
      const { type, name } = JSON.parse(`${stdout}`);
      assert.deepEqual({ type, name }, { type: "tracepoint", name: "trace_execve" });
    } finally {
      await run(["rm", "-rf", pins]);
    }
    assert.throws(() => readFileSync(pins), /ENOENT/);
  }
}
