import { text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";

/** For commands that take many sources. */
export const SOURCE_LIST = {
  type: "string",
  valueHint: "LIST",
  description: "a file with more sources, one a line; # begins a comment",
} as const;

/** The longest list that is read. Bytes. */
const LIMIT = 8 * 1024 * 1024;

/**
 * The sources that the command line and a list together name, in their order. A line's spaces at its ends mean nothing; `#` at its
 * beginning or behind a space begins a comment. @throws usage where there is none
 */
export function allSources(given: readonly string[], list: string | undefined): readonly string[] {
  const sources =
    list === undefined ? given : [...given, ...sourcesIn(readFile(list, LIMIT), list)];
  if (sources.length > 0) return sources;
  throw new IngotError("usage", {
    message:
      list === undefined
        ? "the argument SOURCE is missing, should be an image, an archive or a layout"
        : `${list} names no source`,
    hint: "name one, or write one a line into a file for --file",
  });
}

/** @throws malformed for what is not UTF-8 */
export function sourcesIn(bytes: Uint8Array, at: string): string[] {
  const whole = text(bytes);
  if (whole === undefined)
    throw new IngotError("malformed", { what: "the list of sources", at, why: "it is not UTF-8" });
  return whole
    .replace(/^\ufeff/, "")
    .split(/\r?\n/)
    .map((line) => line.replace(/(?:^|\s)#.*$/, "").trim())
    .filter((line) => line !== "");
}
