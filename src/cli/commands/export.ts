import { planArchive } from "../../image/export.ts";
import { select } from "../../image/select.ts";
import { openSources } from "../../image/source.ts";
import { command } from "../command.ts";
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
        "names in the store, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF], archives or layouts",
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
    jobs: JOBS,
  },
  notes: [
    "The same images give the same bytes, whatever their order and way into the store. The file appears whole or not\nat all, and replaces one that is there. Prints `REF sha256:…` for each image in it; with -o - on stderr.",
  ],
  examples: [
    { line: "ingot export ghcr.io/me/gadget/trace:v1 -o trace.tar", does: "one image into a file" },
    {
      line: "ingot export trace:v1 audit:v2 --platform linux/arm64 -o arm.tar",
      does: "several, for one platform",
    },
    { line: "ingot export --file images.txt -o all.tar", does: "all that a list names" },
    { line: "ingot export trace:v1 -o - | ssh host ingot import -", does: "through a pipe" },
  ],
  document: '{"output", "size", "blobs", "images": [{"reference", "digest"}]}; with -o - on stderr',
  async run({ source, file, output, platform, jobs, store: folder }, context) {
    const { talk } = context;
    if (output === "-") talk.answerOnStderr();
    const threads = threadsFor(jobs);
    const platforms = parsePlatformFlag(platform);
    const write = archiveTarget(output);
    const openStore = storeOpener(context, folder);
    const images = [];
    for (const one of allSources(source, file)) images.push(...(await openSources(one, openStore)));
    const plan = await planArchive(images.map((image) => select(image, platforms)));
    await watched(context, { label: "export", total: plan.size, threads }, (working) =>
      write(plan, working),
    );
    for (const image of plan.images) talk.print(imageLine(image));
    talk.document({
      output,
      size: plan.size,
      blobs: plan.blobs,
      images: plan.images.map(({ reference, digest }) => ({ reference, digest })),
    });
    return 0;
  },
});
