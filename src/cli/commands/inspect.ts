import type { GadgetDescription } from "../../gadget/interface/describe.ts";
import { describeGadgetImage } from "../../image/gadget.ts";
import { type Description, describeImage, type ManifestDescription } from "../../image/inspect.ts";
import { select } from "../../image/select.ts";
import { openSources } from "../../source/source.ts";
import { defineCommand } from "../args/define-command.ts";
import { gadgetJson } from "../inspect/gadget-json.ts";
import { gadgetOutline } from "../inspect/gadget-outline.ts";
import { readRemoteGadget } from "../inspect/remote-gadget.ts";
import { describeError } from "../output/error-messages.ts";
import { drawn, indented, type OutlineNode } from "../output/outline.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { formatBytes, table } from "../output/text.ts";
import { absentJson, absentWords } from "../shared/absent-platforms.ts";
import { REPOSITORY } from "../shared/name-flags.ts";
import { REGISTRY } from "../shared/registry-flags.ts";
import { lazyStore, PLATFORM, parsePlatformFlag } from "../shared/task.ts";

export const inspectCommand = defineCommand({
  name: "inspect",
  description: "show what an image is made of",
  args: {
    source: {
      type: "positional",
      required: true,
      description:
        "a name in the store, docker://REF, oci:DIR[:REF], oci-archive:FILE[:REF], docker-archive:FILE[:REF], an archive or a layout",
    },
    repository: REPOSITORY,
    platform: PLATFORM,
    tree: {
      type: "boolean",
      description: "draw what is in it as a tree",
    },
    ...REGISTRY,
  },
  notes: [
    "Reads manifests and configs, and checks them. Of the layers it reads a gadget's programs, which say what the gadget offers: datasources with their\nfields, parameters with types and defaults, programs and where they are attached, maps, and what a wasm program exports and imports. Nothing is\nrun, and no compiler, kernel or root is needed. Field types are those that ig shows.",
    "Of a gadget with objects for several architectures, it says in which sections they differ, or that they are the same program with another symbol\ntable: in JSON two objects are the same program when `program` is the same, also of two images.",
  ],
  examples: [
    { line: "ingot inspect trace:v1", does: "a stored image" },
    {
      line: "ingot inspect --tree docker://ghcr.io/inspektor-gadget/gadget/trace_exec",
      does: "a gadget in a registry",
    },
    {
      line: "ingot inspect trace.tar --json | jq '.images[].platforms'",
      does: "every image of an archive",
    },
  ],
  document:
    '{"images": [{"reference", "digest", "mediaType", "kind", "size", "blobs", "created", "platforms", "absent": [{"platform", "digest"}], "annotations",\n "manifests": [{"digest", "size", "mediaType", "artifactType", "platform", "config", "layers"}],\n "gadget": {"ebpf": [{"digest", "program", "platforms", "differs", "license", "datasources": [{"name", "kind", "description", "structs", "map", "programs",\n   "fields": [{"name", "kind", "type", "offset", "size"}]}], "params": [{"key", "variable", "type", "length", "default", "title", "description"}],\n   "programs": [{"name", "section", "type", "attachTo"}], "maps": [{"name", "type", "keySize", "valueSize", "maxEntries", "keyType", "valueType"}],\n   "externs", "unresolved"}], "wasm": [{"digest", "platforms", "exports", "imports", "memory"}],\n   "wasmParams", "customParams": [{"name", "key", "type", "default", "title", "description"}], "failures": [{"digest", "message"}]}}]}',
  async run({ source, repository, platform, tree, store: folder, ...words }, context) {
    const { reporter } = context;
    const platforms = parsePlatformFlag(platform);
    const images = source.startsWith("docker://")
      ? [await readRemoteGadget(source, platforms, words, context)]
      : (await openSources(source, lazyStore(context, folder), { repository })).map((image) =>
          select(image, platforms),
        );
    const inspected = images.map((image) => {
      const description = describeImage(image);
      const gadget = description.kind === "gadget" ? describeGadgetImage(image) : undefined;
      return { description, gadget };
    });
    for (const [i, { description, gadget }] of inspected.entries()) {
      if (i > 0) reporter.print("");
      const offers = gadget === undefined ? [] : gadgetOutline(gadget);
      const lines = tree
        ? drawn(imageNode(description, offers))
        : [...imageLines(description), ...indented(offers, 1)];
      for (const line of lines) reporter.print(line);
      for (const { error } of gadget?.failures ?? []) {
        const { message, hint } = describeError(error);
        reporter.warn(message, hint);
      }
    }
    reporter.document({
      images: inspected.map(({ description, gadget }) => toJson(description, gadget)),
    });
    return 0;
  },
});

/** The image as a tree of what it is made of. */
function imageNode(image: Description, offers: readonly OutlineNode[]): OutlineNode {
  return {
    text: `${image.reference} ${image.digest} ${image.kind}, ${formatBytes(image.size)} in ${image.blobs} blobs`,
    children: [
      ...image.manifests.map((manifest) => ({
        text: manifestLine(manifest),
        children: table(blobRows(manifest)).map((text) => ({ text })),
      })),
      ...offers,
    ],
  };
}

function imageLines(image: Description): string[] {
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

function manifestLines(manifest: ManifestDescription): string[] {
  return [
    `  ${manifestLine(manifest)}`,
    ...table(blobRows(manifest).map(([what, ...rest]) => [`    ${what}`, ...rest])),
  ];
}

const manifestLine = ({ platform, digest }: ManifestDescription) =>
  `manifest ${platform ?? "(no platform)"} ${digest}`;

function blobRows({ config, layers }: ManifestDescription): string[][] {
  const row = (what: string, { digest, size, mediaType }: ManifestDescription["config"]) => [
    ...[what, digest, formatBytes(size), mediaType],
  ];
  return [row("config", config), ...layers.map((layer) => row("layer", layer))];
}

/** With null for what is not there: the members of the document are always the same. */
function toJson(
  { created, absent, annotations, manifests, ...image }: Description,
  gadget: GadgetDescription | undefined,
): JsonAnswer {
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
    gadget: gadget === undefined ? null : gadgetJson(gadget),
  };
}
