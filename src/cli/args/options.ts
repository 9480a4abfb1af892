/** What a command line may hold: flags and positional arguments, and the types of their values. */

/** A flag. `multiple` = it may be given again, and all values count. Assignable to citty's definitions. */
export interface Flag {
  readonly type: "boolean" | "string";
  readonly description: string;
  /** One letter. */
  readonly alias?: string;
  readonly valueHint?: string;
  /** All values that there are: any other is refused, and completion offers these. */
  readonly words?: readonly string[];
  readonly multiple?: true;
  readonly required?: true;
}

/** A positional argument. `multiple` = it takes all that are left. */
export interface Positional {
  readonly type: "positional";
  readonly description: string;
  readonly required: boolean;
  /** As a flag's. */
  readonly words?: readonly string[];
  readonly multiple?: true;
}

export type Option = Flag | Positional;
export type Options = Readonly<Record<string, Option>>;

type Word<O extends Option> = O extends { readonly words: readonly (infer W)[] } ? W : string;

type Value<O extends Option> = O extends { readonly type: "boolean" }
  ? boolean
  : O extends { readonly multiple: true }
    ? O extends { readonly required: true }
      ? [Word<O>, ...Word<O>[]]
      : Word<O>[]
    : O extends { readonly required: true }
      ? Word<O>
      : Word<O> | undefined;

/** What the command line said, by the options it was read with. */
export type Values<O extends Options> = { readonly [Name in keyof O]: Value<O[Name]> };

/** Every command that has to do with the store has it. */
const STORE = {
  store: {
    type: "string",
    valueHint: "DIR",
    description: "the store; else INGOT_STORE, else ingot in the XDG data folder",
  },
} as const satisfies Options;

/** Every command has these. */
export const COMMON = {
  json: { type: "boolean", description: 'answer with one JSON document; an error is {"error": …}' },
  quiet: { type: "boolean", alias: "q", description: "no progress, no warnings: errors only" },
  debug: { type: "boolean", description: "show where in the program an error arose" },
  help: { type: "boolean", alias: "h", description: "show this help" },
} as const satisfies Options;

/** What may stand before a command's name. */
export const GLOBALS = { ...STORE, ...COMMON } as const satisfies Options;
