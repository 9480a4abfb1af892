/** What commands say of signatures: the keys that are trusted, and what they signed. */
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";
import type {
  ImageVerdict,
  ManifestVerdict,
  SignatureVerdict,
  TrustJudge,
} from "../../trust/verdict.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { plural, quote } from "../output/text.ts";
import { imageLine } from "./task.ts";

export const KEY = {
  type: "string",
  valueHint: "FILE",
  multiple: true,
  description: "a public key in PEM: every image must be signed with one of these",
} as const;

export const THRESHOLD = {
  type: "string",
  valueHint: "N",
  description: "with so many different ones of the keys; default: 1",
} as const;

export const ATTESTATION = {
  type: "string",
  valueHint: "TYPE",
  multiple: true,
  description:
    "and has an attestation of this type by the keys: slsaprovenance1, spdx, cyclonedx, vuln, openvex, …, or a predicate's URI",
} as const;

/** A file with a key is shorter. Bytes. */
export const KEY_FILE_LIMIT = 64 * 1024;

/**
 * Who judges signatures, as the flags say; undefined where none was given. What judges is loaded here and not before: other commands start
 * without it. @throws usage, malformed, unsupported, not-found
 */
export async function readTrustFlags({
  key: files,
  threshold,
  attestation,
}: {
  readonly key: readonly string[];
  readonly threshold: string | undefined;
  readonly attestation: readonly string[];
}): Promise<TrustJudge | undefined> {
  const flag = threshold !== undefined ? "--threshold" : "--attestation";
  if (files.length === 0 && threshold === undefined && attestation.length === 0) return undefined;
  if (files.length === 0)
    throw new IngotError("usage", {
      message: `${flag} is about keys, and there is none`,
      hint: "name them: --key FILE, once for each",
    });
  const wanted = threshold ?? "1";
  if (!/^[1-9][0-9]{0,2}$/.test(wanted))
    throw new IngotError("usage", {
      message: `--threshold is ${JSON.stringify(wanted)}, should be a number from 1 to ${files.length}`,
    });
  const { parsePublicKey } = await import("../../trust/keys/public-key.ts");
  const { judgeByKeys } = await import("../../trust/judge.ts");
  const { predicateTypeOf } = await import("../../trust/forms/predicate-types.ts");
  const attestations = attestation.map((text) => predicateTypeOf(text, "--attestation"));
  const keys = files.map((file) => parsePublicKey(readFile(file, KEY_FILE_LIMIT), file));
  return judgeByKeys({ keys, threshold: Number(wanted), attestations });
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
    ...(others.length > 0 ? [`  ${plural(others.length, "signature")} by none of these keys`] : []),
  ];
}

const SAYS = { yes: "signed", no: "not signed as asked", unknown: "could not say" };

function targetLine({ platform, digest, verdict, over }: ManifestVerdict): string {
  const by = verdict === "yes" && !over.includes(digest) ? " by the index" : "";
  return `${platform ?? "a manifest"} ${digest}: ${SAYS[verdict]}${by}`;
}

function signatureLine(signature: SignatureVerdict, { digest, targets }: ImageVerdict): string {
  const { subject, form, status, key, scheme, predicateType, name, unchecked } = signature;
  const what = status === "attestation" ? `attestation ${predicateType}` : "signature";
  const platform = targets.find((target) => target.digest === subject)?.platform;
  const of = subject === digest ? "" : ` of ${platform ?? subject}`;
  const as = name === undefined ? "" : `, as ${quote(name)}`;
  const not = unchecked.length === 0 ? "" : `; not checked: ${unchecked.join(", ")}`;
  return `${what}${of} by ${quote(key?.name ?? "")} (${scheme}, ${key?.id}): ${form}${as}${not}`;
}

/** The verdict on an image as it stands in JSON answers. */
export const trustJson = ({
  reference,
  digest,
  verdict,
  targets,
  signatures,
}: ImageVerdict): JsonAnswer => ({
  reference,
  digest,
  verdict,
  targets: targets.map((target) => ({ ...target, keys: [...target.keys], over: [...target.over] })),
  signatures: signatures.map((one) => ({ ...one, unchecked: [...one.unchecked] })),
});
