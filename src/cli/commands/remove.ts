import { Fault } from "../../base/fault.ts";
import { sortedBy } from "../../base/order.ts";
import { isDigest } from "../../oci/digest.ts";
import { nameOf } from "../../oci/layout.ts";
import { FolderStore } from "../../store/folder.ts";
import { resolve } from "../../store/store.ts";
import { command } from "../command.ts";
import { storePath } from "../settings.ts";
import { imageLine } from "../task.ts";

export const removeCommand = command({
  name: "remove",
  description: "take names from images in the store",
  args: {
    reference: {
      type: "positional",
      required: true,
      multiple: true,
      description: "names in the store; a digest stands for all names of that image",
    },
  },
  notes: ["When one of them is not there, none is removed. The blobs stay until `ingot prune`."],
  examples: [
    {
      line: "ingot remove trace:v1 && ingot prune",
      does: "a name, and then the blobs that no image needs",
    },
  ],
  document: '{"removed": [{"reference", "digest"}]}',
  async run({ reference: texts, store: folder }, { talk, settings }) {
    const store = new FolderStore(storePath(settings, folder));
    const found = new Map<string, string>();
    for (const text of texts)
      for (const { reference, digest } of namesOf(store, text)) found.set(reference, digest);
    await store.untag([...found.keys()]);
    const removed = sortedBy(found, ([reference]) => reference).map(([reference, digest]) => ({
      reference,
      digest,
    }));
    for (const image of removed) talk.print(imageLine(image));
    talk.document({ removed });
    return 0;
  },
});

/** The names that `text` stands for. @throws not-found, ambiguous */
function namesOf(store: FolderStore, text: string): { reference: string; digest: string }[] {
  const { reference, descriptor } = resolve(store, text);
  const { digest } = descriptor;
  if (!isDigest(text)) return [{ reference, digest }];
  const names = store
    .images()
    .flatMap((image) => (image.digest === digest ? (nameOf(image) ?? []) : []));
  if (names.length === 0) {
    throw new Fault("unsupported", {
      what: "the image",
      at: `${text} in ${store.at}`,
      found: "no name",
      expected: "a name: ingot tag can give it one",
    });
  }
  return names.map((name) => ({ reference: name, digest }));
}
