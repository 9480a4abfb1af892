import { Fault } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Extent } from "../store/content.ts";

/** A blob whose size is known and whose bytes are not here. Whoever asks for them gets a Fault: only JSON is ever asked for. */
export class Gone implements Extent {
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
    throw new Fault("malformed", { what: "JSON", at: this.#digest, why: this.#why });
  }
}

/** A layer that a delta leaves out. */
export const goneLayer = (digest: Digest, { size }: { readonly size: number }) =>
  new Gone(digest, size, "it is left out of the delta, which may leave out layers alone");
