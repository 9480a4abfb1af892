import type { YamlPosition } from "../yaml/tree.ts";

/** Something of a gadget that Inspektor Gadget refuses, or that has no effect. */
export interface GadgetProblem {
  /** Refused when it is built or run, or without effect. */
  readonly level: "error" | "warning";
  readonly message: string;
  readonly hint?: string;
  /** Where it is in gadget.yaml, if it is there. */
  readonly at?: YamlPosition;
  /** The section and symbol of the object, if it is there. */
  readonly section?: string;
  readonly symbol?: string;
  /** Bytes from the section's start, of an instruction. */
  readonly offset?: number;
}

/** The most that are kept: nobody reads more. */
const MOST = 1000;

/** Where the checks of one gadget put what they find. */
export class ProblemList {
  readonly found: GadgetProblem[] = [];

  error(message: string, more: Omit<GadgetProblem, "level" | "message"> = {}): void {
    this.#add({ level: "error", message, ...more });
  }

  warning(message: string, more: Omit<GadgetProblem, "level" | "message"> = {}): void {
    this.#add({ level: "warning", message, ...more });
  }

  #add(problem: GadgetProblem): void {
    if (this.found.length < MOST) this.found.push(problem);
  }
}
