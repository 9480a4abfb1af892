import { IngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import type { FileExtent } from "../store/content.ts";

/** A blob whose size is known and whose bytes are not here. Whoever asks for them gets an IngotError: only JSON is ever asked for. */
export class AbsentBlob implements FileExtent {
  readonly offset = 0;
  readonly size: number;
  readonly #digest: Digest;
  readonly #why: string;

  /** @param why for the message: "it is too long" */
  constructor(digest: Digest, size: number, why: string) {
    this.#digest = digest;
    this.size = size;
    this.#why = why;
  }

  /** @throws malformed */
  get path(): string {
    throw new IngotError("malformed", { what: "JSON", at: this.#digest, why: this.#why });
  }
}

/** A layer that a delta leaves out. */
export const absentLayer = (digest: Digest, { size }: { readonly size: number }) =>
  new AbsentBlob(digest, size, "it is left out of the delta, which may leave out layers alone");
