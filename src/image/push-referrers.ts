/** Signatures and other referrers on their way into a registry. */
import { isImage } from "../oci/media.ts";
import { cosignTag } from "../oci/referrer.ts";
import { fetch } from "../store/store.ts";
import { type Pushed, pushImage, type Target } from "./push.ts";
import type { LeftBehind, Referring } from "./referrers.ts";
import { kindOf } from "./referrers.ts";
import { read } from "./walk.ts";
import type { Working } from "./working.ts";

/** The referrers that a registry can list: those with a subject in their manifest, or a tag of cosign's. The others are left behind. */
export function withoutSubject<R extends Referring>(
  referring: readonly R[],
): { readonly listable: R[]; readonly without: LeftBehind[] } {
  const listable = referring.filter((one) => one.refers.suffix || hasSubject(one));
  const without = referring
    .filter((one) => !listable.includes(one))
    .map((one) => ({
      kind: kindOf(one),
      digest: one.descriptor.digest,
      subject: one.refers.subject,
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
  target: Omit<Target, "tag">,
  working: Working,
): Promise<Pushed[]> {
  const { to } = target;
  const pushed: Pushed[] = [];
  for (const one of referring) {
    const { descriptor, refers } = one;
    const tag = cosignTag(refers);
    pushed.push(await pushImage(one, { ...target, tag }, working));
    if (tag !== undefined) continue;
    const listed = await to.referrers(refers.subject);
    if (listed.some(({ digest }) => digest === descriptor.digest)) continue;
    await to.addReferrer(refers.subject, { descriptor, bytes: fetch(one.store, descriptor) });
  }
  return pushed;
}
