import type { SourcePosition } from "../../base/diagnostics.ts";
import { type Diagnostics, didYouMean, quoteExcerpt } from "../../base/diagnostics.ts";
import { suggest } from "../../base/suggest.ts";
import type { Word } from "../lexer/split.ts";

/** What flags an instruction has: `--name`, `--name=VALUE` once, or `--name=VALUE` as often as wanted. */
export type FlagKinds = Readonly<Record<string, "switch" | "value" | "values">>;

/** Flags as given. A switch that is given is "true" or "false". */
export class Flags {
  readonly #values: ReadonlyMap<string, readonly string[]>;

  constructor(values: ReadonlyMap<string, readonly string[]>) {
    this.#values = values;
  }

  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** The value, "" where it is not given. */
  value(name: string): string {
    return this.#values.get(name)?.[0] ?? "";
  }

  values(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  isOn(name: string): boolean {
    return this.value(name) === "true";
  }
}

/** What people write for flags that only RUN, docker run or another instruction has. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  from: "only COPY has --from",
  parents: "only COPY has --parents",
  unpack: "only ADD has --unpack",
  checksum: "only ADD has --checksum",
  "keep-git-dir": "only ADD has --keep-git-dir",
  platform: "only FROM has --platform",
  mount: "only RUN has --mount",
};

/** Reads the flags in front of an instruction's words; each that is wrong is reported. */
export function readFlags(
  words: readonly Word[],
  { of, kinds, place }: { of: string; kinds: FlagKinds; place: (offset: number) => SourcePosition },
  report: Diagnostics,
): Flags {
  const values = new Map<string, readonly string[]>();
  for (const { text, at } of words) {
    const equals = text.indexOf("=");
    const flag = equals < 0 ? text : text.slice(0, equals);
    const name = flag.slice(2);
    const value = equals < 0 ? undefined : text.slice(equals + 1);
    const wrong = (message: string, hint?: string) => report.error(place(at), message, hint);
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    const before = values.get(name);
    if (kind === undefined) {
      const near = suggest(name, Object.keys(kinds)).map((other) => `--${other}`);
      wrong(
        `${of} has no flag ${quoteExcerpt(flag)}`,
        didYouMean(near) ?? ELSEWHERE[name] ?? listed(kinds),
      );
    } else if (before !== undefined && kind !== "values") {
      wrong(`${flag} stands twice: it has one value`);
    } else if (kind === "switch") {
      const word = value?.toLowerCase() ?? "true";
      if (word !== "true" && word !== "false")
        wrong(`${flag} is ${quoteExcerpt(value ?? "")}: it should be true or false`);
      else values.set(name, [word]);
    } else if (value === undefined) {
      wrong(`${flag} has no value`, `write ${flag}=VALUE, with no space around the "="`);
    } else values.set(name, [...(before ?? []), value]);
  }
  return new Flags(values);
}

function listed(kinds: FlagKinds): string {
  const names = Object.keys(kinds).map((name) => `--${name}`);
  if (names.length === 0)
    return "words that begin with -- come after a lone --, or within a JSON array";
  return `its flags are ${names.join(", ")}`;
}
