/** What commands say of signatures: the keys that are trusted, and what they signed. */
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";
import type {
  ImageVerdict,
  ManifestVerdict,
  SignatureVerdict,
  TrustJudge,
} from "../../trust/verdict.ts";
import type { Options } from "../args/options.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { plural, quote } from "../output/text.ts";
import { imageLine } from "./task.ts";

/** The flags that say who must have signed. */
export const TRUST = {
  key: {
    type: "string",
    valueHint: "FILE",
    multiple: true,
    description: "a public key in PEM: every image must be signed with one of these",
  },
  identity: {
    type: "string",
    valueHint: "NAME",
    multiple: true,
    description: "whom a certificate names, exactly: an e-mail address, or the URI of a workflow",
  },
  issuer: {
    type: "string",
    valueHint: "URL",
    description: "who vouches for the identities, as https://accounts.example.com",
  },
  "trusted-root": {
    type: "string",
    valueHint: "FILE",
    description: "sigstore's trusted_root.json, which certificates and logs are checked against",
  },
  threshold: {
    type: "string",
    valueHint: "N",
    description: "signed by so many different ones of these; default: 1",
  },
  attestation: {
    type: "string",
    valueHint: "TYPE",
    multiple: true,
    description:
      "and attested by as many: slsaprovenance1, spdx, cyclonedx, vuln, openvex, …, or a predicate's URI",
  },
} as const satisfies Options;

export const TRUST_NOTE =
  "--key asks as well whether every image is signed with one of these keys (PEM: ECDSA P-256, P-384 and P-521, RSA, Ed25519): by cosign's signatures\nunder a tag or with a subject, and by sigstore bundles, which are to be here too. --identity, --issuer and --trusted-root ask the same of\nbundles that a certificate signs. What signs an index signs all that it names. Without signatures by enough of them, and with a wrong one,\nthe answer is no. Nothing is asked of a network; what was not checked is listed.";

export const TRUST_DOCUMENT =
  '"trust" has for each image\n {"reference", "digest", "verdict": "yes" | "no" | "unknown",\n  "targets": [{"digest", "platform"?, "verdict", "signers": [{"kind": "key" | "identity", "name", "id"}], "over": [digest], "reason"?}],\n  "signatures": [{"at", "subject", "form", "status", "signer"?, "scheme"?, "predicateType"?, "name"?, "time"?, "timeBy"?, "reason"?, "unchecked"}]}';

/** A file with a key is shorter. Bytes. */
export const KEY_FILE_LIMIT = 64 * 1024;
/** One with a trusted root is shorter. Bytes. */
const ROOT_FILE_LIMIT = 1024 * 1024;

interface TrustWords {
  readonly key: readonly string[];
  readonly identity: readonly string[];
  readonly issuer: string | undefined;
  readonly "trusted-root": string | undefined;
  readonly threshold: string | undefined;
  readonly attestation: readonly string[];
}

/** Whether any of the flags is given. */
export const asksTrust = (words: TrustWords): boolean =>
  words.key.length + words.identity.length + words.attestation.length > 0 ||
  [words.issuer, words["trusted-root"], words.threshold].some((one) => one !== undefined);

/**
 * Who judges signatures, as the flags say; undefined where none was given. What judges is loaded here and not before: other commands start
 * without it. @throws usage, malformed, unsupported, not-found
 */
export async function readTrustFlags(words: TrustWords): Promise<TrustJudge | undefined> {
  if (!asksTrust(words)) return undefined;
  const { key: files, identity, threshold = "1", attestation } = words;
  const given = files.length + identity.length;
  if (identity.length > 0 || words.issuer !== undefined || words["trusted-root"] !== undefined)
    requireWhole(words);
  if (given === 0)
    throw new IngotError("usage", {
      message: `${words.threshold === undefined ? "--attestation" : "--threshold"} is about signers, and there is none`,
      hint: "name keys: --key FILE, once for each",
    });
  if (!/^[1-9][0-9]{0,2}$/.test(threshold))
    throw new IngotError("usage", {
      message: `--threshold is ${JSON.stringify(threshold)}, should be a number from 1 to ${given}`,
    });
  const { judgeBySigners } = await import("../../trust/judge.ts");
  const { predicateTypeOf } = await import("../../trust/forms/predicate-types.ts");
  const attestations = attestation.map((text) => predicateTypeOf(text, "--attestation"));
  const { parsePublicKey } = await import("../../trust/keys/public-key.ts");
  const keys = files.map((file) => parsePublicKey(readFile(file, KEY_FILE_LIMIT), file));
  const policy = { keys, threshold: Number(threshold), attestations };
  const { issuer = "", "trusted-root": root = "" } = words;
  if (identity.length === 0) return judgeBySigners(policy);
  const { keylessVerifier } = await import("../../trust/keyless/verify-bundle.ts");
  const { parseTrustedRoot } = await import("../../trust/keyless/trusted-root.ts");
  const keyless = keylessVerifier(parseTrustedRoot(readFile(root, ROOT_FILE_LIMIT), root));
  const identities = identity.map((name) => ({ identity: name, issuer }));
  return judgeBySigners({ ...policy, keyless, identities });
}

/** @throws usage where one of the three flags is missing that belong together */
function requireWhole(words: TrustWords): void {
  const missing = (["identity", "issuer", "trusted-root"] as const).filter(
    (name) => !words[name]?.length,
  );
  if (missing.length === 0) return;
  throw new IngotError("usage", {
    message: `${missing.map((name) => `--${name}`).join(" and ")} ${missing.length === 1 ? "is" : "are"} missing: whom a certificate names is known by --identity, --issuer and --trusted-root together`,
    hint: "for example: --identity me@example.com --issuer https://accounts.example.com --trusted-root trusted_root.json",
  });
}

/** The verdict on an image in lines: what signed it, and each of its platforms. What is against a yes is among the findings. */
export function trustLines(image: ImageVerdict): string[] {
  const { targets, signatures } = image;
  const made = signatures.filter(({ status }) => status === "verified" || status === "attestation");
  const others = signatures.filter(({ status }) => status === "other");
  return [
    `${imageLine(image)}: ${SAYS[image.verdict]}`,
    ...targets.slice(1).map((target) => `  ${targetLine(target)}`),
    ...new Set(made.map((signature) => `  ${signatureLine(signature, image)}`)),
    ...(others.length > 0 ? [`  ${plural(others.length, "signature")} by none of these`] : []),
  ];
}

const SAYS = { yes: "signed", no: "not signed as asked", unknown: "could not say" };

function targetLine({ platform, digest, verdict, over }: ManifestVerdict): string {
  const by = verdict === "yes" && !over.includes(digest) ? " by the index" : "";
  return `${platform ?? "a manifest"} ${digest}: ${SAYS[verdict]}${by}`;
}

function signatureLine(signature: SignatureVerdict, { digest, targets }: ImageVerdict): string {
  const { subject, form, status, scheme, predicateType, name, time, unchecked } = signature;
  const what = status === "attestation" ? `attestation ${predicateType}` : "signature";
  const platform = targets.find((target) => target.digest === subject)?.platform;
  const of = subject === digest ? "" : ` of ${platform ?? subject}`;
  const as = name === undefined ? "" : `, as ${quote(name)}`;
  const at = time === undefined ? "" : `, at ${time} (${signature.timeBy})`;
  const not = unchecked.length === 0 ? "" : `; not checked: ${unchecked.join(", ")}`;
  return `${what}${of} by ${quote(signature.signer?.name ?? "")} (${scheme}, ${signature.signer?.id}): ${form}${as}${at}${not}`;
}

/** The verdict on an image as it stands in JSON answers. */
export const trustJson = (image: ImageVerdict): JsonAnswer => {
  const { reference, digest, verdict, targets, signatures } = image;
  return {
    ...{ reference, digest, verdict },
    targets: targets.map((target) => ({
      ...target,
      signers: target.signers.map((signer) => ({ ...signer })),
      over: [...target.over],
    })),
    signatures: signatures.map(({ signer, ...one }) => ({
      ...one,
      signer: signer && { ...signer },
      unchecked: [...one.unchecked],
    })),
  };
};
