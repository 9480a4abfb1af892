import { type Description, describeImage, type ManifestDescription } from "../../image/inspect.ts";
import { select } from "../../image/select.ts";
import { openSources } from "../../source/source.ts";
import { defineCommand } from "../args/define-command.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { formatBytes, table } from "../output/text.ts";
import { absentJson, absentWords } from "../shared/absent-platforms.ts";
import { REPOSITORY } from "../shared/name-flags.ts";
import { lazyStore, PLATFORM, parsePlatformFlag } from "../shared/task.ts";

export const inspectCommand = defineCommand({
  name: "inspect",
  description: "show what an image is made of",
  args: {
    source: {
      type: "positional",
      required: true,
      description:
        "a name in the store, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF], an archive or a layout",
    },
    repository: REPOSITORY,
    platform: PLATFORM,
  },
  notes: [
    "Reads manifests and configs, and checks them; of the layers nothing: that is what verify is for.",
  ],
  examples: [
    { line: "ingot inspect trace:v1", does: "a stored image" },
    {
      line: "ingot inspect trace.tar --json | jq '.images[].platforms'",
      does: "every image of an archive",
    },
  ],
  document:
    '{"images": [{"reference", "digest", "mediaType", "kind", "size", "blobs", "created", "platforms", "absent": [{"platform", "digest"}], "annotations",\n "manifests": [{"digest", "size", "mediaType", "artifactType", "platform", "config", "layers"}]}]}',
  async run({ source, repository, platform, store: folder }, context) {
    const { reporter } = context;
    const platforms = parsePlatformFlag(platform);
    const images = await openSources(source, lazyStore(context, folder), { repository });
    const descriptions = images.map((image) => describeImage(select(image, platforms)));
    descriptions.forEach((description, i) => {
      if (i > 0) reporter.print("");
      for (const line of lines(description)) reporter.print(line);
    });
    reporter.document({ images: descriptions.map(toJson) });
    return 0;
  },
});

function lines(image: Description): string[] {
  const rows = [
    ["digest", image.digest],
    ["kind", image.kind],
    ["type", image.mediaType],
    ["size", `${formatBytes(image.size)} in ${image.blobs} blobs`],
    ["platforms", image.platforms.join(", ") || "(none)"],
    ...(image.absent.length > 0 ? [["not here", absentWords(image.absent)]] : []),
    ["created", image.created ?? "(not said)"],
    ...Object.entries(image.annotations).map(([name, value]) => [
      name,
      value.replaceAll("\n", "\\n"),
    ]),
  ];
  return [
    image.reference,
    ...table(rows.map(([name, value]) => [`  ${name}`, value!])),
    ...image.manifests.flatMap(manifestLines),
  ];
}

function manifestLines({ platform, digest, config, layers }: ManifestDescription): string[] {
  const blobs = [
    { what: "config", blob: config },
    ...layers.map((blob) => ({ what: "layer", blob })),
  ];
  return [
    `  manifest ${platform ?? "(no platform)"} ${digest}`,
    ...table(
      blobs.map(({ what, blob }) => [
        `    ${what}`,
        blob.digest,
        formatBytes(blob.size),
        blob.mediaType,
      ]),
    ),
  ];
}

/** With null for what is not there: the members of the document are always the same. */
function toJson({ created, absent, annotations, manifests, ...image }: Description): JsonAnswer {
  return {
    ...image,
    created: created ?? null,
    absent: absentJson(absent),
    annotations,
    manifests: manifests.map(({ artifactType, platform, config, layers, ...manifest }) => ({
      ...manifest,
      artifactType: artifactType ?? null,
      platform: platform ?? null,
      config: { ...config },
      layers: layers.map((layer) => ({ ...layer })),
    })),
  };
}
