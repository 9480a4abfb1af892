import { IngotError } from "../../base/error.ts";
import { sortedBy } from "../../base/order.ts";
import { within } from "../../base/subject.ts";
import { type NamedReferrer, readEntries } from "../../image/entries.ts";
import { orphanedBy, separateReferrers } from "../../image/orphans.ts";
import { isDigest } from "../../oci/digest.ts";
import { imageNameOf } from "../../oci/layout.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { type NamedDescriptor, resolveName } from "../../store/store.ts";
import { defineCommand } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { kindsOf, referrerCount, referrersJson } from "../shared/referrer-flags.ts";
import { imageLine } from "../shared/task.ts";

export const removeCommand = defineCommand({
  name: "remove",
  description: "take names from images in the store",
  args: {
    reference: {
      type: "positional",
      required: true,
      multiple: true,
      description:
        "names in the store; a digest stands for all names of that image, or for that signature",
    },
  },
  notes: [
    "When one of them is not there, none is removed. The blobs stay until `ingot prune`.",
    "With the last name of an image its signatures, attestations and SBOMs are removed, and stderr says how many.",
  ],
  examples: [
    {
      line: "ingot remove trace:v1 && ingot prune",
      does: "a name, and then the blobs that no image needs",
    },
  ],
  document: '{"removed": [{"reference", "digest"}], "referrers": [{"subject", "digest"}]}',
  async run({ reference: texts, store: folder }, { reporter, settings }) {
    const store = new FolderStore(storePath(settings, folder));
    await separateReferrers(store);
    const found = new Map<string, NamedDescriptor>();
    for (const text of texts)
      for (const image of namesOf(store, text)) found.set(keyOf(image), image);
    const images = [...found.values()].filter(({ refers }) => refers === undefined);
    const names = images.map(({ reference }) => reference);
    let orphaned: readonly NamedReferrer[] = [];
    await store.untag(names, () => {
      orphaned = orphanedBy([...found.values()], store);
      return orphaned;
    });
    const removed = brief(images);
    const referrers = referrersJson(orphaned);
    for (const image of removed) reporter.print(imageLine(image));
    if (orphaned.length > 0)
      reporter.info(
        `removed${images.length === 0 ? "" : " with the images"}: ${referrerCount(kindsOf(orphaned, store))}`,
      );
    reporter.document({ removed, referrers });
    return 0;
  },
});

const brief = (images: Iterable<NamedDescriptor>) =>
  sortedBy(images, ({ reference }) => reference).map(({ reference, descriptor: { digest } }) => ({
    reference,
    digest,
  }));

const keyOf = ({ reference, refers }: NamedDescriptor) => `${reference} ${refers?.subject ?? ""}`;

/** The names that `text` stands for, or the referrer of that digest. @throws not-found, ambiguous */
function namesOf(store: FolderStore, text: string): NamedDescriptor[] {
  const referrers = readEntries(store).referrers.filter(
    ({ descriptor }) => descriptor.digest === text,
  );
  if (referrers.length > 0) return [...referrers];
  const image = resolveName(store, text);
  if (!isDigest(text)) return [image];
  const { digest } = image.descriptor;
  const names = store.images().flatMap((descriptor) => {
    const reference = imageNameOf(descriptor);
    return descriptor.digest === digest && reference ? [{ reference, descriptor }] : [];
  });
  if (names.length > 0) return names;
  throw new IngotError("unsupported", {
    what: "the image",
    at: within(text, store.at),
    found: "no name",
    expected: "a name: ingot tag can give it one",
  });
}
