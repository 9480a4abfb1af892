/** Sigstore's trusted root: authorities, logs and timestamp authorities, in one file (protobuf-specs, sigstore_trustroot.proto). */
import { TrustedRoot } from "@sigstore/protobuf-specs";
import { type TrustMaterial, toTrustMaterial } from "@sigstore/verify";
import { IngotError } from "../../base/error.ts";
import { parseJson } from "../../base/json/json.ts";

/** The file is shorter. Bytes. */
export const ROOT_LIMIT = 1024 * 1024;

const TYPE =
  /^application\/vnd\.dev\.sigstore\.trustedroot(?:\+json;version=0\.[12]|\.v0\.[12]\+json)$/;

/** Reads a trusted root. @param name what it is called in messages @throws malformed, unsupported, too-large */
export function parseTrustedRoot(file: Uint8Array, name: string): TrustMaterial {
  const json = parseJson(file, name, { bytes: ROOT_LIMIT });
  const { mediaType } = (json ?? {}) as { mediaType?: unknown };
  if (typeof mediaType !== "string" || !TYPE.test(mediaType))
    throw new IngotError("unsupported", {
      what: "the trusted root",
      at: name,
      found:
        typeof mediaType === "string" ? JSON.stringify(mediaType.slice(0, 100)) : "no media type",
      expected: "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
      hint: "cosign trusted-root create makes one; sigstore's own is trusted_root.json of its TUF repository",
    });
  try {
    const root = TrustedRoot.fromJSON(json);
    // The library takes what has no beginning for always valid.
    for (const { publicKey } of [...root.tlogs, ...root.ctlogs])
      if (publicKey?.validFor?.start === undefined) throw new Error("a log without a beginning");
    for (const { validFor } of [...root.certificateAuthorities, ...root.timestampAuthorities])
      if (validFor?.start === undefined) throw new Error("an authority without a beginning");
    return toTrustMaterial(root);
  } catch {
    throw new IngotError("malformed", {
      what: "the trusted root",
      at: name,
      why: "an authority or a log in it is not complete: each has keys or certificates, and a time from which it is valid",
    });
  }
}
