import { nameToGive } from "../../image/complete-name.ts";
import { isGadget } from "../../image/select.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { resolveName } from "../../store/store.ts";
import { defineCommand } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { imageLine } from "../shared/task.ts";

export const tagCommand = defineCommand({
  name: "tag",
  description: "give an image in the store more names",
  args: {
    source: { type: "positional", required: true, description: "a name in the store, or a digest" },
    reference: {
      type: "positional",
      required: true,
      multiple: true,
      description: "the new names; an image that had one of them loses it",
    },
  },
  notes: [
    "A short name is completed as for the image's kind: a gadget `x` is ghcr.io/inspektor-gadget/gadget/x:latest, a\ncontainer `x` is docker.io/library/x:latest.",
  ],
  examples: [
    {
      line: "ingot tag trace:v1 ghcr.io/me/gadget/trace:v1 ghcr.io/me/gadget/trace:latest",
      does: "two more names",
    },
  ],
  document: '{"images": [{"reference", "digest"}]}',
  async run({ source, reference: texts, store: folder }, { reporter, settings }) {
    const store = new FolderStore(storePath(settings, folder));
    const { descriptor } = resolveName(store, source);
    const kind = isGadget(descriptor, store) ? "gadget" : "container";
    const references = [...new Set(texts.map((text) => nameToGive(text, kind)))];
    await store.tag(references.map((reference) => ({ reference, descriptor })));
    const images = references.map((reference) => ({ reference, digest: descriptor.digest }));
    for (const image of images) reporter.print(imageLine(image));
    reporter.document({ images });
    return 0;
  },
});
