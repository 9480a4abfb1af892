import { createHash, type Hash } from "node:crypto";

/** SHA-256 over bytes that come in pieces. `hex()` ends it: 64 lower-case digits. */
export class Sha256 {
  #hash: Hash = createHash("sha256");

  update(bytes: Uint8Array): this {
    this.#hash.update(bytes);
    return this;
  }

  hex(): string {
    return this.#hash.digest("hex");
  }
}

/** The SHA-256 of `bytes`, as 64 lower-case hexadecimal digits. */
export function sha256Hex(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}
