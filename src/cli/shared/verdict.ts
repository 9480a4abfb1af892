/** The verdict on an archive, a layout or an image, in words. */
import { isSound, isUnchecked, type Report } from "../../image/findings.ts";
import type { Context, ExitCode } from "../args/define-command.ts";
import { formatFinding, type Sentence } from "../output/error-messages.ts";
import { count, formatBytes, quotePlace } from "../output/text.ts";
import { absentWords } from "./absent-platforms.ts";
import { referrerCount } from "./referrer-flags.ts";
import { imageLine } from "./task.ts";

export const VERDICTS: Readonly<Record<ExitCode, string>> = {
  0: "OK",
  1: "NOT OK",
  2: "COULD NOT SAY",
};

/** Of a delta without its base nothing is wrong, and yet nobody can say that its images are whole. */
export function codeOf(report: Report): ExitCode {
  const isWrong = report.findings.some(({ level }) => level === "finding");
  if (isWrong || report.canonical === false) return 1;
  if (isUnchecked(report)) return 2;
  return isSound(report) ? 0 : 1;
}

export const unsaid = ({ leftOut = 0, findings }: Report, source: string): Sentence =>
  leftOut === 0
    ? {
        message: `cannot say whether ${quotePlace(source)} is what it says: ${count(findings.filter(({ level }) => level === "unchecked").length, "thing")} could not be checked`,
        hint: "everything else was checked, and nothing was found",
      }
    : {
        message: `cannot say whether the images of ${quotePlace(source)} are whole: it is a delta, what is in it is proven, and it relies on ${count(leftOut, "layer")} of its base`,
        hint: "name the base as well: ingot verify DELTA --base OLD (or import it, which proves the same in the store)",
      };

/** Where nothing is wrong but platforms that are not here, the others can be asked for. */
export function tellPartial(
  { findings, absent = [], present = [] }: Report,
  source: string,
  { talk }: Context,
): void {
  const wrong = findings.filter(({ level }) => level === "finding");
  if (absent.length === 0 || wrong.some(({ code }) => code !== "platform-absent")) return;
  talk.warn(
    `${quotePlace(source)} lacks platforms of its images: ${absentWords(absent)}`,
    `verify the platforms that it has: ingot verify ${quotePlace(source)} --platform ${present.join(",") || "LIST"}`,
  );
}

/** Prints the verdict, and all that there is to say. */
export function say(
  { images, referrers, blobs, bytes, volumes, compression, canonical, base, findings }: Report,
  verdict: string,
  source: string,
  { talk }: Context,
): void {
  const attached = referrerCount(referrers.map(({ kind }) => kind));
  const checked = `${count(images.length, "image")}${attached && `, ${attached}`}, ${count(blobs, "blob")}, ${formatBytes(bytes)}`;
  const cut = volumes === undefined ? "" : `, ${count(volumes.count, "volume")}`;
  const packed = compression === undefined ? "" : `, ${compression}`;
  talk.print(
    `${verdict} ${source}: ${checked}${cut}${packed}${canonical === undefined ? "" : canonical ? ", canonical" : ", not canonical"}`,
  );
  for (const image of images) talk.print(`  ${imageLine(image)}`);
  for (const image of base?.images ?? []) talk.print(`  relies on ${imageLine(image)}`);
  for (const found of findings) talk.print(`  ${found.level}: ${formatFinding(found)}`);
}
