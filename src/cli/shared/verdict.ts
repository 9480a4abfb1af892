/** The verdict on an archive, a layout or an image, in words. */
import { isSound, isUnchecked, type VerifyReport } from "../../image/findings.ts";
import type { Context, ExitCode } from "../args/define-command.ts";
import { type ErrorMessage, formatFinding } from "../output/error-messages.ts";
import { formatBytes, plural, quoteSubject } from "../output/text.ts";
import { absentWords } from "./absent-platforms.ts";
import { referrerCount } from "./referrer-flags.ts";
import { imageLine } from "./task.ts";
import { trustLines } from "./trust-flags.ts";

export const VERDICTS: Readonly<Record<ExitCode, string>> = {
  0: "OK",
  1: "NOT OK",
  2: "COULD NOT SAY",
};

/** Of a delta without its base nothing is wrong, and yet nobody can say that its images are whole. */
export function codeOf(report: VerifyReport): ExitCode {
  const isWrong = report.findings.some(({ level }) => level === "finding");
  if (isWrong || report.canonical === false) return 1;
  if (isUnchecked(report)) return 2;
  return isSound(report) ? 0 : 1;
}

export const unsaid = ({ leftOut = 0, findings }: VerifyReport, source: string): ErrorMessage =>
  leftOut === 0
    ? {
        message: `cannot say whether ${quoteSubject(source)} is what it says: ${plural(findings.filter(({ level }) => level === "unchecked").length, "thing")} could not be checked`,
        hint: "everything else was checked, and nothing was found",
      }
    : {
        message: `cannot say whether the images of ${quoteSubject(source)} are whole: it is a delta, what is in it is proven, and it relies on ${plural(leftOut, "layer")} of its base`,
        hint: "name the base as well: ingot verify DELTA --base OLD (or import it, which proves the same in the store)",
      };

/** Where nothing is wrong but platforms that are not here, the others can be asked for. */
export function reportPartial(
  { findings, absent = [], present = [] }: VerifyReport,
  source: string,
  { reporter }: Context,
): void {
  const wrong = findings.filter(({ level }) => level === "finding");
  if (absent.length === 0 || wrong.some(({ code }) => code !== "platform-absent")) return;
  reporter.warn(
    `${quoteSubject(source)} lacks platforms of its images: ${absentWords(absent)}`,
    `verify the platforms that it has: ingot verify ${quoteSubject(source)} --platform ${present.join(",") || "LIST"}`,
  );
}

/** Prints the verdict, and all that there is to say. */
export function printVerdict(
  {
    images,
    referrers,
    blobs,
    bytes,
    volumes,
    compression,
    canonical,
    base,
    trust = [],
    findings,
  }: VerifyReport,
  verdict: string,
  source: string,
  { reporter }: Context,
): void {
  const attached = referrerCount(referrers.map(({ kind }) => kind));
  const checked = `${plural(images.length, "image")}${attached && `, ${attached}`}, ${plural(blobs, "blob")}, ${formatBytes(bytes)}`;
  const cut = volumes === undefined ? "" : `, ${plural(volumes.count, "volume")}`;
  const packed = compression === undefined ? "" : `, ${compression}`;
  reporter.print(
    `${verdict} ${source}: ${checked}${cut}${packed}${canonical === undefined ? "" : canonical ? ", canonical" : ", not canonical"}`,
  );
  const verdicts = new Map(trust.map((one) => [imageLine(one), one]));
  for (const image of images) {
    const line = imageLine(image);
    const verdict = verdicts.get(line);
    for (const said of verdict ? trustLines(verdict) : [line]) reporter.print(`  ${said}`);
  }
  for (const image of base?.images ?? []) reporter.print(`  relies on ${imageLine(image)}`);
  for (const found of findings) reporter.print(`  ${found.level}: ${formatFinding(found)}`);
}
