import { IngotError } from "../base/error.ts";
import { sha256Hex } from "../base/hash.ts";

/**
 * The name of content: `sha256:` and 64 lower-case hexadecimal digits
 * (image-spec, descriptor.md, "Digests"). Other algorithms are refused where they come in.
 */
export type Digest = `sha256:${string}`;

const FORM = /^sha256:[0-9a-f]{64}$/;

/** Whether `value` is a digest of the one form that is used here. */
export function isDigest(value: unknown): value is Digest {
  return typeof value === "string" && FORM.test(value);
}

/** Digits of the algorithms that the specification registers beside sha256. */
const OTHERS: Readonly<Record<string, number>> = { sha384: 96, sha512: 128, blake3: 64 };

/** Whether `value` is a well-formed digest of another algorithm: nobody can say here whether content is what it names. */
export function isOtherDigest(value: unknown): value is string {
  const [, algorithm = "", digits = ""] =
    (typeof value === "string" && /^([a-z0-9]+):([0-9a-f]{64,128})$/.exec(value)) || [];
  return OTHERS[algorithm] === digits.length;
}

/** `value` as a Digest. @throws malformed, or unsupported for another algorithm */
export function parseDigest(value: string, at: string): Digest {
  if (isDigest(value)) return value;
  const algorithm = /^([a-z0-9]+(?:[+._-][a-z0-9]+)*):/.exec(value)?.[1];
  if (algorithm !== undefined && algorithm !== "sha256") {
    throw new IngotError("unsupported", {
      what: "the digest",
      at,
      found: `algorithm ${algorithm}`,
      expected: "sha256",
    });
  }
  throw new IngotError("malformed", {
    what: "a digest",
    at,
    why: `${JSON.stringify(value)} is not sha256: and 64 hexadecimal digits`,
  });
}

/** The digest of `bytes`. */
export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${sha256Hex(bytes)}`;
}

/** The 64 hexadecimal digits of `digest`: the name of its file in a layout. */
export function hexOf(digest: Digest): string {
  return digest.slice("sha256:".length);
}
