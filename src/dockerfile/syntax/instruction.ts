import type { SourcePosition } from "../../base/diagnostics.ts";
import type { Diagnostic } from "../../base/error.ts";
import type { Word } from "../lexer/split.ts";
import type { HeredocText } from "./heredoc.ts";

/** `KEY=VALUE` as written: nothing is expanded yet. */
export interface Pair {
  readonly key: string;
  readonly value: string;
}

/** A name that ARG declares, with its default if it has one. */
export interface Argument {
  readonly name: string;
  readonly value: string | undefined;
}

/** COPY or ADD as written. */
export interface CopyOperands {
  readonly kind: "copy";
  readonly add: boolean;
  readonly sources: readonly Word[];
  readonly heredocs: readonly HeredocText[];
  readonly dest: string;
  readonly from: string | undefined;
  readonly chown: string;
  readonly chmod: string;
  readonly exclude: readonly string[];
  readonly parents: boolean;
  readonly link: boolean;
  /** ADD: whether local archives are unpacked. */
  readonly unpack: boolean;
}

/** The command of a HEALTHCHECK and its times, in nanoseconds; 0 = what the base says. */
export interface Health {
  readonly test: readonly string[];
  readonly interval: number;
  readonly timeout: number;
  readonly startPeriod: number;
  readonly startInterval: number;
  readonly retries: number;
}

/** What an instruction says, by its kind. */
export type Operands =
  | { readonly kind: "env"; readonly pairs: readonly Pair[] }
  | { readonly kind: "label"; readonly pairs: readonly Pair[] }
  | { readonly kind: "arg"; readonly args: readonly Argument[] }
  | CopyOperands
  | { readonly kind: "cmd"; readonly words: readonly string[]; readonly json: boolean }
  | { readonly kind: "entrypoint"; readonly words: readonly string[]; readonly json: boolean }
  | { readonly kind: "shell"; readonly words: readonly string[] }
  | { readonly kind: "expose"; readonly words: readonly string[] }
  | { readonly kind: "volume"; readonly words: readonly string[] }
  | { readonly kind: "user"; readonly value: string }
  | { readonly kind: "workdir"; readonly value: string }
  | { readonly kind: "stopsignal"; readonly value: string }
  | { readonly kind: "maintainer"; readonly value: string }
  | { readonly kind: "healthcheck"; readonly health: Health }
  | { readonly kind: "onbuild"; readonly expression: string }
  | { readonly kind: "run" };

/** An instruction and where its parts stand. */
export type Instruction = Operands & {
  readonly at: SourcePosition;
  /** Where the character at an offset of the instruction's text stands: for the `at` of its words. */
  readonly place: (offset: number) => SourcePosition;
};

/** FROM as written. */
export interface From {
  readonly image: Word;
  readonly name: string | undefined;
  readonly platform: string | undefined;
}

/** An ARG in front of the first FROM. */
export interface GlobalArgument extends Argument {
  readonly at: SourcePosition;
}

/** FROM and what follows it, up to the next FROM. */
export interface Stage extends From {
  readonly at: SourcePosition;
  readonly instructions: readonly Instruction[];
}

/** A Dockerfile that can be built, as far as that can be said without its bases and arguments. */
export interface Dockerfile {
  /** Its name, as problems give it. */
  readonly file: string;
  readonly escape: string;
  readonly args: readonly GlobalArgument[];
  readonly stages: readonly Stage[];
  /** Warnings. */
  readonly problems: readonly Diagnostic[];
}
