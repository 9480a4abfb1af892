/** What `export` says of deltas: the flags, and what was left out. */
import { resolve } from "node:path";
import type { Plan } from "../../archive/plan.ts";
import { IngotError } from "../../base/error.ts";
import { writeFileAtomic } from "../../base/fs/atomic-file.ts";
import {
  type BaseLayers,
  formatBaseLayers,
  type Summary,
  summaryOf,
} from "../../image/layer-list.ts";
import type { StoredImage } from "../../image/select.ts";
import type { CopyOptions } from "../../transfer/copy.ts";
import { baseLayersOf, openBases } from "../../transfer/delta-bases.ts";
import type { JsonAnswer, Reporter } from "../output/reporter.ts";
import { formatBytes, plural } from "../output/text.ts";

/** For the command that makes deltas. */
export const BASE = {
  base: {
    type: "string",
    valueHint: "OLD",
    multiple: true,
    description:
      "leave out layers that this has: an archive, a layout, a stored name, docker://REF, or a list saved with --inventory",
  },
  inventory: {
    type: "string",
    valueHint: "FILE",
    description: "also save the list of the images' layers, to be a --base later",
  },
} as const;

/** What the bases have; undefined where none was named. @throws usage, and whatever says that one is not whole */
export async function baseOf(
  words: {
    readonly base: readonly string[];
    readonly inventory: string | undefined;
    readonly output: string;
    readonly split?: string | undefined;
  },
  open: CopyOptions,
): Promise<BaseLayers | undefined> {
  const { base, inventory, output, split } = words;
  if (inventory !== undefined && resolve(inventory) === resolve(output))
    throw new IngotError("usage", {
      message: `--inventory and --output are both ${JSON.stringify(output)}, should be two files`,
    });
  if (inventory !== undefined && split !== undefined && isVolume(inventory, output))
    throw new IngotError("usage", {
      message: `--inventory is ${JSON.stringify(inventory)}, which is of the volumes of ${JSON.stringify(output)}, should be another file`,
    });
  return base.length === 0 ? undefined : openBases(base, open);
}

/** Whether the file has the name of a volume, or of the list of them. */
const isVolume = (file: string, output: string) =>
  resolve(file).startsWith(`${resolve(output)}.`) &&
  /^\.(?:[0-9]+|volumes\.json)$/.test(resolve(file).slice(resolve(output).length));

/** Tells what the archive leaves out, and gives it for the document; nothing where no base was named. */
export function leftOutOf(
  { relies }: Plan,
  base: BaseLayers | undefined,
  reporter: Reporter,
): { readonly [name: string]: JsonAnswer } {
  if (base === undefined) return {};
  const summary = summaryOf(relies);
  if (relies.size === 0)
    reporter.warn(
      "the base has none of the layers: nothing is left out, and the archive is a whole one",
    );
  else
    reporter.info(
      `${plural(relies.size, "layer")}, ${formatBytes(summary.bytes)}, left out: the archive is whole only where the base is`,
    );
  return { base: summaryJson(summary) };
}

/** What a delta relies on, as it stands in JSON answers. */
export function summaryJson({ images, layers, bytes }: Summary): JsonAnswer {
  return {
    images: images.map(({ reference, digest }) => ({ reference, digest })),
    layers,
    bytes,
  };
}

/** Afterwards the list of the images' layers is in the file. @throws too-large, io */
export function saveInventory(images: readonly StoredImage[], file: string): void {
  writeFileAtomic(file, formatBaseLayers(baseLayersOf(images), file));
}
