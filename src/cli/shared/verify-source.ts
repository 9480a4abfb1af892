/** Verifies a source, wherever it is; an image of a registry as the archive that it would be. */
import { archiveBytes } from "../../archive/archive-bytes.ts";
import { IngotError } from "../../base/error.ts";
import { stat } from "../../base/fs/file.ts";
import { Progress } from "../../base/workers/pool.ts";
import type { VerifyReport } from "../../image/findings.ts";
import { namingReferrers } from "../../image/referrer-fault.ts";
import type { Platform } from "../../oci/platform.ts";
import { openSources, parseSource } from "../../source/source.ts";
import type { FolderStore } from "../../store/folder-store.ts";
import type { ReadStore } from "../../store/store.ts";
import { resolveSources } from "../../transfer/endpoint.ts";
import { planImages } from "../../transfer/plan-images.ts";
import type { TrustJudge } from "../../trust/verdict.ts";
import { type VerifyScope, verifyArchive, verifyImage, verifyLayout } from "../../verify/verify.ts";
import type { Context } from "../args/define-command.ts";
import type { Options, Values } from "../args/options.ts";
import { REGISTRY, withRegistries } from "./registry-flags.ts";
import { withProgress } from "./task.ts";
import { archiveOf, type VerifyTarget } from "./volume-args.ts";

/** How registries are reached, where --key is a public key. */
export const READING = {
  "plain-http": REGISTRY["plain-http"],
  "ca-file": REGISTRY["ca-file"],
  authfile: REGISTRY.authfile,
} as const satisfies Options;

export const isRemoteText = (text: string): boolean => text.startsWith("docker://");

/** Everything of the image `docker://REF` is fetched, and what refers to it, and nothing is kept. @throws registry, not-found */
async function verifyRemote(
  text: string,
  how: VerifyScope,
  words: Values<typeof READING>,
  threads: number,
  context: Context,
): Promise<VerifyReport> {
  const registries = { ...words, cert: undefined, key: undefined };
  return withRegistries(context, registries, async (openRepository) => {
    const openStore = () => {
      throw new IngotError("internal", { message: "an image of a registry is in no store" });
    };
    const choice = { platforms: [], along: "all", openStore, openRepository } as const;
    const { images, referring } = await resolveSources(text, choice);
    const plan = await namingReferrers(referring, () => planImages([...images, ...referring]));
    const task = { label: `verify ${text}`, total: plan.size, threads };
    const report = await withProgress(context, task, (working) => {
      const bytes = archiveBytes(plan, { ...working, tally: new Progress() });
      return verifyArchive({ bytes, at: text }, { ...how, canonical: false }, working);
    });
    return report;
  });
}

/** Whether `text` is standard input, a pipe (as in `<(…)`) or a device: an archive that is read once, front to back. */
export function isStream(text: string): boolean {
  return text === "-" || stat(text)?.kind === "other";
}

export interface VerifyAsked {
  readonly layers: boolean;
  readonly platforms: readonly Platform[];
  readonly foreign: boolean;
  readonly repository: string | undefined;
  readonly canonical: boolean;
  readonly bases: readonly ReadStore[];
  readonly trust: TrustJudge | undefined;
  readonly words: Values<typeof READING>;
  readonly threads: number;
  readonly openStore: () => FolderStore;
}

/** The report on a source, wherever it is. @throws as those who open and verify it */
export async function verifySource(
  judged: VerifyTarget,
  {
    layers,
    platforms,
    foreign,
    repository,
    canonical,
    bases,
    trust,
    threads,
    openStore,
    words,
  }: VerifyAsked,
  context: Context,
): Promise<VerifyReport> {
  const { text } = judged;
  const label = `verify ${text}`;
  const how = { layers, platforms, foreign, repository, trust };
  const archive = async (...files: readonly [string, ...string[]]) => {
    const { source, total } = await archiveOf(files, context, threads);
    return withProgress(context, { label, total, threads }, (working) =>
      verifyArchive(source, { ...how, canonical, bases }, working),
    );
  };
  if (judged.kind === "volumes") return archive(...judged.files);
  if (isStream(text)) return archive(text);
  if (isRemoteText(text)) return verifyRemote(text, how, words, threads, context);
  const source = parseSource(text);
  if (source.kind === "archive" && source.reference === undefined) return archive(source.path);
  const { reference } = source;
  if (source.kind === "layout" && reference === undefined) {
    if (stat(source.path) === undefined)
      throw new IngotError("not-found", { what: "the image layout", at: source.path });
    return withProgress(context, { label, threads }, (working) =>
      verifyLayout(source.path, working, how),
    );
  }
  const [image] = await openSources(text, openStore, { repository });
  return withProgress(context, { label, threads }, (working) => verifyImage(image!, working, how));
}
