import { planRemote } from "../../image/remote-archive.ts";
import { command, type ExitCode } from "../command.ts";
import { BASE, baseOf, leftOutOf, saveInventory } from "../delta.ts";
import { exportSources } from "../export-sources.ts";
import { REFERRERS, REGISTRY, withRegistries } from "../registry.ts";
import { allSources, SOURCE_LIST } from "../source-list.ts";
import { archiveTarget } from "../target.ts";
import {
  imageLine,
  JOBS,
  PLATFORM,
  parsePlatformFlag,
  storeOpener,
  threadsFor,
  watched,
} from "../task.ts";

export const exportCommand = command({
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
    file: SOURCE_LIST,
    platform: PLATFORM,
    referrers: REFERRERS,
    jobs: JOBS,
    ...BASE,
    ...REGISTRY,
  },
  notes: [
    "The same images give the same bytes, whatever their order and way into the store. The file appears whole or not\nat all, and replaces one that is there. Prints `REF sha256:…` for each image in it; with -o - on stderr.",
    "An image of a registry comes with all its platforms, unless --platform says which, and goes straight into the archive:\nwhat `ingot pull` and an export would give, without the store and without a temporary file.",
    "With --base, layers that a base has are left out, and listed in the archive: import takes it where they are, proven\nthere. Of a base the manifests are proven, and every blob must be there and of its size; of a saved list, its digest.",
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
  ],
  document:
    '{"output", "size", "blobs", "images": [{"reference", "digest"}]}; with -o - on stderr; with --base also\n "base": {"images": [{"reference", "digest"}], "layers", "bytes"}: what is left out',
  async run(words, context) {
    const { source, file, output, platform, referrers, jobs, inventory, store: folder } = words;
    const { talk } = context;
    if (output === "-") talk.answerOnStderr();
    const threads = threadsFor(jobs);
    const platforms = parsePlatformFlag(platform);
    const write = archiveTarget(output);
    const openStore = storeOpener(context, folder);
    const texts = allSources(source, file);
    return withRegistries<ExitCode>(context, words, async (openRepository) => {
      const choice = { platforms, referrers, openStore, openRepository };
      const images = await exportSources(texts, choice);
      const base = await baseOf(words, openStore);
      const plan = await planRemote(images, base);
      await watched(context, { label: "export", total: plan.size, threads }, (working) =>
        write(plan, working, images),
      );
      const left = leftOutOf(plan, base, talk);
      if (inventory !== undefined) saveInventory(images, inventory);
      for (const image of plan.images) talk.print(imageLine(image));
      talk.document({
        output,
        size: plan.size,
        blobs: plan.blobs,
        images: plan.images.map(({ reference, digest }) => ({ reference, digest })),
        ...left,
      });
      return 0;
    });
  },
});
