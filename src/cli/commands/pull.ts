import { IngotError } from "../../base/error.ts";
import { namingReferrers } from "../../image/referrer-fault.ts";
import { oncePerName, underName } from "../../image/referrers.ts";
import { parseRemote } from "../../oci/remote-reference.ts";
import { type ResolvedImages, renamed, resolveRemote } from "../../transfer/endpoint.ts";
import { bytesToFetch, pullImages, reachOf } from "../../transfer/pull.ts";
import type { RemoteImage } from "../../transfer/remote-image.ts";
import { defineCommand, type ExitCode } from "../args/define-command.ts";
import { formatBytes, plural } from "../output/text.ts";
import { absentJson, reportAbsent } from "../shared/absent-platforms.ts";
import { leftJson, reportLeftBehind } from "../shared/referrer-flags.ts";
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

export const pullCommand = defineCommand({
  name: "pull",
  description: "pull images from registries into the store, every byte verified",
  args: {
    image: {
      type: "positional",
      required: true,
      multiple: true,
      description: "registry/repository[:tag][@digest]",
    },
    platform: PLATFORM,
    "allow-missing-foreign": FOREIGN,
    ...REFERRERS,
    as: {
      type: "string",
      valueHint: "NAME",
      description: "the image's name in the store; default: its own",
    },
    jobs: TRANSFERS,
    ...LOGIN,
    ...REGISTRY,
  },
  notes: [
    "Nothing gets a name unless everything it needs has arrived and is proven. Blobs that the store has are not fetched;\none that is damaged is whole afterwards. What has arrived when a pull breaks off is not fetched again.\nPrints `REF sha256:…` for each image.",
  ],
  examples: [
    { line: "ingot pull ghcr.io/me/gadget/trace:v1", does: "all platforms of an image" },
    {
      line: "ingot pull localhost:5000/app:v2 --platform linux/arm64 --referrers",
      does: "one of them, with its signatures",
    },
    {
      line: "ingot pull registry.example/app@sha256:… --as registry.example/app:v2",
      does: "exactly that image",
    },
  ],
  document:
    '{"store", "images": [{"reference", "digest", "mediaType", "size"}], "referrers": [{"reference", "digest"}],\n "left": [{"kind", "subject", "digest", "why"}], "absent": [{"platform", "digest"}],\n "blobs", "fetched", "bytes"}; fetched and bytes count blobs that were not there, without manifests',
  async run(words, context) {
    const { image: texts, platform, as, jobs, store: folder } = words;
    const { reporter } = context;
    const threads = readJobs(jobs);
    const platforms = parsePlatformFlag(platform);
    const along = referrerPolicy(words);
    if (as !== undefined && texts.length > 1)
      throw new IngotError("usage", { message: "--as is one name, and there are several images" });
    const registries = new Set(texts.map((text) => parseRemote(text).registry));
    if (words.username !== undefined && registries.size > 1)
      throw new IngotError("usage", {
        message: `--username is for one registry, and there are several: ${[...registries].join(", ")}`,
        hint: "log in to each of them: ingot login",
      });
    const openStore = lazyStore(context, folder);
    const store = openStore();
    return withRegistries<ExitCode>(context, words, async (openRepository) => {
      const foreign = words["allow-missing-foreign"];
      const choice = { platforms, along, foreign, openStore, openRepository };
      const chosen: ResolvedImages<RemoteImage>[] = [];
      for (const text of texts) chosen.push(await resolveRemote(text, choice));
      const images = chosen
        .flatMap((each) => each.images)
        .map((image) => (as === undefined ? image : renamed(image, as)));
      const found = oncePerName(chosen.flatMap((each) => each.referring));
      const referring = as === undefined ? found : underName(found, images[0]!.reference);
      const left = chosen.flatMap((each) => each.left);
      reportLeftBehind(left, reporter);
      const absent = absentJson(reportAbsent(images, reporter));
      const all = [...images, ...referring];
      const total = bytesToFetch(reachOf(all).needed);
      const done = await withProgress(context, { label: "pull", total, threads }, (working) =>
        namingReferrers(all, () => pullImages(all, store, working)),
      );
      for (const { reference, descriptor } of all)
        reporter.print(imageLine({ reference, digest: descriptor.digest }));
      reporter.info(
        `${plural(done.blobs, "blob")}; ${done.fetched} of them fetched, ${formatBytes(done.bytes)}`,
      );
      reporter.document({
        store: store.at,
        images: images.map(({ reference, descriptor: { digest, mediaType, size } }) => ({
          reference,
          digest,
          mediaType,
          size,
        })),
        referrers: referring.map(({ reference, descriptor: { digest } }) => ({
          reference,
          digest,
        })),
        left: leftJson(left),
        absent,
        ...done,
      });
      return 0;
    });
  },
});
