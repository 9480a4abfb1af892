/** What `inspect` says of gadgets: the same from everywhere, in every form, without a compiler and as anybody. */
import assert from "node:assert/strict";
import { chmodSync, cpSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeWasm } from "../../../examples/gadget/hello/make-wasm.ts";
import { OFFERS } from "../../support/gadget/sources.ts";
import { type Form, forms, ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { asUser, placeIn, under } from "../../support/trees/variation.ts";

const YAML = `name: offers
Datasources:
  open:
    annotations:
      description: What is opened
params:
  ebpf:
    limit:
      key: at-most
      defaultValue: "7"
      description: How many
  wasm:
    color:
      key: color
      typeHint: string
      defaultValue: red
  custom:
    mode: {alias: m, description: How, values: {fast: {}}}
programs:
  on_open:
    attach_to: syscalls/sys_exit_openat
`;

/** Builds the gadget into an archive; its path. */
async function build(t: Ends): Promise<string> {
  const dir = tempDir(t);
  chmodSync(dir, 0o755);
  const gadget = join(dir, "gadget");
  mkdirSync(gadget);
  writeFileSync(join(gadget, "program.bpf.c"), OFFERS);
  writeFileSync(join(gadget, "gadget.yaml"), YAML);
  writeFileSync(join(gadget, "program.wasm"), makeWasm());
  writeFileSync(join(gadget, "build.yaml"), "wasm: program.wasm\n");
  const file = join(dir, "offers.tar");
  const { code, stderr } = await ingot(["build", gadget, "-t", "offers", "-o", file]);
  assert.equal(code, 0, stderr);
  return file;
}

/** The answer to `inspect --json`, with no program on the PATH. */
async function inspect(source: string, form?: Form, store?: string) {
  const env = { PATH: "/nonexistent", REGISTRY_AUTH_FILE: "/dev/null", INGOT_STORE: store };
  const ran = await ingot(["inspect", source, "--json"], { env, ...(form && { form }) });
  assert.equal(ran.code, 0, `${source}\n${ran.stderr}${ran.stdout}`);
  assert.equal(`${ran.stderr}`, "");
  return JSON.parse(`${ran.stdout}`);
}

testWith(
  ["clang", "llvm-strip", "docker-registry"],
  "inspect says what a gadget offers, the same from everywhere",
  async (t) => {
    const file = await build(t);
    const expected = await inspect(file);
    const [{ gadget, kind, platforms }] = expected.images;
    assert.deepEqual([kind, platforms], ["gadget", ["linux/amd64", "linux/arm64"]]);
    // The source has nothing of an architecture in it, so there is one object.
    const [object] = gadget.ebpf;
    assert.equal(gadget.ebpf.length, 1);
    assert.deepEqual(object.platforms, ["linux/amd64", "linux/arm64"]);
    assert.deepEqual(
      object.datasources.map((it: Record<string, string>) => [it.name, it.kind, it.description]),
      [
        ["open", "tracer", "What is opened"],
        ["tasks", "iterator", null],
        ["stats", "map-iterator", null],
      ],
    );
    assert.deepEqual(object.datasources[0].fields[2], {
      ...{ name: "proc.comm", kind: "string", type: "gadget_comm", offset: 8, size: 16 },
    });
    assert.deepEqual(object.params[0], {
      ...{ key: "at-most", variable: "limit", type: "int32", length: null, default: "7" },
      ...{ title: null, description: "How many" },
    });
    assert.deepEqual(object.params[1].default, "true");
    assert.deepEqual(object.programs, [
      {
        name: "on_open",
        section: "tracepoint/syscalls/sys_enter_openat",
        type: "tracepoint",
        attachTo: "syscalls/sys_exit_openat",
      },
      { name: "each", section: "iter/task", type: "tracing", attachTo: "task" },
    ]);
    const maps = new Map(object.maps.map((map: { name: string }) => [map.name, map]));
    assert.deepEqual([...maps.keys()].sort(), ["counts", "events"]);
    assert.deepEqual(maps.get("events"), {
      ...{ name: "events", type: "ringbuf", keySize: 0, valueSize: 0, maxEntries: 4096 },
      ...{ keyType: null, valueType: null },
    });
    assert.deepEqual(maps.get("counts"), {
      ...{ name: "counts", type: "hash", keySize: 4, valueSize: 16, maxEntries: 64 },
      ...{ keyType: "struct key", valueType: "struct value" },
    });
    assert.equal(object.license, "GPL");
    const [wasm] = gadget.wasm;
    assert.deepEqual(
      wasm.exports.map(({ name }: { name: string }) => name),
      ["memory", "gadgetAPIVersion", "gadgetStart"],
    );
    assert.deepEqual(wasm.imports, [{ module: "ig", name: "gadgetLog", kind: "function" }]);
    assert.deepEqual(wasm.memory, { least: 1, most: null });
    assert.deepEqual(gadget.wasmParams[0], {
      ...{ name: "color", key: "color", type: "string", default: "red" },
      ...{ title: null, description: null },
    });
    assert.equal(gadget.customParams[0].name, "mode");
    assert.deepEqual(gadget.failures, []);

    for (const form of forms) assert.deepEqual(await inspect(file, form), expected, form);
    const store = join(tempDir(t), "store");
    assert.equal((await ingot(["import", file], { env: { INGOT_STORE: store } })).code, 0);
    const layout = join(tempDir(t), "layout");
    assert.equal((await ingot(["copy", file, `oci:${layout}`])).code, 0);
    assert.deepEqual((await inspect("offers", undefined, store)).images[0].gadget, gadget);
    assert.deepEqual((await inspect(`oci:${layout}`)).images[0].gadget, gadget);
    const { host } = await startRegistry(t);
    const remote = `docker://${host}/team/offers:v1`;
    assert.equal((await ingot(["copy", file, remote])).code, 0);
    assert.deepEqual((await inspect(remote)).images[0].gadget, gadget);
    if (process.getuid?.() === 0) {
      const place = placeIn(join(file, ".."));
      const nobody = await asUser(65534, place);
      const { stdout } = await under(nobody, ["inspect", file, "--json"]);
      assert.deepEqual(JSON.parse(`${stdout}`), expected);
    }

    const text = `${(await ingot(["inspect", file])).stdout}`;
    assert.match(text, /^ {2}eBPF linux\/amd64, linux\/arm64 sha256:/m);
    assert.match(text, /^ {4}datasource open \(tracer of the map events\) What is opened$/m);
    assert.match(text, /^ {6}proc\.comm +string +gadget_comm$/m);
    assert.match(text, /^ {6}at-most +int32 += 7 +\(limit\) How many$/m);
    const tree = `${(await ingot(["inspect", "--tree", file])).stdout}`;
    assert.match(tree, /^├─ eBPF linux\/amd64, linux\/arm64 sha256:/m);
    assert.match(tree, /^│ {2}│ {2}├─ proc\.comm +string +gadget_comm$/m);
    assert.match(tree, /^└─ parameters of the gadget\n {3}└─ mode +How$/m);
  },
);

testWith(
  ["clang", "llvm-strip"],
  "what of a gadget cannot be read is said, and the rest is shown",
  async (t) => {
    const file = await build(t);
    const layout = join(tempDir(t), "layout");
    assert.equal((await ingot(["copy", file, `oci:${layout}`])).code, 0);
    const [{ gadget }] = (await inspect(`oci:${layout}`)).images;
    const blob = (digest: string, root: string) => join(root, "blobs/sha256", digest.slice(7));
    const damaged = join(tempDir(t), "damaged");
    cpSync(layout, damaged, { recursive: true });
    const [{ digest }] = gadget.ebpf;
    const object = blob(digest, damaged);
    chmodSync(object, 0o644);
    writeFileSync(object, "not an object");
    rmSync(blob(gadget.wasm[0].digest, damaged), { force: true });
    const { code, stdout, stderr } = await ingot(["inspect", `oci:${damaged}`, "--json"]);
    assert.equal(code, 0, `${stderr}`);
    const [image] = JSON.parse(`${stdout}`).images;
    assert.deepEqual([image.gadget.ebpf, image.gadget.wasm], [[], []]);
    assert.equal(image.gadget.customParams.length, 1);
    assert.deepEqual(
      image.gadget.failures.map((failure: { digest: string }) => failure.digest).sort(),
      [digest, gadget.wasm[0].digest].sort(),
    );
    assert.equal(`${stderr}`.match(/warning: /g)?.length, 2, `${stderr}`);
  },
);

test("--tree draws images that are no gadgets, too", async (t) => {
  const dir = tempDir(t);
  writeFileSync(join(dir, "Dockerfile"), "FROM scratch\nCOPY Dockerfile /\n");
  const file = join(dir, "image.tar");
  assert.equal((await ingot(["build", dir, "-t", "plain", "-o", file])).code, 0);
  const { code, stdout } = await ingot(["inspect", "--tree", file]);
  assert.equal(code, 0);
  assert.match(
    `${stdout}`,
    /^docker\.io\/library\/plain:latest .* container, .*\n└─ manifest .*\n {3}├─ config .*\n {3}└─ layer /,
  );
  assert.equal((await inspect(file)).images[0].gadget, null);
});
