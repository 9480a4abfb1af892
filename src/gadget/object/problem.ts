/** Something in an object that can be read, and that no loader of gadgets takes. */
export interface ObjectProblem {
  readonly code:
    | "section-without-symbols"
    | "function-empty"
    | "program-twice"
    | "map-definition"
    | "map-without-symbol"
    | "struct-ops";
  /** The section that it is in, and the symbol, where it has one. */
  readonly section: string;
  readonly symbol?: string;
  /** What is wrong with it: "it has no instructions". */
  readonly message: string;
}
