/** Platforms of an image that are not here, in words. */
import { absentIn } from "../../image/walk.ts";
import type { Descriptor } from "../../oci/manifest.ts";
import { isImage } from "../../oci/media-types.ts";
import { formatPlatform } from "../../oci/platform.ts";
import type { ReadStore } from "../../store/store.ts";
import type { Reporter } from "../output/reporter.ts";

const platformOf = ({ platform, digest }: Descriptor) =>
  platform === undefined ? digest : formatPlatform(platform);

/** `linux/arm64, linux/s390x` */
export const absentWords = (absent: readonly Descriptor[]): string =>
  [...new Set(absent.map(platformOf))].join(", ");

export const absentJson = (absent: readonly Descriptor[]) =>
  absent.map(({ platform, digest }) => ({
    platform: platform === undefined ? null : formatPlatform(platform),
    digest,
  }));

/** Says of each image which platforms are not there, and so stay behind. @returns all of them */
export function reportAbsent(
  images: readonly {
    readonly reference: string;
    readonly descriptor: Descriptor;
    readonly store: ReadStore;
  }[],
  reporter: Reporter,
): Descriptor[] {
  return images.flatMap(({ reference, descriptor, store }) => {
    const absent = isImage(descriptor.mediaType) ? absentIn(descriptor, store) : [];
    if (absent.length > 0)
      reporter.warn(`${reference} lacks platforms, which are left out: ${absentWords(absent)}`);
    return absent;
  });
}
