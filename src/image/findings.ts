import { type ErrorDetails, IngotError } from "../base/error.ts";
import { excerpt } from "../base/json/json.ts";
import { subjectText } from "../base/subject.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { ReferrerKind } from "../oci/referrer.ts";
import type { ImageVerdict } from "../trust/verdict.ts";
import type { Summary } from "./layer-list.ts";

/** What can be wrong with an archive, a layout or an image. */
export type FindingCode =
  | "malformed"
  | "unsafe-member"
  | "unexpected-member"
  | "duplicate-member"
  | "duplicate-name"
  | "name-differs"
  | "subject-differs"
  | "digest-differs"
  | "size-differs"
  | "type-differs"
  | "config-differs"
  | "diff-id-differs"
  | "platform-differs"
  | "blob-missing"
  | "left-out"
  | "member-missing"
  | "unreachable"
  | "padding"
  | "cut"
  | "bytes-after-end"
  | "docker-differs"
  | "list-differs"
  | "nothing"
  | "platform-absent"
  | "elsewhere"
  | "unsupported"
  | "not-canonical"
  | "unsigned"
  | "not-trusted"
  | "not-attested"
  | "signature-differs";

/** One thing that is not so. A note is worth knowing and no reason for a no; `unchecked` is what nobody could say. */
export interface Finding {
  readonly code: FindingCode;
  readonly level: "finding" | "unchecked" | "note";
  /** The member, blob or file. */
  readonly at: string;
  readonly message: string;
}

export const finding = (code: FindingCode, at: string, message: string): Finding => ({
  code,
  level: "finding",
  at: excerpt(at),
  message: excerpt(message),
});
export const note = (code: FindingCode, at: string, message: string): Finding => ({
  ...finding(code, at, message),
  level: "note",
});

export const unchecked = (at: string, message: string): Finding => ({
  ...finding("unsupported", at, message),
  level: "unchecked",
});

/** As many findings as one report lists: a hostile archive could have millions. */
export const FINDING_LIMIT = 1000;

/**
 * Findings, the first FINDING_LIMIT of them, and as many notes; of the rest, only that there are more. Notes alone are no reason for a
 * no, however many there are, and take no place from what is.
 */
export class Findings implements Iterable<Finding> {
  readonly #at: string;
  readonly #listed: Finding[] = [];
  #notes = 0;
  #first: readonly Finding[] = [];
  #more: Finding | undefined;
  #moreNotes: Finding | undefined;

  /** @param at what they are about */
  constructor(at: string) {
    this.#at = at;
  }

  push(...found: readonly Finding[]): void {
    for (const one of found) {
      if (one.level === "note") this.#note(one);
      else if (this.#listed.length - this.#notes < FINDING_LIMIT) this.#listed.push(one);
      else
        this.#more ??= finding(
          "malformed",
          this.#at,
          `it has more than ${FINDING_LIMIT} findings; the rest is not listed`,
        );
    }
  }

  #note(one: Finding): void {
    if (this.hasRoomForNotes) {
      this.#notes++;
      this.#listed.push(one);
    } else
      this.#moreNotes ??= note(
        one.code,
        this.#at,
        `there are more than ${FINDING_LIMIT} notes; the rest is not listed`,
      );
  }

  /** Whether one more note would be listed. */
  get hasRoomForNotes(): boolean {
    return this.#notes < FINDING_LIMIT;
  }

  /** The same of any number: it stops where there is no sense in looking further. */
  addAll(found: Iterable<Finding>): void {
    for (const one of found) {
      if (this.isFull) return;
      this.push(one);
    }
  }

  /** Puts in front of all others what explains them: the first FINDING_LIMIT of it. */
  lead(found: readonly Finding[]): void {
    this.#first = found.slice(0, FINDING_LIMIT);
  }

  /** Whether there is no sense in looking further. */
  get isFull(): boolean {
    return this.#more !== undefined;
  }

  *[Symbol.iterator](): Iterator<Finding> {
    yield* this.#first;
    yield* this.#listed;
    if (this.#more !== undefined) yield this.#more;
    if (this.#moreNotes !== undefined) yield this.#moreNotes;
  }
}

/** What was checked, and what is not so. `bytes` = all that were read and hashed. */
export interface VerifyReport {
  readonly at: string;
  readonly images: readonly { readonly reference: string; readonly digest: string }[];
  /** What refers to the images, or to a part of one. */
  readonly referrers: readonly {
    readonly kind: ReferrerKind;
    readonly subject: string;
    readonly digest: string;
  }[];
  readonly blobs: number;
  readonly bytes: number;
  readonly findings: readonly Finding[];
  /** Platforms of which nothing is here, or that are not whole and may be left out. */
  readonly absent?: readonly Descriptor[];
  /** The platforms that are complete in images that lack others. */
  readonly present?: readonly string[];
  /** In how many volumes the archive is, and where their list is; undefined when it is in one file. */
  readonly volumes?: { readonly list: string; readonly count: number };
  /** How the archive was compressed; undefined when it was not. */
  readonly compression?: string;
  /** Whether the bytes are exactly what export would write; undefined when that was not asked. */
  readonly canonical?: boolean;
  /** Of a delta: what it relies on. */
  readonly base?: Summary;
  /** Who signed the images; undefined when that was not asked. */
  readonly trust?: readonly ImageVerdict[];
  /** How many layers of its base were not looked at: nobody can say whether they are there. */
  readonly leftOut?: number;
}

/** Whether something was checked, and nothing of it is wrong. */
export const isSound = ({ images, blobs, findings }: VerifyReport) =>
  images.length > 0 && blobs > 0 && !findings.some(({ level }) => level === "finding");

/** Whether there is something that could not be checked. */
export const isUnchecked = ({ findings, leftOut }: Pick<VerifyReport, "findings" | "leftOut">) =>
  Boolean(leftOut) || findings.some(({ level }) => level === "unchecked");

/** A verdict is a yes only when nothing was found, something was checked, and nothing is left that was not. */
export const isVerified = (report: VerifyReport) => isSound(report) && !isUnchecked(report);

type Wrong = { [C in keyof ErrorDetails]?: (facts: ErrorDetails[C]) => Finding };

/** IngotErrors that say something about the content; every other one means that nobody could say. */
const WRONG: Wrong = {
  "digest-differs": ({ at, expected, actual }) =>
    finding("digest-differs", subjectText(at), `its bytes are ${actual}, not ${expected}`),
  "size-differs": ({ at, expected, actual }) =>
    finding("size-differs", subjectText(at), `it has ${actual} bytes, not ${expected}`),
  "blob-missing": ({ digest, neededBy }) =>
    finding(
      "blob-missing",
      digest,
      `it is not here${neededBy ? `, and ${neededBy} needs it` : ""}`,
    ),
  malformed: ({ what, at, why }) =>
    finding("malformed", subjectText(at), `${what} is not well formed: ${why}`),
  "too-large": ({ what, at, actual, limit, unit = "bytes" }) =>
    finding(
      "malformed",
      subjectText(at),
      `${what} has ${actual === undefined ? `more than the ${limit} ${unit}` : `${actual} ${unit}, more than the ${limit}`} that are read`,
    ),
  unsupported: ({ at, found, expected }) =>
    unchecked(
      subjectText(at),
      `it has ${found}, and what is supported is ${expected}: it was not checked`,
    ),
};

/** What `error` says about the content, as a Finding. @throws `error` itself when it says nothing about it */
export function toFinding(error: unknown): Finding {
  if (error instanceof IngotError) {
    const say = WRONG[error.code as keyof ErrorDetails] as
      | ((facts: unknown) => Finding)
      | undefined;
    if (say !== undefined) return say(error.facts);
  }
  throw error;
}

/** Runs `act`; what it says about the content goes into `findings`, and the result is undefined. */
export function collect<T>(findings: Pick<Findings, "push">, act: () => T): T | undefined {
  try {
    return act();
  } catch (error) {
    findings.push(toFinding(error));
    return undefined;
  }
}

/** Each finding once. */
export function uniqueFindings(findings: Iterable<Finding>): Finding[] {
  return [
    ...new Map(
      [...findings].map((found) => [`${found.code} ${found.at} ${found.message}`, found]),
    ).values(),
  ];
}
