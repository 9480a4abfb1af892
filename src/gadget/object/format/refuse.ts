import { IngotError } from "../../../base/error.ts";

/** Throws the reader's only error for bytes that are no eBPF object as they should be: `why`, of `at`. */
export type Refuse = (why: string, hint?: string) => never;

/** A {@link Refuse} for the object that people know as `at`: an IngotError `malformed`. */
export function refuser(at: string): Refuse {
  return (why, hint) => {
    throw new IngotError("malformed", {
      what: "the eBPF object",
      at,
      why,
      ...(hint !== undefined && { hint }),
    });
  };
}
