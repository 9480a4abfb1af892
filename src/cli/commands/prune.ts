import { orphans } from "../../image/orphans.ts";
import { pruneStore } from "../../image/prune.ts";
import { FolderStore } from "../../store/folder.ts";
import { command } from "../command.ts";
import { storePath } from "../settings.ts";
import { imageLine } from "../task.ts";
import { count, formatBytes } from "../text.ts";

export const pruneCommand = command({
  name: "prune",
  description: "remove the blobs that no image in the store needs",
  args: {},
  notes: [
    "Takes no name away: a signature whose image is gone keeps its blobs, and is told of.",
    "Refuses while another process adds to the store, and when an image is damaged: then nobody can say what it needs.",
  ],
  examples: [{ line: "ingot prune", does: "free what removed images have left" }],
  document:
    '{"store", "removed": [{"digest", "size"}], "bytes",\n "orphans": names of what refers to an image that is not there [{"reference", "digest"}]}',
  async run({ store: folder }, { talk, settings }) {
    const store = new FolderStore(storePath(settings, folder));
    const removed = await pruneStore(store);
    const bytes = removed.reduce((sum, { size }) => sum + size, 0);
    for (const { digest, size } of removed) talk.print(`${digest} ${formatBytes(size)}`);
    talk.info(
      removed.length === 0
        ? `nothing to remove: every blob in ${store.at} is needed`
        : `removed ${count(removed.length, "blob")}, freed ${formatBytes(bytes)}`,
    );
    const left = orphans(store).map(({ reference, descriptor: { digest } }) => ({
      reference,
      digest,
    }));
    for (const image of left)
      talk.info(`kept, though what it refers to is not here: ${imageLine(image)}`);
    if (left.length > 0)
      talk.info(
        `ingot remove takes ${left.length === 1 ? "this name" : "these names"}, and prune then the blobs`,
      );
    talk.document({ store: store.at, removed, bytes, orphans: left });
    return 0;
  },
});
