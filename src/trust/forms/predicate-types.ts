/** Types of predicates, and the short names that cosign has for them. */
import { IngotError } from "../../base/error.ts";
import { suggest } from "../../base/suggest.ts";

/** What cosign since version 3 writes in a statement that says no more than that an image is signed. */
export const SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";

export const PREDICATE_TYPES: Readonly<Record<string, string>> = {
  slsaprovenance: "https://slsa.dev/provenance/v0.2",
  slsaprovenance02: "https://slsa.dev/provenance/v0.2",
  slsaprovenance1: "https://slsa.dev/provenance/v1",
  spdx: "https://spdx.dev/Document",
  spdxjson: "https://spdx.dev/Document",
  cyclonedx: "https://cyclonedx.org/bom",
  vuln: "https://cosign.sigstore.dev/attestation/vuln/v1",
  openvex: "https://openvex.dev/ns",
  link: "https://in-toto.io/Link/v1",
  vsa: "https://slsa.dev/verification_summary/v1",
  custom: "https://cosign.sigstore.dev/attestation/v1",
};

/** The predicate type that a short name or a URI stands for. @throws usage */
export function predicateTypeOf(text: string, flag: string): string {
  const known = Object.hasOwn(PREDICATE_TYPES, text) ? PREDICATE_TYPES[text] : undefined;
  if (known !== undefined) return known;
  if (/^[a-z][a-z0-9+.-]*:[\x21-\x7e]+$/i.test(text) && text.length <= 1024) return text;
  const names = Object.keys(PREDICATE_TYPES);
  const near = suggest(text, names);
  throw new IngotError("usage", {
    message: `${flag} is ${JSON.stringify(text)}, should be a URI or one of ${names.join(", ")}`,
    ...(near.length > 0 && { hint: `did you mean ${near.join(" or ")}?` }),
  });
}
