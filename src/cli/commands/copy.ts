import { namingReferrers } from "../../image/referrer-fault.ts";
import { planCopy } from "../../transfer/copy.ts";
import { choose, parseDestination } from "../../transfer/endpoint.ts";
import { command, type ExitCode } from "../args/define-command.ts";
import { absentJson, tellAbsent } from "../shared/absent-platforms.ts";
import { passingOver, REPOSITORY, tellUnloadable } from "../shared/name-flags.ts";
import { leftJson, tellLeft } from "../shared/referrer-flags.ts";
import {
  alongOf,
  REFERRERS,
  REGISTRY,
  TRANSFERS,
  withRegistries,
} from "../shared/registry-flags.ts";
import {
  FOREIGN,
  imageLine,
  PLATFORM,
  parsePlatformFlag,
  storeOpener,
  threadsFor,
  watched,
} from "../shared/task.ts";

export const copyCommand = command({
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
    const { talk } = context;
    const threads = threadsFor(jobs);
    const platforms = parsePlatformFlag(platform);
    const along = alongOf(words);
    const destination = parseDestination(text);
    const openStore = storeOpener(context, folder);
    return withRegistries<ExitCode>(context, words, async (openRepository) => {
      const chosen = await choose(source, {
        platforms,
        along,
        foreign: words["allow-missing-foreign"],
        repository,
        passOver: destination.kind === "layout" ? undefined : passingOver(talk),
        openStore,
        openRepository,
      });
      const all = [...chosen.images, ...chosen.referring];
      const copy = await namingReferrers(all, () =>
        planCopy(chosen, destination, source, { openStore, openRepository }),
      );
      tellLeft(copy.left, talk);
      tellUnloadable(copy.unloadable ?? [], talk);
      const absent = tellAbsent(copy.images, talk);
      await watched(context, { label: "copy", total: copy.total, threads }, (working) =>
        namingReferrers(all, () => copy.run(working)),
      );
      const [images, also] = [copy.images, copy.referring].map((all) =>
        all.map(({ reference, descriptor: { digest } }) => ({ reference, digest })),
      );
      for (const line of [...images!, ...also!]) talk.print(imageLine(line));
      talk.document({
        images: images!,
        referrers: also!,
        left: leftJson(copy.left),
        absent: absentJson(absent),
      });
      return 0;
    });
  },
});
