/** The members of an archive in their order, up to the first that export would write otherwise: what `--canonical` compares. */
import type { Digest } from "../oci/digest.ts";
import { blobPath } from "../oci/layout.ts";
import type { TarMember } from "../tar/canonical/scan.ts";

/** What is compared of a member. */
export type ListedMember = Pick<TarMember, "name" | "size" | "deviation">;

/** There may be very many: of each there is its size, and its name, or of a blob its digest, which the archive has in any case. */
export class MemberList {
  /** Names, and the digests of blobs. */
  readonly #names: string[] = [];
  readonly #areBlobs: boolean[] = [];
  readonly #sizes: number[] = [];
  #deviation: string | undefined;

  get length(): number {
    return this.#names.length;
  }

  /** Whether there are some, and every header is byte for byte one that export writes. */
  get isOwn(): boolean {
    return this.length > 0 && this.#deviation === undefined;
  }

  /** Adds a member, unless one before it differs from what export writes. @param digest of a blob */
  add({ name, size, deviation }: ListedMember, digest?: Digest): void {
    if (this.#deviation !== undefined) return;
    const isBlob = digest !== undefined && blobPath(digest) === name;
    this.#names.push(isBlob ? digest : name);
    this.#areBlobs.push(isBlob);
    this.#sizes.push(size);
    this.#deviation = deviation;
  }

  at(i: number): ListedMember | undefined {
    const name = this.#names[i];
    if (name === undefined) return undefined;
    return {
      name: this.#areBlobs[i] ? blobPath(name as Digest) : name,
      size: this.#sizes[i]!,
      deviation: i === this.length - 1 ? this.#deviation : undefined,
    };
  }
}
