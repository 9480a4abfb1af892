import { Fault } from "../../base/fault.ts";
import { stat } from "../../base/file.ts";
import { isProven, type Report } from "../../image/finding.ts";
import { openSources, parseSource } from "../../image/source.ts";
import { verifyArchive, verifyImage, verifyLayout } from "../../image/verify.ts";
import type { FolderStore } from "../../store/folder.ts";
import { type Context, command, type ExitCode } from "../command.ts";
import type { Json } from "../talk.ts";
import { archiveSource, imageLine, JOBS, storeOpener, threadsFor, watched } from "../task.ts";
import { count, formatBytes } from "../text.ts";
import { findingJson, formatFinding, sentence } from "../words.ts";

export const verifyCommand = command({
  name: "verify",
  description: "prove that archives, layouts and stored images are what they say",
  args: {
    source: {
      type: "positional",
      required: true,
      multiple: true,
      description:
        "archives (- is stdin), layouts, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF], names in the store",
    },
    layers: {
      type: "boolean",
      description: "also decompress every layer: is it what its config says (its diffID)?",
    },
    canonical: {
      type: "boolean",
      description: "archives: also that they are, to the byte, what ingot export writes",
    },
    jobs: JOBS,
  },
  notes: [
    "Every byte is read and hashed. All sources are looked at; the exit code is that of the worst. Nothing checked is no yes.",
  ],
  examples: [
    { line: "ingot verify trace.tar", does: "an archive" },
    {
      line: "ingot verify --canonical --json - < trace.tar",
      does: "from a pipe, to the byte, for a program",
    },
    { line: "ingot verify trace:v1 oci:/srv/layout", does: "a stored image and a layout" },
  ],
  no: "no: something is not what it says; every finding is listed",
  document:
    '{"ok", "sources": [{"source", "ok", "images": [{"reference", "digest"}], "blobs", "bytes",\n "compression"?, "canonical"?,\n "findings": [{"code", "level", "at", "message"}]}]}; a source that nobody could judge has "error" instead',
  async run({ source: sources, layers, canonical, jobs, store: folder }, context) {
    const { talk } = context;
    const threads = threadsFor(jobs);
    if (sources.filter((source) => source === "-").length > 1)
      throw new Fault("usage", { message: "standard input (-) is given twice, should be once" });
    if (canonical) sources.forEach(mustBeArchive);
    const openStore = storeOpener(context, folder);
    let worst: ExitCode = 0;
    const documents: Json[] = [];
    for (const source of sources) {
      const judged = await judge(source, { layers, canonical, threads, openStore }, context);
      documents.push(judged.document);
      if (judged.code > worst) worst = judged.code;
    }
    talk.document({ ok: worst === 0, sources: documents });
    return worst;
  },
});

/** @throws usage for what --canonical cannot be asked of; whether it is there at all is found out later */
function mustBeArchive(text: string): void {
  const isFile = isStream(text) || stat(text)?.kind === "file";
  const source = isFile || /\.(?:tar|oci)$/.test(text) ? undefined : parseSource(text);
  if (source === undefined || (source.kind === "archive" && source.reference === undefined)) return;
  throw new Fault("usage", {
    message: `--canonical is about archives, and ${JSON.stringify(text)} is ${source.kind === "layout" ? "a layout" : "an image"}`,
    hint: "leave it out, or name the archive alone",
  });
}

/** Whether `text` is standard input, a pipe (as in `<(…)`) or a device: an archive that is read once, front to back. */
function isStream(text: string): boolean {
  return text === "-" || stat(text)?.kind === "other";
}

interface Options {
  readonly layers: boolean;
  readonly canonical: boolean;
  readonly threads: number;
  readonly openStore: () => FolderStore;
}

/** The verdict on one source. A single fault does not hide the verdicts on the others. */
async function judge(
  source: string,
  options: Options,
  context: Context,
): Promise<{ code: ExitCode; document: Json }> {
  const { talk } = context;
  try {
    const report = await prove(source, options, context);
    const ok = isProven(report) && report.canonical !== false;
    say(report, ok, source, context);
    const { images, blobs, bytes, compression, canonical, findings } = report;
    return {
      code: ok ? 0 : 1,
      document: {
        source,
        ok,
        images: images.map(({ reference, digest }) => ({ reference, digest })),
        blobs,
        bytes,
        compression,
        canonical,
        findings: findings.map((found) => ({ ...findingJson(found), level: found.level })),
      },
    };
  } catch (error) {
    if (!(error instanceof Fault) || error.code === "usage" || error.code === "internal")
      throw error;
    const words = sentence(error);
    talk.print(`COULD NOT SAY ${source}`);
    talk.error(words);
    return {
      code: 2,
      document: { source, error: { code: error.code, message: words.message, hint: words.hint } },
    };
  }
}

async function prove(
  text: string,
  { layers, canonical, threads, openStore }: Options,
  context: Context,
): Promise<Report> {
  const label = `verify ${text}`;
  const archive = (path: string) => {
    const { source, total } = archiveSource(path);
    return watched(context, { label, total, threads }, (working) =>
      verifyArchive(source, { canonical, layers }, working),
    );
  };
  if (isStream(text)) return archive(text);
  const source = parseSource(text);
  if (source.kind === "archive" && source.reference === undefined) return archive(source.path);
  const { reference } = source;
  if (source.kind === "layout" && reference === undefined) {
    if (stat(source.path) === undefined)
      throw new Fault("not-found", { what: "the image layout", at: source.path });
    return watched(context, { label, threads }, (working) =>
      verifyLayout(source.path, working, layers),
    );
  }
  const [image] = await openSources(text, openStore);
  return watched(context, { label, threads }, (working) => verifyImage(image!, working, layers));
}

function say(
  { images, blobs, bytes, compression, canonical, findings }: Report,
  ok: boolean,
  source: string,
  { talk }: Context,
): void {
  const checked = `${count(images.length, "image")}, ${count(blobs, "blob")}, ${formatBytes(bytes)}`;
  const packed = compression === undefined ? "" : `, ${compression}`;
  talk.print(
    `${ok ? "OK" : "NOT OK"} ${source}: ${checked}${packed}${canonical === undefined ? "" : canonical ? ", canonical" : ", not canonical"}`,
  );
  for (const image of images) talk.print(`  ${imageLine(image)}`);
  for (const found of findings) talk.print(`  ${found.level}: ${formatFinding(found)}`);
}
