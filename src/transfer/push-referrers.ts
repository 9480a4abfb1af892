/** Signatures and other referrers on their way into a registry. */

import { referrerKindOf } from "../image/referrer-kind.ts";
import type { LeftBehind, Referring } from "../image/referrers.ts";
import { read } from "../image/walk.ts";
import type { JobContext } from "../jobs/job-context.ts";
import { isImage } from "../oci/media-types.ts";
import { cosignTag } from "../oci/referrer.ts";
import type { Repository } from "../registry/registry.ts";
import { readBlob } from "../store/store.ts";
import { type Pushed, type PushTarget, pushImage } from "./push.ts";

/** The referrers that a registry can list: those with a subject in their manifest, or a tag of cosign's. The others are left behind. */
export function withoutSubject<R extends Referring>(
  referring: readonly R[],
): { readonly listable: R[]; readonly without: LeftBehind[] } {
  const listable = referring.filter((one) => one.refers.suffix || hasSubject(one));
  const without = referring
    .filter((one) => !listable.includes(one))
    .map((one) => ({
      kind: referrerKindOf(one),
      digest: one.descriptor.digest,
      subject: one.refers.subject,
      partOf: one.partOf,
      why: "no subject" as const,
    }));
  return { listable, without };
}

const contentOf = ({ descriptor, store }: Referring) => {
  if (!isImage(descriptor.mediaType)) return undefined;
  const { manifest, index } = read(descriptor, store);
  return manifest ?? index;
};

const hasSubject = (one: Referring) => contentOf(one)?.subject?.digest === one.refers.subject;

/**
 * Pushes referrers into the repository of their subjects: cosign's under their tags, the others by digest; where the registry does
 * not list one of these, the list under the subject's tag has it afterwards. @throws as pushImage
 */
export async function pushReferrers(
  referring: readonly Referring[],
  target: Omit<PushTarget, "tag">,
  working: JobContext,
): Promise<Pushed[]> {
  const pushed: Pushed[] = [];
  for (const one of referring) pushed.push(await pushReferrer(one, target, working));
  await updateReferrerLists(referring, target.to);
  return pushed;
}

/** Pushes one; `updateReferrerLists` is still to be called. @throws as pushImage */
export const pushReferrer = (
  one: Referring,
  target: Omit<PushTarget, "tag">,
  working: JobContext,
): Promise<Pushed> => pushImage(one, { ...target, tag: cosignTag(one.refers) }, working);

/** Afterwards the registry lists those that name their subject, itself or under the tags of their subjects. @throws registry */
export const updateReferrerLists = (
  referring: readonly Referring[],
  to: Repository,
): Promise<void> =>
  to.addReferrers(
    referring
      .filter((one) => one.refers.suffix === undefined || hasSubject(one))
      .map(({ descriptor, store }) => ({ descriptor, bytes: readBlob(store, descriptor) })),
  );
