/**
 * An IngotError says "I could not say": bad usage, missing input, I/O, content that cannot be trusted.
 * It carries facts; the words for people are in one table, `cli/output/error-messages.ts`, exhaustive by type.
 * (What *is* wrong with an archive is no IngotError but a Finding: it is returned, not thrown.)
 */

import { type Subject, subjectText } from "./subject.ts";

/** Every code with its facts. `at` names the file, blob or member in question, as a person would. */
export interface ErrorDetails {
  /** The command line, an environment variable or an option is not usable as given. */
  usage: { message: string; hint?: string };
  /** The operating system refused. `doing` is a verb phrase: "read", "write the archive". */
  io: { doing: string; at: string; code: string; message: string };
  /**
   * Something that was named is not there. `as` are the complete names that it was looked for under, where it was named by a
   * short one; `near` are names that are there and look alike.
   */
  "not-found": {
    what: string;
    at: Subject;
    as?: readonly string[];
    near?: readonly string[];
    hint?: string;
  };
  /** A name fits several things; `matches` lists them. */
  ambiguous: { what: string; at: Subject; matches: readonly string[] };
  /** The bytes of a blob are not those its descriptor promises. */
  "digest-differs": { at: Subject; expected: string; actual: string; hint?: string };
  /** A blob, member or file has another size than it should. */
  "size-differs": { at: Subject; expected: number; actual: number; hint?: string };
  /** A blob that an image needs is not where it should be. */
  "blob-missing": { digest: string; at: Subject; neededBy?: string; hint?: string };
  /** Of an archive's volumes, those that are not there whole; `found` is a file that has the name and another size. Bytes. */
  "volumes-missing": {
    at: string;
    count: number;
    missing: readonly {
      file: string;
      number: number;
      size: number;
      digest: string;
      found?: { path: string; size: number };
    }[];
    folders: readonly string[];
  };
  /** Content that is not well formed: JSON, YAML, a tar header, a reference, a wasm file. */
  malformed: { what: string; at: Subject; why: string; hint?: string };
  /** Content that exceeds a bound that protects memory, time or disk. Without `actual` nobody knows by how much. */
  "too-large": { what: string; at: Subject; actual?: number; limit: number; unit?: string };
  /** Well formed, but of a kind that is not handled. */
  unsupported: { what: string; at: Subject; found: string; expected: string; hint?: string };
  /** A file is no longer what it was when it was looked at. */
  changed: { at: Subject; why: string };
  /** A source file (build.yaml, gadget.yaml, …) has errors; each is one printable finding with its place. */
  source: { what: string; at: Subject; problems: readonly Diagnostic[] };
  /** A program that is needed is not there. */
  "program-missing": { program: string; needed: string; install: string };
  /** A program ran and failed. `command` is what a person could type; `output` is what it said. */
  "program-failed": {
    program: string;
    command: string;
    status: string;
    output: string;
    hint?: string;
  };
  /** There is not enough room on the disk for what is about to be written. Bytes. */
  "no-space": { at: Subject; needed: number; free: number };
  /**
   * A registry says no, or cannot be heard. `doing` is a verb phrase. `code` is the HTTP status, or what happened to the
   * connection: a system's code, "tls", "cut", "timeout", "redirect", "answer". `after` = seconds until it wants to be asked again.
   */
  registry: {
    doing: string;
    at: string;
    code: string;
    why: string;
    after?: number;
    hint?: string;
  };
  /** Another process holds what is needed. */
  busy: { what: string; at: Subject; holder: string };
  /** The archive that was to be imported is not so; every finding is listed. */
  unproven: {
    at: Subject;
    findings: readonly { code: string; at: string; message: string }[];
    hint?: string;
  };
  /** A mistake of ours. */
  internal: { message: string };
}

/** One mistake in a source file. Lines and columns count from 1; 0 is "not known". */
export interface Diagnostic {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Of what the file compiled to: a section and a symbol of the object. */
  readonly section?: string;
  readonly symbol?: string;
  readonly level: "error" | "warning";
  readonly message: string;
  readonly hint?: string;
}

export type ErrorCode = keyof ErrorDetails;

export class IngotError<C extends ErrorCode = ErrorCode> extends Error {
  readonly code: C;
  readonly facts: ErrorDetails[C];
  constructor(code: C, facts: ErrorDetails[C], options?: { cause?: unknown }) {
    super(messageOf(code, facts), options);
    this.name = "IngotError";
    this.code = code;
    this.facts = facts;
  }
}

/** What an error says where no table of messages is at hand: in a stack trace or a test. */
function messageOf(code: string, facts: ErrorDetails[ErrorCode]): string {
  const { at, why, message, expected, actual } = facts as {
    readonly at?: Subject;
    readonly [fact: string]: unknown;
  };
  const compared =
    expected === undefined ? [] : [`expected ${expected}, got ${actual ?? "another"}`];
  const parts = [
    at === undefined ? [] : subjectText(at, JSON.stringify),
    why ?? message ?? compared,
  ];
  return [code, ...parts.flat()].join(": ");
}

/** Whether `error` is an IngotError, of `code` when one is given. */
export function isIngotError<C extends ErrorCode>(
  error: unknown,
  code?: C,
): error is IngotError<C> {
  return error instanceof IngotError && (code === undefined || error.code === code);
}

/** Ended early because it was told to stop. What it was stopped for is what people are told. */
export class AbortError extends Error {
  constructor() {
    super("stopped");
    this.name = "AbortError";
  }
}

/** An error as plain data, to cross a thread. */
export type SerializedError =
  | { readonly code: ErrorCode; readonly facts: ErrorDetails[ErrorCode] }
  | { readonly code: "aborted" };

/** What `error` says as plain data; anything that is no IngotError becomes an `internal` one. */
export function serializeError(error: unknown): SerializedError {
  if (error instanceof IngotError) return { code: error.code, facts: error.facts };
  if (error instanceof AbortError) return { code: "aborted" };
  const message = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return { code: "internal", facts: { message } };
}

/** The error that `serializeError` was given. */
export function deserializeError(data: SerializedError): Error {
  return data.code === "aborted" ? new AbortError() : new IngotError(data.code, data.facts);
}

interface SystemError {
  code?: string;
  message: string;
}

/** Runs `act`; what the operating system refuses becomes an `io` IngotError that names `doing` and `at`. */
export function guard<T>(doing: string, at: string, act: () => T): T {
  try {
    return act();
  } catch (error) {
    throw ioError(doing, at, error);
  }
}

/** The `io` IngotError for `error`; an IngotError stays what it is. */
export function ioError(doing: string, at: string, error: unknown): IngotError {
  if (error instanceof IngotError) return error;
  const { code = "EUNKNOWN", message } = error as SystemError;
  return new IngotError("io", { doing, at, code, message }, { cause: error });
}
