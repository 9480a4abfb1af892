import { IngotError } from "../../base/error.ts";
import { readEntries } from "../../image/entries.ts";
import { namingReferrers } from "../../image/referrer-fault.ts";
import { imageNameOf } from "../../oci/layout.ts";
import { parseRemote } from "../../oci/remote-reference.ts";
import { NameMapping, parseMirrorTarget, parseRenameRule } from "../../oci/rename.ts";
import type { FolderStore } from "../../store/folder-store.ts";
import type { TransferOptions } from "../../transfer/endpoint.ts";
import { bytesToPush, type Pushed } from "../../transfer/push.ts";
import { type PushItem, planMirror, planPush, pushAll } from "../../transfer/push-plan.ts";
import { defineCommand, type ExitCode } from "../args/define-command.ts";
import type { Values } from "../args/options.ts";
import type { Reporter } from "../output/reporter.ts";
import { formatBytes, plural } from "../output/text.ts";
import { absentJson, reportAbsent } from "../shared/absent-platforms.ts";
import { passingOver, REPOSITORY } from "../shared/name-flags.ts";
import { leftJson, referrersInWords, reportLeftBehind } from "../shared/referrer-flags.ts";
import {
  LOGIN,
  REFERRERS,
  REGISTRY,
  referrerPolicy,
  TRANSFERS,
  withRegistries,
} from "../shared/registry-flags.ts";
import {
  FOREIGN,
  imageLine,
  lazyStore,
  PLATFORM,
  parsePlatformFlag,
  readJobs,
  withProgress,
} from "../shared/task.ts";

/** Where images go, where that is said by rule. */
const RULES = {
  all: {
    type: "boolean",
    description: "every image of each SOURCE, or, without one, of the store; with --to",
  },
  to: {
    type: "string",
    valueHint: "HOST[/PREFIX]",
    description: "the registry, and a prefix, that replace the registry in each image's name",
  },
  rename: {
    type: "string",
    valueHint: "OLD=NEW",
    multiple: true,
    description: "before that, names that begin with OLD begin with NEW",
  },
  "dry-run": { type: "boolean", description: "say what would be called what, and send nothing" },
} as const;

export const pushCommand = defineCommand({
  name: "push",
  description: "push images to a registry, from the store or straight from an archive",
  args: {
    source: {
      type: "positional",
      required: false,
      multiple: true,
      description:
        "names in the store, oci-archive:FILE[:REF], oci:DIR[:REF], docker-archive:FILE[:REF], docker://REF, archives or layouts; without --to one, and REF to push it as",
    },
    ...RULES,
    repository: REPOSITORY,
    platform: PLATFORM,
    "allow-missing-foreign": FOREIGN,
    ...REFERRERS,
    jobs: TRANSFERS,
    ...LOGIN,
    ...REGISTRY,
  },
  notes: [
    "Without --to, one image goes under its own name, or as the second argument says: registry/repository[:tag].",
    "Blobs go first, then the manifests, then the tag: whoever pulls meanwhile gets the old image or the new one. What the\nregistry has is not sent; what several images share is sent once. The bytes and all digests stay what they are.\nPrints `REF sha256:…` for each image as soon as it is there.",
    "With --to, HOST/PREFIX takes the registry's place in the complete name: ghcr.io/me/app:v1 becomes HOST/PREFIX/me/app:v1,\nand docker.io/library/x:v1 HOST/PREFIX/library/x:v1. A rule of --rename is applied before, the one with the longest OLD\nthat fits; OLD ends at a / of the name, before the tag or at the end. Two images that would get one name are refused.",
    "With --all everything goes that a source names, signatures with their images. An archive is read where it lies: no store and no\nother file is between. One that is compressed, or a delta, is imported first. What breaks off is run again.",
  ],
  examples: [
    { line: "ingot push ghcr.io/me/gadget/trace:v1", does: "under its own name" },
    { line: "ingot push trace:v1 localhost:5000/trace:v1", does: "elsewhere" },
    {
      line: "ingot push --all stick.tar --to registry.example/mirror",
      does: "all that an archive brought over the gap, with no other file between",
    },
    {
      line: "ingot push --all stick.tar --to localhost:5000 --rename docker.io/library=hub --rename ghcr.io=ghcr --dry-run",
      does: "where images of several registries would go",
    },
    {
      line: "ingot push app:v1 trace:v1 --to localhost:5000",
      does: "some of the store, by the same rule",
    },
  ],
  document:
    '{"reference", "digest", "blobs", "sent", "mounted", "bytes", "referrers": [{"reference", "digest"}],\n "left": [{"kind", "subject", "digest", "why"}], "absent": [{"platform", "digest"}]}; with --to\n {"images": [{"source", "reference", "digest"}], "referrers": [the same], "blobs", "sent", "mounted", "bytes", "left", "absent"};\n with --dry-run {"images", "referrers", "left", "absent"}',
  async run(words, context) {
    const { source: texts, to, all, platform, jobs, store: folder } = words;
    const { reporter } = context;
    checkWords(words);
    const place = to === undefined ? undefined : parseMirrorTarget(to);
    const renaming = place && new NameMapping(place, words.rename.map(parseRenameRule));
    checkLogin(words, place?.registry);
    const threads = readJobs(jobs);
    const platforms = parsePlatformFlag(platform);
    const along = referrerPolicy(words);
    const openStore = lazyStore(context, folder);
    if (texts.length === 0) tellNameless(openStore(), reporter);
    return withRegistries<ExitCode>(context, words, async (openRepository) => {
      const passOver = passingOver(reporter);
      const choice: TransferOptions = {
        platforms,
        along,
        foreign: words["allow-missing-foreign"],
        repository: words.repository,
        passOver,
        openStore,
        openRepository,
      };
      const { moves, left } =
        renaming === undefined
          ? await planPush(texts[0]!, texts[1], choice)
          : await planMirror({ texts, all }, choice, renaming);
      for (const { text } of renaming?.unused ?? [])
        reporter.warn(
          `the rule ${text} fits no name`,
          "names are complete, as in docker.io/library/x:v1; --dry-run says what would be called what",
        );
      const going = moves.map(({ image }) => image);
      const total = going.reduce((sum, image) => sum + bytesToPush(image), 0);
      reportLeftBehind(left, reporter);
      const absent = absentJson(reportAbsent(going, reporter));
      if (words["dry-run"]) {
        for (const move of moves) reporter.print(`${move.before} -> ${imageLine(answerOf(move))}`);
        reporter.info(`${countOf(moves)}, ${formatBytes(total)} at most: nothing is sent`);
        reporter.document({ ...documentOf(moves), left: leftJson(left), absent });
        return 0;
      }
      const done: PushItem[] = [];
      const tell = (move: PushItem) => {
        done.push(move);
        reporter.print(imageLine(answerOf(move)));
      };
      const pushed = await withProgress(context, { label: "push", total, threads }, (working) =>
        namingReferrers(going, () => pushAll(moves, choice, working, tell)),
      ).catch((error: unknown) => {
        tellBroken(moves, done, reporter);
        throw error;
      });
      tellPushed(pushed, reporter);
      const { images, referrers } = documentOf(moves);
      const single = images.map(({ reference, digest }) => ({ reference, digest }))[0];
      reporter.document(
        renaming === undefined
          ? {
              ...single,
              ...pushed,
              referrers: referrers.map(plainly),
              left: leftJson(left),
              absent,
            }
          : { images, referrers, ...pushed, left: leftJson(left), absent },
      );
      return 0;
    });
  },
});

type Words = Values<typeof RULES & typeof LOGIN> & { readonly source: readonly string[] };

const usage = (message: string, hint: string) => new IngotError("usage", { message, hint });

/** @throws usage for words that do not go together */
function checkWords({ source, to, all, rename }: Words): void {
  const [flag] = [...(all ? ["--all"] : []), ...(rename.length > 0 ? ["--rename"] : [])];
  if (to === undefined && flag !== undefined)
    throw usage(
      `${flag} is given alone, should be with --to`,
      "say where the images go: --to HOST[/PREFIX]",
    );
  if (source.length === 0 && !all)
    throw usage(
      "the argument SOURCE is missing: an image to push",
      "name one, or push all images of the store: --all --to HOST",
    );
  if (to === undefined && source.length > 2)
    throw usage(
      `there is an argument too many: ${JSON.stringify(source[2])}`,
      "one image goes under one name; several go by rule: ingot push SOURCE... --to HOST",
    );
}

/** @throws usage where a password would be said to several registries */
function checkLogin({ username, source }: Words, to: string | undefined): void {
  if (username === undefined) return;
  const names = source.filter((text, i) => text.startsWith("docker://") || (i > 0 && !to));
  const registries = new Set([
    ...(to === undefined ? [] : [to]),
    ...names.map((text) => parseRemote(text).registry),
  ]);
  if (registries.size > 1)
    throw usage(
      `--username is for one registry, and there are several: ${[...registries].join(", ")}`,
      "log in to each of them: ingot login",
    );
}

function tellNameless(store: FolderStore, reporter: Reporter): void {
  const nameless = readEntries(store).images.filter((image) => imageNameOf(image) === undefined);
  if (nameless.length === 0) return;
  reporter.warn(
    `${plural(nameless.length, "image")} of the store without a name: not pushed`,
    "give it one: ingot tag DIGEST NAME",
  );
}

/** `2 images, with 3 signatures, 1 SBOM`. */
function countOf(moves: readonly PushItem[]): string {
  const going = moves.map(({ image }) => image);
  const referrers = referrersInWords(going);
  const images = going.filter(({ refers }) => refers === undefined).length;
  return `${plural(images, "image")}${referrers && `, with ${referrers}`}`;
}

/** `1 of 2 images`, `2 of 2 images and 1 of 3 referrers`. */
function progressOf(moves: readonly PushItem[], done: readonly PushItem[]): string {
  const referring = (some: readonly PushItem[]) =>
    some.filter(({ image }) => image.refers !== undefined).length;
  const [all, pushed] = [referring(moves), referring(done)];
  const images = `${done.length - pushed} of ${plural(moves.length - all, "image")}`;
  return all === 0 ? images : `${images} and ${pushed} of ${plural(all, "referrer")}`;
}

/** Where it stopped, and that nothing of what is done must be done again. */
function tellBroken(
  moves: readonly PushItem[],
  done: readonly PushItem[],
  reporter: Reporter,
): void {
  const next = moves[done.length];
  if (moves.length === 1 || next === undefined) return;
  const names = done.map(({ image }) => image.reference);
  reporter.warn(
    `stopped at ${next.image.reference}: ${progressOf(moves, done)} pushed before${reporter.json && done.length > 0 ? `: ${names.join(", ")}` : ""}`,
    "run it again: what the registry has is not sent again",
  );
}

function tellPushed({ blobs, sent, bytes, mounted }: Pushed, reporter: Reporter): void {
  reporter.info(
    `${plural(blobs, "blob")}; ${sent} of them sent, ${formatBytes(bytes)}; ${mounted} mounted`,
  );
}

const answerOf = ({ image }: PushItem) => ({
  reference: image.reference,
  digest: image.descriptor.digest,
});

const plainly = ({ reference, digest }: { reference: string; digest: string }) => ({
  reference,
  digest,
});

function documentOf(moves: readonly PushItem[]) {
  const said = (refers: boolean) =>
    moves
      .filter(({ image }) => (image.refers !== undefined) === refers)
      .map((move) => ({ source: move.before, ...answerOf(move) }));
  return { images: said(false), referrers: said(true) };
}
