import { verifyVolume } from "../../archive/volumes/check.ts";
import { IngotError } from "../../base/error.ts";
import { stat } from "../../base/fs/file.ts";
import { parseSource } from "../../source/source.ts";
import { openBaseStores } from "../../transfer/delta-bases.ts";
import { type Context, defineCommand, type ExitCode } from "../args/define-command.ts";
import { describeError, findingJson, formatFinding } from "../output/error-messages.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { formatBytes } from "../output/text.ts";
import { absentJson } from "../shared/absent-platforms.ts";
import { summaryJson } from "../shared/delta-flags.ts";
import { REPOSITORY } from "../shared/name-flags.ts";
import {
  FOREIGN,
  JOBS,
  lazyStore,
  PLATFORM,
  parsePlatformFlag,
  readJobs,
  withProgress,
} from "../shared/task.ts";
import {
  asksTrust,
  readTrustFlags,
  TRUST,
  TRUST_DOCUMENT,
  TRUST_NOTE,
  trustJson,
} from "../shared/trust-flags.ts";
import { codeOf, printVerdict, reportPartial, unsaid, VERDICTS } from "../shared/verdict.ts";
import {
  isRemoteText,
  isStream,
  READING,
  type VerifyAsked,
  verifySource,
} from "../shared/verify-source.ts";
import { groupVolumes, type VerifyTarget } from "../shared/volume-args.ts";

export const verifyCommand = defineCommand({
  name: "verify",
  description: "prove that archives, layouts and stored images are what they say",
  args: {
    source: {
      type: "positional",
      required: true,
      multiple: true,
      description:
        "archives (- is stdin), lists of volumes, volumes, layouts, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF], docker://REF, names in the store",
    },
    layers: {
      type: "boolean",
      description: "also decompress every layer: is it what its config says (its diffID)?",
    },
    repository: REPOSITORY,
    platform: PLATFORM,
    "allow-missing-foreign": FOREIGN,
    canonical: {
      type: "boolean",
      description: "archives: also that they are, to the byte, what ingot export writes",
    },
    base: {
      type: "string",
      valueHint: "OLD",
      multiple: true,
      description:
        "deltas: prove what they leave out where it is, in an archive, a layout or the store",
    },
    ...TRUST,
    ...READING,
    jobs: JOBS,
  },
  notes: [
    "Every byte is read and hashed. All sources are checked; the exit code is that of the worst. Where nothing was checked, that is an error.\nWhat could not be checked (an encrypted layer, a digest that is not sha256) is listed as unchecked, and gives exit code 2.",
    "Of an archive that has some platforms of an image, as docker save and ctr images export write it, --platform names those that must be\nhere; without it all must.",
    "A delta alone is checked in itself; whether its images are complete can be checked only together with its base.",
    "Of an archive in volumes, its list (FILE.volumes.json) stands for the whole archive, and so do all volumes together; other\nvolumes stand for themselves: each is what the list beside it says, or not.",
    TRUST_NOTE,
  ],
  examples: [
    { line: "ingot verify trace.tar", does: "an archive" },
    {
      line: "ingot verify --canonical --json - < trace.tar",
      does: "from a pipe, to the byte, for a program",
    },
    { line: "ingot verify trace:v1 oci:/srv/layout", does: "a stored image and a layout" },
    {
      line: "ingot verify docker://ghcr.io/me/app:v1 --key me.pub",
      does: "an image of a registry",
    },
    { line: "ingot verify big.tar.volumes.json", does: "an archive in volumes" },
    { line: "ingot verify /media/a/big.tar.002", does: "one volume alone, by the list beside it" },
    {
      line: "ingot verify trace.tar --key cosign.pub",
      does: "that it is signed with this key, and every byte of it here",
    },
    { line: "ingot verify trace:v1 --key a.pub --key b.pub --threshold 2", does: "with both keys" },
    {
      line: "ingot verify trace.tar --key ci.pub --attestation slsaprovenance1",
      does: "and that the same key signed its provenance",
    },
    { line: "ingot verify v1-to-v2.tar --base app-v1.tar", does: "a delta with what it relies on" },
  ],
  no: "no: something is not what it says; every finding is listed",
  document: `{"ok", "sources": [{"source", "ok", "images": [{"reference", "digest"}],\n "referrers": [{"kind", "subject", "digest"}], "blobs", "bytes",\n "list"?, "volumes"?, "compression"?, "canonical"?, "base"?, "trust"?, "absent": [{"platform", "digest"}],\n "findings": [{"code", "level", "at", "message"}]}]};\n an archive in volumes has the path of their "list" and the number of "volumes"; one volume has\n "list", "volume": {"number", "count", "size", "digest"} instead of images and blobs; with --key or --identity, ${TRUST_DOCUMENT}; a source that nobody could judge has "error" instead`,
  async run(words, context) {
    const { source: sources, layers, canonical, base, platform, jobs, store: folder } = words;
    const { reporter } = context;
    const threads = readJobs(jobs);
    if (sources.filter((source) => source === "-").length > 1)
      throw new IngotError("usage", {
        message: "standard input (-) is given twice, should be once",
      });
    const asked = groupVolumes(sources);
    for (const { kind, text } of asked) {
      if (kind === "volume")
        mustBeAsked(text, { layers, canonical, base: base.length > 0, key: asksTrust(words) });
      if (canonical) mustBeArchive(text, "--canonical");
      if (base.length > 0) mustBeArchive(text, "--base");
    }
    const trust = await readTrustFlags(words);
    const openStore = lazyStore(context, folder);
    const bases = await openBaseStores(base, openStore);
    const platforms = parsePlatformFlag(platform);
    const foreign = words["allow-missing-foreign"];
    const { repository } = words;
    const asking = { layers, canonical, bases, platforms, foreign, repository };
    const how = { ...asking, trust, threads, openStore, words };
    let worst: ExitCode = 0;
    const documents: JsonAnswer[] = [];
    for (const one of asked) {
      const judged = await judge(one, how, context);
      documents.push(judged.document);
      if (judged.code > worst) worst = judged.code;
    }
    reporter.document({ ok: worst === 0, sources: documents });
    return worst;
  },
});

/** @throws usage for what the flag cannot be asked of; whether it is there at all is found out later */
function mustBeArchive(text: string, flag: string): void {
  const isFile = isStream(text) || stat(text)?.kind === "file" || /\.(?:tar|oci)$/.test(text);
  const isRemote = !isFile && isRemoteText(text);
  const source = isFile || isRemote ? undefined : parseSource(text);
  if (source === undefined ? !isRemote : source.kind === "archive" && !source.reference) return;
  throw new IngotError("usage", {
    message: `${flag} is about archives, and ${JSON.stringify(text)} is ${source?.kind === "layout" ? "a layout" : "an image"}`,
    hint: "leave it out, or name the archive alone",
  });
}

/** @throws usage for what cannot be asked of one volume */
function mustBeAsked(text: string, flags: Readonly<Record<string, boolean>>): void {
  const [flag] = Object.entries(flags).find(([, isGiven]) => isGiven) ?? [];
  if (flag === undefined) return;
  throw new IngotError("usage", {
    message: `--${flag} is about archives, and ${JSON.stringify(text)} is one volume of one`,
    hint: "leave it out, or name the list of the volumes",
  });
}

/** The verdict on one source. A single fault does not hide the verdicts on the others. */
async function judge(
  judged: VerifyTarget,
  options: VerifyAsked,
  context: Context,
): Promise<{ code: ExitCode; document: JsonAnswer }> {
  const { reporter } = context;
  const source = judged.text;
  try {
    if (judged.kind === "volume") return await judgeVolume(judged, options, context);
    const report = await verifySource(judged, options, context);
    const code = codeOf(report);
    const ok = code === 0;
    printVerdict(report, VERDICTS[code], source, context);
    if (code === 2) reporter.error(unsaid(report, source));
    else if (code === 1) reportPartial(report, source, context);
    const {
      images,
      referrers,
      blobs,
      bytes,
      volumes,
      compression,
      canonical,
      base,
      trust,
      findings,
      absent = [],
    } = report;
    return {
      code,
      document: {
        source,
        ok,
        images: images.map(({ reference, digest }) => ({ reference, digest })),
        referrers: referrers.map(({ kind, subject, digest }) => ({ kind, subject, digest })),
        blobs,
        bytes,
        list: volumes?.list,
        volumes: volumes?.count,
        compression,
        canonical,
        base: base && summaryJson(base),
        trust: trust?.map(trustJson),
        absent: absentJson(absent),
        findings: findings.map((found) => ({ ...findingJson(found), level: found.level })),
      },
    };
  } catch (error) {
    if (!(error instanceof IngotError) || error.code === "usage" || error.code === "internal")
      throw error;
    const words = describeError(error);
    reporter.print(`${VERDICTS[2]} ${source}`);
    reporter.error(words);
    return {
      code: 2,
      document: { source, error: { code: error.code, message: words.message, hint: words.hint } },
    };
  }
}

/** The verdict on one volume alone. */
async function judgeVolume(
  { text: source, path }: VerifyTarget & { readonly kind: "volume" },
  { threads }: VerifyAsked,
  context: Context,
): Promise<{ code: ExitCode; document: JsonAnswer }> {
  const total = stat(path)?.size;
  const report = await withProgress(
    context,
    { label: `verify ${source}`, total, threads },
    (working) => verifyVolume(path, working),
  );
  const { list, number, count: all, size, digest, findings } = report;
  const code = findings.length === 0 ? 0 : 1;
  const { reporter } = context;
  reporter.print(
    `${VERDICTS[code]} ${source}: volume ${number} of ${all}, ${formatBytes(size)}, ${digest}`,
  );
  for (const found of findings) reporter.print(`  ${found.level}: ${formatFinding(found)}`);
  return {
    code,
    document: {
      source,
      ok: code === 0,
      list,
      volume: { number, count: all, size, digest },
      findings: findings.map((found) => ({ ...findingJson(found), level: found.level })),
    },
  };
}
