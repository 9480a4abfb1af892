/** Every IngotError as a sentence: the action, a colon, what is, what should be; values quoted. The only such table. */
import type { Diagnostic, ErrorCode, ErrorDetails, IngotError } from "../../base/error.ts";
import type { Subject } from "../../base/subject.ts";
import { ioHint, ioReason } from "./os-errors.ts";
import { registryHint, registryReason } from "./registry-errors.ts";
import { formatBytes, plural, quote, quoteSubject } from "./text.ts";

/** An IngotError in words. `details` are lines below the message: what it counts, or what a program said. */
export interface ErrorMessage {
  readonly message: string;
  readonly hint?: string | undefined;
  readonly details?: readonly string[];
}

type Words = { readonly [C in ErrorCode]: (facts: ErrorDetails[C]) => ErrorMessage };

const WORDS: Words = {
  usage: ({ message, hint }) => ({ message, hint }),
  io: (facts) => ({
    message: `cannot ${facts.doing} ${quoteSubject(facts.at)}: ${ioReason(facts)}`,
    hint: ioHint(facts),
  }),
  "not-found": ({ what, at, as = [], near = [], hint }) => ({
    message: `cannot find ${what}: looked for ${quoteSubject(at)}${as.length > 0 ? `, as ${alternatives(as)}` : ""}`,
    hint: near.length > 0 ? `did you mean ${alternatives(near)}?${hint ? ` (${hint})` : ""}` : hint,
  }),
  ambiguous: ({ what, at, matches }) => ({
    message: `cannot choose ${what}: ${quoteSubject(at)} fits ${matches.length} of them, should fit one`,
    details: matches,
    hint: hintForChoice(at, matches),
  }),
  "digest-differs": ({ at, expected, actual, hint }) => ({
    message: `cannot use ${quoteSubject(at)}: its bytes are ${actual}, should be ${expected}`,
    hint:
      hint ??
      "the data is damaged: copy or download it again (importing the image again repairs a damaged store)",
  }),
  "size-differs": ({ at, expected, actual, hint }) => ({
    message: `cannot use ${quoteSubject(at)}: it has ${bytes(actual)}, should have ${bytes(expected)}`,
    hint: hint ?? "the data is damaged or cut short: copy or download it again",
  }),
  "blob-missing": ({ digest, at, neededBy, hint }) => ({
    message: `cannot find a blob: ${digest} is not in ${quoteSubject(at)}${neededBy ? `, and ${neededBy} needs it` : ""}`,
    hint: hint ?? "the image is incomplete here: build or import it again",
  }),
  "volumes-missing": ({ at, count: all, missing, folders }) => ({
    message: `cannot find all volumes of ${quoteSubject(at)}: ${missing.length} of ${all} ${missing.length === 1 ? "is" : "are"} missing, looked in ${folders.map(quote).join(", ")}`,
    details: missing.map(
      ({ file, number, size, digest, found }) =>
        `${file}: volume ${number} of ${all}, ${bytes(size)}, ${digest}${found === undefined ? "" : `; ${quote(found.path)} has ${bytes(found.size)}`}`,
    ),
    hint: "copy them to one of these directories, or name them together with the list",
  }),
  malformed: ({ what, at, why, hint }) => ({
    message: `cannot read ${what} ${quoteSubject(at)}: ${why}`,
    hint,
  }),
  "too-large": ({ what, at, actual, limit, unit }) => ({
    message: `cannot take ${what} ${quoteSubject(at)}: it has ${actual === undefined ? `more than ${amount(limit, unit)}, which is the most that is taken` : `${amount(actual, unit)}, should have at most ${amount(limit, unit)}`}`,
  }),
  unsupported: ({ what, at, found, expected, hint }) => ({
    message: `cannot use ${what} ${quoteSubject(at)}: found ${found}, should be ${expected}`,
    hint,
  }),
  changed: ({ at, why }) => ({
    message: `cannot read ${quoteSubject(at)}: ${why}, should stay as it is until it is read`,
    hint: "something writes there: stop it, then run this again",
  }),
  source: ({ what, at, problems }) => ({
    message: `cannot use ${what} ${quoteSubject(at)}: it has ${tally(problems)}`,
    details: problems.map(formatProblem),
    ...(problems.some(({ level }) => level === "error")
      ? {}
      : { hint: "--strict makes warnings errors: fix what they name, or leave out --strict" }),
  }),
  "program-missing": ({ program, needed, install }) => ({
    message: `cannot run ${quote(program)}, which is needed ${needed}: ${program.includes("/") ? "there is no such program" : "it is not on the PATH"}`,
    hint: `get it: ${install}`,
  }),
  "program-failed": ({ program, command, status, output, hint }) => ({
    message: `${program} failed: ${status}`,
    details: [`$ ${command}`, ...(output === "" ? ["(it said nothing)"] : output.split("\n"))],
    hint,
  }),
  "no-space": ({ at, needed, free }) => ({
    message: `cannot write to ${quoteSubject(at)}: ${formatBytes(free)} are free there, should be ${formatBytes(needed)} (${needed - free} bytes more)`,
    hint: "make room (ingot prune frees what no image needs), or choose another place",
  }),
  registry: (facts) => ({
    message: `cannot ${facts.doing} ${quoteSubject(facts.at)}: ${registryReason(facts)}`,
    hint: registryHint(facts),
  }),
  busy: ({ what, at, holder }) => ({
    message: `cannot have ${what} ${quoteSubject(at)} alone: ${holder} is using it`,
    hint: "wait until the other process is done, then run this again",
  }),
  unproven: ({ at, findings, hint }) => ({
    message: `cannot take ${quoteSubject(at)}: it has ${plural(findings.length, "finding")}, should have none`,
    details: findings.map(formatFinding),
    hint: hint ?? "nothing was changed: copy or download the archive again",
  }),
  internal: ({ message }) => ({
    message: `a mistake in ingot itself: ${message.split("\n", 1)[0]}`,
    hint: "run it again with --debug and report what it says",
  }),
};

/** The sentence for `fault`. */
export function describeError(fault: IngotError): ErrorMessage {
  return (WORDS[fault.code] as (facts: ErrorDetails[ErrorCode]) => ErrorMessage)(fault.facts);
}

/** `file:line:column: level: message [symbol of section] (hint)`, as compilers write it. */
export function formatProblem(problem: Diagnostic): string {
  const { file, line, column, level, message, hint, section, symbol } = problem;
  const place = line === 0 ? file : `${file}:${line}:${column}`;
  const of = [
    ...(symbol === undefined ? [] : [`symbol ${symbol}`]),
    ...(section === undefined ? [] : [`section ${section}`]),
  ].join(" in ");
  return `${place}: ${level}: ${message}${of === "" ? "" : ` [${of}]`}${hint ? ` (${hint})` : ""}`;
}

/** `at: message [code]`. */
export function formatFinding({
  code,
  at,
  message,
}: {
  readonly code: string;
  readonly at: string;
  readonly message: string;
}): string {
  return `${at}: ${message} [${code}]`;
}

/** `"a"`, `"a" or "b"`, `"a", "b" or "c"`. */
export function alternatives(words: readonly string[]): string {
  const quoted = words.map(quote);
  const last = quoted.pop() ?? "";
  return quoted.length === 0 ? last : `${quoted.join(", ")} or ${last}`;
}

/** How one is chosen: of images without a name in a place, by a digest. */
function hintForChoice(at: Subject, [first = ""]: readonly string[]): string {
  const isPlace = typeof at === "string" && /^(?:oci|oci-archive|docker-archive):[^:]*$/.test(at);
  if (!/^sha256:[0-9a-f]{64}$/.test(first)) return "give the complete name, or the digest";
  return isPlace
    ? `name one of them, as ${at}:${first}`
    : `name one of them by its digest, as oci:DIR:${first} or oci-archive:FILE:${first}`;
}

const bytes = (number: number) => plural(number, "byte");
const amount = (number: number, unit = "bytes") =>
  unit === "bytes" ? bytes(number) : `${number} ${unit}`;

function tally(problems: readonly Diagnostic[]): string {
  const errors = problems.filter(({ level }) => level === "error").length;
  const warnings = problems.length - errors;
  return [
    ...(errors > 0 ? [plural(errors, "error")] : []),
    ...(warnings > 0 ? [plural(warnings, "warning")] : []),
  ].join(" and ");
}

/** A finding as it stands in JSON answers. */
export function findingJson({
  code,
  at,
  message,
}: {
  readonly code: string;
  readonly at: string;
  readonly message: string;
}) {
  return { code, at, message };
}
