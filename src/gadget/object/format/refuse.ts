import { IngotError } from "../../../base/error.ts";

/** Throws the reader's only error for bytes that are no eBPF object as they should be: `why`, of `at`. */
export type Refuse = (why: string, hint?: string) => never;

/** A {@link Refuse} for the object that people know as `at`: an IngotError `malformed`. @param what it is, if no object */
export function refuser(at: string, what = "the eBPF object"): Refuse {
  return (why, hint) => {
    throw new IngotError("malformed", {
      what,
      at,
      why,
      ...(hint !== undefined && { hint }),
    });
  };
}
