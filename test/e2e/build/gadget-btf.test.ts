/** Gadgets with the types of kernels that have none of their own: `build --btf` and `--btfhub`. */
import assert from "node:assert/strict";
import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { readBtf } from "../../../src/gadget/object/format/btf.ts";
import { readElf } from "../../../src/gadget/object/format/elf.ts";
import { COMPILERS, compileObject, HEAD } from "../../support/gadget/sources.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { succeed } from "../../support/process/run.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { readUstar } from "../../support/tar/ustar.ts";

const BTFGEN = "application/vnd.gadget.btfgen.v1+binary";
const TOOLS = ["clang", "llvm-strip", "clang-14", "llvm-strip-14", "tar", "xz"];

const PROGRAM = `${HEAD}
struct task { int pid; struct task *parent; } __attribute__((preserve_access_index));
SEC("kprobe/do_exit") int on_exit(struct task *task) { return task->pid + task->parent->pid; }
char LICENSE[] SEC("license") = "GPL";
`;

/** The types of a kernel whose tasks have so many members before the one that is asked for. */
function kernelBtf(before: number): Uint8Array {
  const members = Array.from({ length: before }, (_, i) => `long before${i};`).join(" ");
  const source = `struct task { ${members} int pid; struct task *parent; struct other *other; } *task;\nstruct unused { int x; } *unused;`;
  const object = compileObject(source, COMPILERS[0], { keepDebug: true });
  return readElf(object, "kernel").sections.find(({ name }) => name === ".BTF")!.data;
}

/** A folder with a gadget in it. */
function gadget(t: Ends, source = PROGRAM): string {
  const dir = tempDir(t);
  writeFileSync(join(dir, "program.bpf.c"), source);
  writeFileSync(join(dir, "gadget.yaml"), "name: tasks\n");
  return dir;
}

const put = (root: string, name: string, bytes: Uint8Array) => {
  mkdirSync(dirname(join(root, name)), { recursive: true });
  writeFileSync(join(root, name), bytes);
};

/** Builds into an archive; the layers with kernels' types by architecture, and the archive. */
async function build(t: Ends, folder: string, ...words: readonly string[]) {
  const file = join(tempDir(t), "tasks.tar");
  const ran = await ingot(["build", folder, "-t", "tasks", "-o", file, ...words]);
  assert.equal(ran.code, 0, `${ran.stderr}`);
  const archive = readFileSync(file);
  const members = new Map(readUstar(archive).map(({ name, content }) => [name, content]));
  const blob = (digest: string) => members.get(`blobs/sha256/${digest.slice(7)}`)!;
  const index = JSON.parse(
    `${blob(JSON.parse(`${members.get("index.json")}`).manifests[0].digest)}`,
  );
  const layers: Record<string, Buffer> = {};
  for (const { digest, platform } of index.manifests) {
    const { layers: all } = JSON.parse(`${blob(digest)}`);
    const types = all.map(({ mediaType }: { mediaType: string }) => mediaType);
    if (!types.includes(BTFGEN)) continue;
    assert.equal(types.indexOf(BTFGEN), types.length - 1, "it is the last one");
    layers[platform.architecture] = blob(all.at(-1).digest);
  }
  return { archive, layers, stderr: `${ran.stderr}` };
}

/** Every file's and folder's name, time and size. */
const stateOf = (root: string) =>
  readdirSync(root, { recursive: true })
    .map(String)
    .sort()
    .map((name) => {
      const { mtimeMs, ctimeMs, size, ino } = statSync(join(root, name));
      return [name, mtimeMs, ctimeMs, size, ino].join(" ");
    });

testWith(
  TOOLS,
  "types that are there already: one digest from two places, and GNU tar unpacks it",
  async (t) => {
    const tree = tempDir(t);
    const names = [
      "ubuntu/20.04/x86_64/5.4.0-9.btf",
      "debian/10/x86_64/4.19.btf",
      "ubuntu/20.04/arm64/5.4.0-9.btf",
    ];
    for (const [i, name] of names.entries()) put(tree, name, kernelBtf(i));
    const other = join(tempDir(t), "a/longer/path");
    cpSync(tree, other, { recursive: true });
    const folder = gadget(t);
    const first = await build(t, folder, "--btf", tree);
    const second = await build(t, folder, "--btf", other);
    assert.ok(first.archive.equals(second.archive));
    assert.match(
      first.stderr,
      /types of 2 kernels for linux\/amd64\n.*types of 1 kernel for linux\/arm64/,
    );

    const unpacked = tempDir(t);
    const listing: Record<string, string> = {};
    for (const [arch, bytes] of Object.entries(first.layers)) {
      const layer = join(unpacked, `${arch}.tar.gz`);
      writeFileSync(layer, bytes);
      listing[arch] = `${(await succeed(["tar", "tzf", layer])).stdout}`;
      await succeed(["tar", "xzf", layer, "-C", unpacked, "--no-same-owner"]);
    }
    assert.deepEqual(listing, {
      amd64: "debian/10/x86_64/4.19.btf\nubuntu/20.04/x86_64/5.4.0-9.btf\n",
      arm64: "ubuntu/20.04/aarch64/5.4.0-9.btf\n",
    });
    for (const [i, name] of names.entries()) {
      const at = join(unpacked, name.replace("arm64", "aarch64"));
      assert.deepEqual(new Uint8Array(readFileSync(at)), new Uint8Array(kernelBtf(i)));
    }
  },
);

testWith(
  [...TOOLS, "bpftool"],
  "a clone of btfhub-archive is reduced, and only read",
  async (t) => {
    const hub = tempDir(t);
    const scratch = tempDir(t);
    for (const [i, name] of [
      "ubuntu/18.04/x86_64/4.15-generic",
      "ubuntu/18.04/arm64/4.15-generic",
      "centos/7/x86_64/3.10",
    ].entries()) {
      const release = `${name.split("/").at(-1)}.btf`;
      writeFileSync(join(scratch, release), kernelBtf(i));
      mkdirSync(dirname(join(hub, name)), { recursive: true });
      await succeed(["tar", "cJf", join(hub, `${name}.btf.tar.xz`), "-C", scratch, `./${release}`]);
    }
    const before = stateOf(hub);
    const folder = gadget(t);
    const first = await build(t, folder, "--btfhub", hub);
    const second = await build(t, folder, "--btfhub", hub, "--jobs", "1");
    assert.ok(first.archive.equals(second.archive));
    assert.deepEqual(stateOf(hub), before);
    const files = Object.entries(first.layers).flatMap(([arch, bytes]) => {
      const layer = join(scratch, `${arch}.tar.gz`);
      writeFileSync(layer, bytes);
      return [{ arch, layer }];
    });
    const kernels: string[] = [];
    for (const { layer } of files) {
      const { stdout } = await succeed(["tar", "xzvf", layer, "-C", scratch, "--no-same-owner"]);
      for (const name of `${stdout}`.trim().split("\n")) {
        const { types } = readBtf(readFileSync(join(scratch, name)), name);
        const structs = types.flatMap((type) =>
          "members" in type ? [`${type.name} ${type.members.map(({ name }) => name)}`] : [],
        );
        kernels.push(`${name}: ${structs}`);
      }
    }
    // Only what the program asks for: no other struct, and none of the members before.
    assert.deepEqual(kernels, [
      "centos/7/x86_64/3.10.btf: task pid,parent",
      "ubuntu/18.04/x86_64/4.15-generic.btf: task pid,parent",
      "ubuntu/18.04/aarch64/4.15-generic.btf: task pid,parent",
    ]);

    const none = await build(
      t,
      gadget(t, `${HEAD}SEC("tracepoint/a/b") int none(void *ctx) { return 0; }`),
      "--btfhub",
      hub,
    );
    assert.deepEqual(none.layers, {});
    assert.match(none.stderr, /warning: the program for linux\/arm64 has no CO-RE relocations/);
  },
);

testWith(TOOLS, "what cannot become such a layer is refused, and nothing is written", async (t) => {
  const folder = gadget(t);
  const tree = tempDir(t);
  put(tree, "ubuntu/20.04/x86_64/5.4.btf", Buffer.from("not BTF, and longer than its header"));
  const file = join(tempDir(t), "tasks.tar");
  const refused = async (at: string, ...words: readonly string[]) => {
    const { code, stderr } = await ingot(["build", at, "-t", "tasks", "-o", file, ...words]);
    assert.equal(code, 2);
    assert.equal(existsSync(file), false);
    return `${stderr}`;
  };
  assert.match(
    await refused(folder, "--btf", tree),
    /cannot read the BTF file ".*5\.4\.btf": its BTF begins with/,
  );
  assert.match(
    await refused(folder, "--btf", tree, "--btfhub", tree),
    /--btf and --btfhub are both given/,
  );
  assert.match(await refused(folder, "--btfhub", tree), /cannot find BTF files of kernels/);
  const plain = tempDir(t);
  writeFileSync(join(plain, "gadget.yaml"), "name: plain\n");
  assert.match(await refused(plain, "--btf", tree), /--btf is for gadgets with an eBPF program/);
  const hub = tempDir(t);
  put(hub, "ubuntu/20.04/x86_64/5.4.btf.tar.xz", Buffer.from("no xz"));
  assert.match(
    await refused(folder, "--btfhub", hub, "--bpftool", "/nonexistent/bpftool"),
    /xz failed: exit status/,
  );
});
