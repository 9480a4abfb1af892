import { byBytes } from "../../base/order.ts";
import { readEntries } from "../../image/entries.ts";
import { imageNameOf } from "../../oci/layout.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { defineCommand } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { plural, table } from "../output/text.ts";
import { referrersJson } from "../shared/referrer-flags.ts";

/** As many characters of a digest as tell images apart at sight. */
const SHORT = "sha256:".length + 12;

export const listCommand = defineCommand({
  name: "list",
  description: "list the images in the store",
  args: {
    digests: { type: "boolean", description: "whole digests" },
  },
  notes: [
    "Reads the store's index and nothing else, so it takes no longer when the images are large.",
  ],
  examples: [
    { line: "ingot list", does: "what is there" },
    { line: "ingot list --json | jq -r '.images[].reference'", does: "names, for a program" },
  ],
  document:
    '{"store", "images": [{"reference", "digest", "mediaType", "size"}]}; reference is null where there is no name,\n size is that of the manifest; also "referrers": [{"subject", "digest"}]: signatures, attestations, SBOMs',
  async run({ digests, store: folder }, { reporter, settings }) {
    const store = new FolderStore(storePath(settings, folder));
    const entries = readEntries(store);
    const images = entries.images
      .map((descriptor) => ({ descriptor, reference: imageNameOf(descriptor) }))
      .sort(
        (a, b) =>
          byBytes(a.reference ?? "", b.reference ?? "") ||
          byBytes(a.descriptor.digest, b.descriptor.digest),
      );
    const rows = images.map(({ descriptor: { digest }, reference }) => [
      reference ?? "(no name)",
      digests ? digest : digest.slice(0, SHORT),
    ]);
    if (rows.length > 0)
      for (const line of table([["REFERENCE", "DIGEST"], ...rows])) reporter.print(line);
    else reporter.info(`there is no image in ${store.at}`);
    const { referrers } = entries;
    if (referrers.length > 0)
      reporter.info(
        `and ${plural(referrers.length, "referrer")} (signatures, attestations, SBOMs)`,
      );
    reporter.document({
      store: store.at,
      images: images.map(({ reference, descriptor: { digest, mediaType, size } }) => ({
        reference: reference ?? null,
        digest,
        mediaType,
        size,
      })),
      referrers: referrersJson(referrers),
    });
    return 0;
  },
});
