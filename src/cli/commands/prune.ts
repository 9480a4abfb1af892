import type { NamedReferrer } from "../../image/entries.ts";
import { withoutOrphans } from "../../image/orphans.ts";
import { pruneStore } from "../../image/prune.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { defineCommand } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { formatBytes, plural } from "../output/text.ts";
import { kindsOf, referrerCount, referrersJson } from "../shared/referrer-flags.ts";

export const pruneCommand = defineCommand({
  name: "prune",
  description: "remove the blobs that no image in the store needs",
  args: {},
  notes: [
    "Removes signatures, attestations and SBOMs as well when no image in the store has what they refer to.",
    "Refuses while another process adds to the store, and when an image is damaged: then it is unknown what it needs.",
  ],
  examples: [{ line: "ingot prune", does: "free what removed images have left" }],
  document:
    '{"store", "removed": [{"digest", "size"}], "bytes",\n "orphans": the referrers that were removed because no image has their subject [{"subject", "digest"}]}',
  async run({ store: folder }, { reporter, settings }) {
    const store = new FolderStore(storePath(settings, folder));
    let orphaned: readonly NamedReferrer[] = [];
    let kinds = "";
    const removed = await pruneStore(store, (before) => {
      const { entries, orphans } = withoutOrphans(before, store);
      orphaned = orphans;
      kinds = referrerCount(kindsOf(orphans, store));
      return entries;
    });
    if (kinds !== "")
      reporter.info(`removed ${kinds}: no image in the store has what they refer to`);
    const bytes = removed.reduce((sum, { size }) => sum + size, 0);
    for (const { digest, size } of removed) reporter.print(`${digest} ${formatBytes(size)}`);
    reporter.info(
      removed.length === 0
        ? `nothing to remove: every blob in ${store.at} is needed`
        : `removed ${plural(removed.length, "blob")}, freed ${formatBytes(bytes)}`,
    );
    reporter.document({ store: store.at, removed, bytes, orphans: referrersJson(orphaned) });
    return 0;
  },
});
