import { tmpdir } from "node:os";
import { Fault } from "../../base/fault.ts";
import { LAST_EPOCH, parseEpoch } from "../../base/time.ts";
import { buildGadget, type EpochChoice, storeBuilt } from "../../image/build.ts";
import { planArchive } from "../../image/export.ts";
import { formatPlatform } from "../../oci/platform.ts";
import { FolderStore } from "../../store/folder.ts";
import { command } from "../command.ts";
import { type Settings, sourceDateEpoch, storePath } from "../settings.ts";
import { archiveTarget } from "../target.ts";
import { imageLine, parsePlatformFlag, threadsFor, watched } from "../task.ts";
import { formatProblem } from "../words.ts";

export const buildCommand = command({
  name: "build",
  description: "build a gadget's folder into an image, the same bytes for everyone",
  args: {
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
      description: "the recipe; default: build.yaml in the folder, if it is there",
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
      description: "default: linux/amd64,linux/arm64",
    },
    "source-date-epoch": {
      type: "string",
      valueHint: "TIME",
      description: "seconds since 1970, mtime, git or now; else SOURCE_DATE_EPOCH, else 0",
    },
    include: {
      type: "string",
      alias: "I",
      valueHint: "DIR",
      multiple: true,
      description: "a folder of headers",
    },
    headers: {
      type: "string",
      valueHint: "DIR",
      description: "a tree laid out like Inspektor Gadget's include/",
    },
    clang: {
      type: "string",
      valueHint: "PROGRAM",
      description: "else INGOT_CLANG, else clang on the PATH",
    },
    "llvm-strip": {
      type: "string",
      valueHint: "PROGRAM",
      description: "else INGOT_LLVM_STRIP, else llvm-strip on the PATH",
    },
    go: { type: "string", valueHint: "PROGRAM", description: "else INGOT_GO, else go on the PATH" },
    cargo: {
      type: "string",
      valueHint: "PROGRAM",
      description: "else INGOT_CARGO, else cargo on the PATH",
    },
    "builder-version": {
      type: "string",
      valueHint: "TEXT",
      description: "what the image says of the version of its builder",
    },
    strict: {
      type: "boolean",
      description: "warnings about build.yaml and gadget.yaml are errors",
    },
  },
  notes: [
    "The folder holds program.bpf.c, gadget.yaml, a .go, .rs or .wasm program, or some of them; build.yaml may give them\nother names. A short name `x` is ghcr.io/inspektor-gadget/gadget/x:latest. Prints `REF sha256:…` for each name;\nwith -o - on stderr.",
    "--source-date-epoch: mtime is the newest modification time of the source files, git the time of the last commit that\ntouched them.",
  ],
  examples: [
    {
      line: "ingot build -t ghcr.io/me/gadget/trace:v1",
      does: "the folder you are in, into the store",
    },
    {
      line: "ingot build ./trace -t trace:v1 -o trace.tar",
      does: "straight into an archive, with no store",
    },
    {
      line: "ingot build ./trace -t trace --headers ~/inspektor-gadget/include --source-date-epoch git",
      does: "a gadget of Inspektor Gadget's repository",
    },
  ],
  document:
    '{"images": [{"reference", "digest"}], "digest", "mediaType", "size", "created",\n "manifests": [{"digest", "mediaType", "size", "platform"}], "blobs": [{"digest", "size"}],\n "output": the archive or null, "warnings": [{"file", "line", "column", "level", "message", "hint"}]}',
  async run(values, context) {
    const { talk, settings } = context;
    const { output } = values;
    if (output === "-") talk.answerOnStderr();
    const write = output === undefined ? undefined : archiveTarget(output);
    const store =
      write === undefined ? new FolderStore(storePath(settings, values.store)) : undefined;
    const commands = {
      clang: values.clang ?? settings.clang,
      "llvm-strip": values["llvm-strip"] ?? settings.llvmStrip,
      go: values.go ?? settings.go,
      cargo: values.cargo ?? settings.cargo,
    };
    const built = await buildGadget({
      directory: values.path ?? ".",
      recipeFile: values.file,
      names: values.tag,
      platforms: parsePlatformFlag(values.platform),
      epoch: parseEpochChoice(values["source-date-epoch"], settings),
      builderVersion: values["builder-version"],
      strict: values.strict,
      tools: { commands: given(commands), environment: settings.environment },
      includes: values.include,
      headers: values.headers,
      scratch: tmpdir(),
      warn: (problems) => {
        for (const problem of problems)
          talk.warn(formatProblem(problem).replace(/: warning: /, ": "));
      },
    });
    for (const text of built.compilers) talk.warn(`the compiler said:\n${text.trimEnd()}`);
    if (store !== undefined) await storeBuilt(built, store);
    if (write !== undefined) {
      const plan = await planArchive(built.images);
      await watched(
        context,
        { label: "write", total: plan.size, threads: threadsFor(undefined) },
        (working) => write(plan, working),
      );
    }
    const images = built.images.map(({ reference, descriptor: { digest } }) => ({
      reference,
      digest,
    }));
    for (const image of images) talk.print(imageLine(image));
    const { digest, mediaType, size } = built.descriptor;
    talk.document({
      images,
      digest,
      mediaType,
      size,
      created: built.created,
      manifests: built.manifests.map(({ digest, mediaType, size, platform }) => ({
        digest,
        mediaType,
        size,
        platform: platform === undefined ? null : formatPlatform(platform),
      })),
      blobs: [...built.blobs].map(([digest, bytes]) => ({ digest, size: bytes.length })),
      output: output ?? null,
      warnings: built.problems.map((problem) => ({ ...problem, hint: problem.hint ?? null })),
    });
    return 0;
  },
});

/** Those of the entries that have a value. */
function given<K extends string>(
  entries: Readonly<Record<K, string | undefined>>,
): Partial<Record<K, string>> {
  const there: Partial<Record<K, string>> = {};
  for (const name of Object.keys(entries) as K[])
    if (entries[name] !== undefined) there[name] = entries[name];
  return there;
}

/** What `--source-date-epoch`, else SOURCE_DATE_EPOCH says; 0 where neither does. @throws usage, quoting the value */
function parseEpochChoice(flag: string | undefined, settings: Settings): EpochChoice {
  if (flag === undefined) return sourceDateEpoch(settings) ?? 0;
  if (flag === "mtime" || flag === "git") return flag;
  if (flag === "now") return Math.floor(Date.now() / 1000);
  const seconds = parseEpoch(flag);
  if (seconds !== undefined) return seconds;
  throw new Fault("usage", {
    message: `--source-date-epoch is ${JSON.stringify(flag)}, should be whole seconds since 1970 (0 to ${LAST_EPOCH}), mtime, git or now`,
  });
}
