import { listName } from "../../archive/volumes/format.ts";
import type { WrittenArchive } from "../../archive/write.ts";
import { namingReferrers } from "../../image/referrer-fault.ts";
import { planImages } from "../../transfer/plan-images.ts";
import { defineCommand, type ExitCode } from "../args/define-command.ts";
import { parseSize } from "../args/size.ts";
import { allSources, SOURCE_LIST } from "../args/source-list.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { formatBytes } from "../output/text.ts";
import { absentJson, reportAbsent } from "../shared/absent-platforms.ts";
import { archiveTarget } from "../shared/archive-target.ts";
import { BASE, baseOf, leftOutOf, saveInventory } from "../shared/delta-flags.ts";
import { exportSources } from "../shared/export-sources.ts";
import { passingOver, REPOSITORY, reportUnloadable } from "../shared/name-flags.ts";
import { leftJson, referrersInWords, reportLeftBehind } from "../shared/referrer-flags.ts";
import { REFERRERS, REGISTRY, referrerPolicy, withRegistries } from "../shared/registry-flags.ts";
import {
  FOREIGN,
  imageLine,
  JOBS,
  lazyStore,
  PLATFORM,
  parsePlatformFlag,
  readJobs,
  withProgress,
} from "../shared/task.ts";

const LEAST_VOLUME = 1024 * 1024;

export const exportCommand = defineCommand({
  name: "export",
  description: "write images into one canonical archive, every byte verified",
  args: {
    source: {
      type: "positional",
      required: false,
      multiple: true,
      description:
        "names in the store, docker://REF, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF], archives or layouts",
    },
    output: {
      type: "string",
      alias: "o",
      valueHint: "FILE",
      required: true,
      description: "the archive; - is stdout",
    },
    split: {
      type: "string",
      valueHint: "SIZE",
      description:
        "cut the archive into volumes smaller than SIZE, as in 4GiB: FILE.001, FILE.002, …",
    },
    file: SOURCE_LIST,
    repository: REPOSITORY,
    platform: PLATFORM,
    "allow-missing-foreign": FOREIGN,
    ...REFERRERS,
    jobs: JOBS,
    ...BASE,
    ...REGISTRY,
  },
  notes: [
    "The same images give the same bytes, whatever their order and way into the store. The file appears whole or not\nat all, and replaces one that is there. Prints `REF sha256:…` for each image in it; with -o - on stderr.",
    "A run that was killed has left a hidden file beside FILE: the next one proves what is in it and goes on from there. So it is\nwhen a registry failed, or you stopped an export from one: what has come is not fetched again.",
    "An image of a registry comes with all its platforms, unless --platform says which, and goes straight into the archive:\nwhat `ingot pull` and an export would give, without the store and without a temporary file.",
    "With --base, layers that a base has are left out, and listed in the archive: import takes it where they are, proven\nthere. Of a base the manifests are proven, and every blob must be there and of its size; of a saved list, its digest.\nOf a base in a registry nothing but manifests is fetched: it may be the one on the far side.",
    "With --split, FILE.001 and so on, put together in order, are the archive: `cat FILE.[0-9]*`. FILE.volumes.json lists them, with\nthe SHA-256 of each. 4GiB fits on FAT, 700MB on a CD. Volumes of an older FILE that are of no more use are removed.",
  ],
  examples: [
    { line: "ingot export ghcr.io/me/gadget/trace:v1 -o trace.tar", does: "one image into a file" },
    {
      line: "ingot export trace:v1 audit:v2 --platform linux/arm64 -o arm.tar",
      does: "several, for one platform",
    },
    { line: "ingot export --file images.txt -o all.tar", does: "all that a list names" },
    {
      line: "ingot export docker://ghcr.io/me/app:v1 -o app.tar",
      does: "straight from a registry: no store and no other file is between",
    },
    { line: "ingot export trace:v1 -o - | ssh host ingot import -", does: "through a pipe" },
    {
      line: "ingot export app:v2 --base app-v1.tar -o v1-to-v2.tar",
      does: "a delta: without the layers that the far side has from app-v1.tar",
    },
    {
      line: "ingot export docker://ghcr.io/me/app:v2 --base docker://ghcr.io/me/app:v1 -o v1-to-v2.tar",
      does: "the same, from registries alone",
    },
    {
      line: "ingot export --file images.txt -o all.tar --split 4GiB",
      does: "volumes for sticks: all.tar.001, all.tar.002, … and all.tar.volumes.json",
    },
  ],
  document:
    '{"output", "size", "blobs", "resumed", "images": [{"reference", "digest"}],\n "referrers": [{"subject", "digest"}], "left": [{"kind", "subject", "digest", "why"}], "absent": [{"platform", "digest"}]}; with -o - on stderr;\n "resumed" = bytes that a run which broke off had left; with --base also\n "base": {"images": [{"reference", "digest"}], "layers", "bytes"}: what is left out; with --split also\n "volumes": [{"file", "digest", "size"}], "list"',
  async run(words, context) {
    const { source, file, output, split, repository, platform, jobs, inventory } = words;
    const { reporter } = context;
    if (output === "-") reporter.answerOnStderr();
    const threads = readJobs(jobs);
    const platforms = parsePlatformFlag(platform);
    const along = referrerPolicy(words);
    const below = split === undefined ? undefined : parseSize("--split", split, LEAST_VOLUME);
    const write = archiveTarget(output, below);
    const openStore = lazyStore(context, words.store);
    const texts = allSources(source, file);
    return withRegistries<ExitCode>(context, words, async (openRepository) => {
      const foreign = words["allow-missing-foreign"];
      const passOver = passingOver(reporter);
      const choice = {
        platforms,
        along,
        foreign,
        repository,
        passOver,
        openStore,
        openRepository,
      };
      const { images, left: behind } = await exportSources(texts, choice);
      reportLeftBehind(behind, reporter);
      const absent = reportAbsent(images, reporter);
      const base = await baseOf(words, choice);
      const plan = await namingReferrers(images, () => planImages(images, base));
      reportUnloadable(plan.unloadable, reporter);
      // Volumes are read back.
      const total = below === undefined ? plan.size : 2 * plan.size;
      const written = await withProgress(context, { label: "export", total, threads }, (working) =>
        namingReferrers(images, () => write(plan, working)),
      );
      if (written.resumed > 0)
        reporter.info(`${formatBytes(written.resumed)} were there, of a run that broke off`);
      const left = leftOutOf(plan, base, reporter);
      if (inventory !== undefined) saveInventory(images, inventory);
      for (const image of plan.images) reporter.print(imageLine(image));
      if (plan.referrers.length > 0) reporter.info(`with ${referrersInWords(images)}`);
      for (const { file, digest } of written.volumes ?? []) reporter.print(`${file} ${digest}`);
      reporter.document({
        output,
        size: plan.size,
        blobs: plan.blobs,
        resumed: written.resumed,
        images: plan.images.map(({ reference, digest }) => ({ reference, digest })),
        referrers: plan.referrers.map(({ subject, digest }) => ({ subject, digest })),
        left: leftJson(behind),
        absent: absentJson(absent),
        ...left,
        ...volumesJson(output, written),
      });
      return 0;
    });
  },
});

function volumesJson(
  output: string,
  { volumes }: WrittenArchive,
): { readonly [name: string]: JsonAnswer } {
  if (volumes === undefined) return {};
  const each = volumes.map(({ file, digest, size }) => ({ file, digest, size }));
  return { volumes: each, list: listName(output) };
}
