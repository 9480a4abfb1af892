/** Archives without the layers that their base has: what they leave out, and whether it is where they come to. */
import { sortedBy } from "../base/order.ts";
import { collect, type Finding, Findings, finding, note } from "../image/findings.ts";
import {
  absentLayer,
  type BaseLayerEntry,
  type BaseLayers,
  imageRefsOf,
  parseBaseLayers,
} from "../image/layer-list.ts";
import type { JobContext } from "../jobs/job-context.ts";
import type { Digest } from "../oci/digest.ts";
import { BASE_FILE } from "../oci/layout.ts";
import { INDEX_LIMIT } from "../oci/manifest.ts";
import { type Content, isAbsent, readBytes, sizeOf } from "../store/content.ts";
import type { ReadStore } from "../store/store.ts";
import { hashAll } from "./hash-blobs.ts";
import { ScannedArchive } from "./inventory.ts";

/**
 * Reads what the archive leaves out, if it is a delta; afterwards its `relies` is that. What is wrong with it goes into the
 * findings: it must leave out something, and nothing that is here.
 */
export function readBase(inventory: ScannedArchive): void {
  const { files, findings, blobs } = inventory;
  const content = files.get(BASE_FILE);
  if (content === undefined) return;
  const relies = collect(findings, () =>
    parseBaseLayers(readBytes(content, INDEX_LIMIT, BASE_FILE), BASE_FILE),
  );
  if (relies === undefined) return;
  inventory.relies = relies;
  const wrong = (message: string) => findings.push(finding("malformed", BASE_FILE, message));
  if (relies.size === 0) wrong("it lists no layer that is left out");
  for (const digest of relies.keys())
    if (blobs.has(digest)) wrong(`${digest} is listed as left out, and it is in the archive`);
}

/** What a delta is said to leave out and no image of it needs. */
export function unneededOmissions(relies: BaseLayers, reached: ReadonlySet<Digest>): Finding[] {
  return ordered(relies).flatMap(([digest]) =>
    reached.has(digest)
      ? []
      : [
          finding(
            "malformed",
            BASE_FILE,
            `${digest} is said to be left out, and no image needs it`,
          ),
        ],
  );
}

/**
 * Puts the layers that a delta leaves out beside its own, where one of `bases` has them. Their bytes are still to be hashed;
 * a size that is not what the delta says is among the findings.
 * @returns their digests
 */
export function attachBase(inventory: ScannedArchive, bases: readonly ReadStore[]): Digest[] {
  const lent: Digest[] = [];
  for (const [digest, held] of inventory.relies ?? []) {
    if (inventory.blobs.has(digest)) continue;
    const content = bases
      .map((base) => base.find(digest))
      .find((found) => found !== undefined && !isAbsent(found));
    if (content === undefined) continue;
    inventory.findings.push(...checkSize(digest, held, content));
    inventory.blobs.set(digest, { size: sizeOf(content), content });
    lent.push(digest);
  }
  return lent;
}

/** A layer that the base has is as large as the delta says. */
const checkSize = (digest: Digest, { size }: BaseLayerEntry, content: Content): Finding[] =>
  sizeOf(content) === size
    ? []
    : [
        finding(
          "size-differs",
          digest,
          `it has ${sizeOf(content)} bytes, ${BASE_FILE} says ${size}`,
        ),
      ];

/** So many layers that a delta leaves out are listed one by one: more could not be told from too many findings. */
const LISTED = 500;

/**
 * The layers that a delta leaves out and nobody lent: findings where a base was named that should have them, else notes.
 * @returns what there is to say of them, and how many there are
 */
export function reportOmitted(
  { relies, blobs }: ScannedArchive,
  hasBase: boolean,
): { readonly said: readonly Finding[]; readonly count: number } {
  const left = ordered(relies ?? new Map()).filter(([digest]) => !blobs.has(digest));
  const said = left.slice(0, LISTED).map(([digest, held]) => {
    const what = `${held.size} bytes of ${owners(held)}`;
    return hasBase
      ? finding("blob-missing", digest, `it is neither here nor in the base: ${what}`)
      : note("left-out", digest, `it is left out: ${what}`);
  });
  const more = left.length - said.length;
  if (more > 0)
    said.push(note("left-out", BASE_FILE, `${more} more are left out, and listed there`));
  return { said, count: left.length };
}

/**
 * Whether the store has all that a delta leaves out, every byte of it hashed, each layer as large as the delta says.
 * @returns what it has not, each with the images that had it, and for a person what to do about it
 */
export async function missingBaseLayers(
  store: ReadStore,
  relies: BaseLayers,
  working: JobContext,
): Promise<{ findings: Finding[]; hint: string } | undefined> {
  const there = new ScannedArchive(store.at);
  for (const digest of relies.keys()) {
    const content = store.find(digest);
    if (content !== undefined) there.blobs.set(digest, { size: sizeOf(content), content });
  }
  await hashAll(there, there.blobs.keys(), working);
  const damaged = new Map([...there.findings].map((found) => [found.at, found.message]));
  const missing = new Map<Digest, BaseLayerEntry>();
  const findings = new Findings(store.at);
  for (const [digest, held] of ordered(relies)) {
    const found = there.blobs.get(digest);
    const why = found === undefined ? "it is not in the store" : damaged.get(digest);
    if (why === undefined) {
      findings.push(...checkSize(digest, held, found!.content!));
      continue;
    }
    missing.set(digest, held);
    const state = found === undefined ? why : `in the store it is damaged: ${why}`;
    findings.push(
      finding(
        "blob-missing",
        digest,
        `the delta leaves it out, and ${state}; it is of ${owners(held)}`,
      ),
    );
  }
  if (missing.size === 0) {
    const wrong = [...findings];
    const hint = `nothing was changed: what ${BASE_FILE} says is wrong; have the delta made anew`;
    return wrong.length === 0 ? undefined : { findings: wrong, hint };
  }
  const names = listed(
    imageRefsOf(missing).map(({ reference, digest }) => `${reference} (${digest})`),
  );
  return {
    findings: [...findings],
    hint: `nothing was changed: import the delta's base first, ${names}`,
  };
}

/** A store that tells of a delta's layers as well: how large they are, not what is in them. */
export function withOmitted(store: ReadStore, relies: BaseLayers): ReadStore {
  return {
    at: store.at,
    images: () => store.images(),
    find(digest) {
      const held = relies.get(digest);
      return store.find(digest) ?? (held && absentLayer(digest, held.size));
    },
  };
}

const ordered = (holdings: BaseLayers) => sortedBy(holdings, ([digest]) => digest);

const owners = ({ owners: all }: BaseLayerEntry) =>
  listed(
    imageRefsOf(new Map([["sha256:", { size: 0, owners: all }]])).map(({ reference }) => reference),
  );

/** The first two, and how many more. */
function listed(names: readonly string[]): string {
  const more = names.length - 2;
  return names.slice(0, 2).join(" and ") + (more > 0 ? ` and ${more} more` : "");
}
