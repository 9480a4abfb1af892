// bun scripts/dockerfiles.ts ADDRESS [--buildctl PROGRAM] [CASE…]
//
// Has a running buildkitd at ADDRESS (unix:///…/buildkitd.sock) build the cases of test/reproducibility/dockerfiles, all or those named, and
// writes what comes out into their expected.json: the merged file system, the config, and which BuildKit it was. A registry is
// not needed: the bases are given to it as a layout, and the line `# syntax=…`, which asks for another frontend from a
// registry, is left out. To have a BuildKit: `go build` cmd/buildkitd and cmd/buildctl of github.com/moby/buildkit, then, as root,
// `buildkitd --root DIR --addr ADDRESS --containerd-worker=false`. Needs runc on the PATH.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { writeBases } from "../test/support/images/dockerfile-bases.ts";
import {
  type Case,
  caseNames,
  type Expected,
  expectedFile,
  stage,
} from "../test/support/images/dockerfiles.ts";
import { readMerged } from "../test/support/images/merged.ts";
import { root } from "../test/support/process/ingot.ts";
import { run, succeed } from "../test/support/process/run.ts";

const { values: flags, positionals } = parseArgs({
  allowPositionals: true,
  options: { buildctl: { type: "string", default: "buildctl" } },
});
const [address, ...named] = positionals;
if (address === undefined) throw new Error("dockerfiles: no address of a buildkitd is given");
const buildctl = [flags.buildctl, "--addr", address];

const work = mkdtempSync(join(tmpdir(), "ingot-dockerfiles-"));
try {
  await main();
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const info = (await succeed([...buildctl, "debug", "info"])).stdout.toString();
  const [, version] = /^BuildKit:\s+(.*?)\s*$/m.exec(info) ?? [];
  const [, frontend] = /^Dockerfile:\s+(.*?)\s*$/m.exec(info) ?? [];
  const by = `${version}, Dockerfile frontend ${frontend}`;
  const layout = join(work, "bases");
  const bases = writeBases(layout);
  const written: string[] = [];
  for (const name of named.length > 0 ? named : caseNames()) {
    const context = join(work, name);
    const expected = { by, ...(await build(context, stage(name, context), layout, bases)) };
    const file = expectedFile(name);
    writeFileSync(file, `${JSON.stringify(expected, null, 2)}\n`);
    written.push(file);
    console.log(`${name}: ${expected.refused ?? `${expected.images?.length} built`}`);
  }
  await succeed([join(root, "node_modules/.bin/biome"), "format", "--write", ...written]);
}

async function build(
  context: string,
  said: Case,
  layout: string,
  bases: ReadonlyMap<string, string>,
): Promise<Omit<Expected, "by">> {
  const { file = "Dockerfile", target, platform = "linux/amd64", args = {}, labels = {} } = said;
  const dockerfile = join(context, file);
  const text = readFileSync(dockerfile, "utf8");
  const plain = text.replace(/^#[ \t]*syntax[ \t]*=.*\r?\n/im, "");
  if (plain !== text) writeFileSync(dockerfile, plain);
  const archive = `${context}.tar`;
  const options: readonly (readonly [string, string | undefined])[] = [
    ["filename", file],
    ["target", target],
    ["platform", platform],
    ["build-arg:SOURCE_DATE_EPOCH", "0"],
    ...Object.entries(args).map(([key, value]) => [`build-arg:${key}`, value] as const),
    ...Object.entries(labels).map(([key, value]) => [`label:${key}`, value] as const),
    ...[...bases].map(
      ([key, digest]) => [`context:${key}`, `oci-layout://bases@${digest}`] as const,
    ),
  ];
  const built = await run([
    ...buildctl,
    ...["build", "--progress", "plain", "--no-cache", "--frontend", "dockerfile.v0"],
    ...["--local", `context=${context}`, "--local", `dockerfile=${context}`],
    ...["--oci-layout", `bases=${layout}`, "--output", `type=oci,dest=${archive}`],
    ...options.flatMap(([key, value]) => (value === undefined ? [] : ["--opt", `${key}=${value}`])),
  ]);
  if (built.code !== 0) {
    const [, why] = /^error: (.*)$/m.exec(built.stderr) ?? [];
    if (why === undefined) throw new Error(`dockerfiles: ${context}: ${built.stderr}`);
    const plainly = why
      .replace(/ of ref \S+/, "")
      .replace(/\/\S*\/(?:snapshots\/\d+|cachemounts\/buildkit\d+)(?=\/)/, "");
    return { refused: plainly.replaceAll(work, "") };
  }
  return { images: readMerged(archive) };
}
