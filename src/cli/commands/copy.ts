import { namingReferrers } from "../../image/referrer-fault.ts";
import { planCopy } from "../../transfer/copy.ts";
import { parseDestination, resolveSources } from "../../transfer/endpoint.ts";
import { defineCommand, type ExitCode } from "../args/define-command.ts";
import { absentJson, reportAbsent } from "../shared/absent-platforms.ts";
import { passingOver, REPOSITORY, reportUnloadable } from "../shared/name-flags.ts";
import { leftJson, reportLeftBehind } from "../shared/referrer-flags.ts";
import {
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

export const copyCommand = defineCommand({
  name: "copy",
  description: "copy images between registries, archives, layouts and the store, unchanged",
  args: {
    source: {
      type: "positional",
      required: true,
      description: "docker://REF, oci:DIR[:REF], oci-archive:FILE[:REF], or a name in the store",
    },
    destination: {
      type: "positional",
      required: true,
      description: "docker://REF, oci:DIR[:REF], oci-archive:FILE[:REF], or a name for the store",
    },
    repository: REPOSITORY,
    platform: PLATFORM,
    "allow-missing-foreign": FOREIGN,
    ...REFERRERS,
    jobs: TRANSFERS,
    ...REGISTRY,
  },
  notes: [
    "Nothing is compressed again or written anew: digests stay what they are. From a registry into an archive there is no\nother file between. With a REF for a folder or an archive, the source must be one image; without, each image keeps its\nname. Prints `REF sha256:…` for each image, under the name it has now.",
  ],
  examples: [
    {
      line: "ingot copy docker://ghcr.io/me/app:v1 docker://localhost:5000/app:v1 --referrers",
      does: "from registry to registry, with signatures",
    },
    {
      line: "ingot copy docker://ghcr.io/me/app:v1 oci-archive:app.tar",
      does: "straight into a canonical archive",
    },
    {
      line: "ingot copy oci-archive:app.tar docker://localhost:5000/app:v1",
      does: "and out of it",
    },
  ],
  document:
    '{"images": [{"reference", "digest"}], "referrers": [{"reference", "digest"}],\n "left": [{"kind", "subject", "digest", "why"}], "absent": [{"platform", "digest"}]}: referrers that stay behind',
  async run(words, context) {
    const { source, destination: text, repository, platform, jobs, store: folder } = words;
    const { reporter } = context;
    const threads = readJobs(jobs);
    const platforms = parsePlatformFlag(platform);
    const along = referrerPolicy(words);
    const destination = parseDestination(text);
    const openStore = lazyStore(context, folder);
    return withRegistries<ExitCode>(context, words, async (openRepository) => {
      const chosen = await resolveSources(source, {
        platforms,
        along,
        foreign: words["allow-missing-foreign"],
        repository,
        passOver: destination.kind === "layout" ? undefined : passingOver(reporter),
        openStore,
        openRepository,
      });
      const all = [...chosen.images, ...chosen.referring];
      const copy = await namingReferrers(all, () =>
        planCopy(chosen, destination, source, { openStore, openRepository }),
      );
      reportLeftBehind(copy.left, reporter);
      reportUnloadable(copy.unloadable ?? [], reporter);
      const absent = reportAbsent(copy.images, reporter);
      await withProgress(context, { label: "copy", total: copy.total, threads }, (working) =>
        namingReferrers(all, () => copy.run(working)),
      );
      const [images, also] = [copy.images, copy.referring].map((all) =>
        all.map(({ reference, descriptor: { digest } }) => ({ reference, digest })),
      );
      for (const line of [...images!, ...also!]) reporter.print(imageLine(line));
      reporter.document({
        images: images!,
        referrers: also!,
        left: leftJson(copy.left),
        absent: absentJson(absent),
      });
      return 0;
    });
  },
});
