/** The verdict on an image: which of the given signers signed what of it. */
import { IngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { SignatureChecker, type Signers } from "./signature.ts";
import type {
  ImageVerdict,
  ManifestVerdict,
  SignableImage,
  SignableManifest,
  SignatureVerdict,
  Signer,
  TrustJudge,
} from "./verdict.ts";

/** So many signatures of one image are checked: each takes up to some milliseconds for each key. */
export const SIGNATURE_LIMIT = 1000;

/** Who must have signed, and what. */
export interface SignerPolicy extends Partial<Signers> {
  /** How many of the signers, each counted once. */
  readonly threshold: number;
  /** The predicate types of the attestations that there must be as well, each by as many signers. */
  readonly attestations?: readonly string[];
}

type Policy = Signers & Required<Pick<SignerPolicy, "threshold" | "attestations">>;

/**
 * A judge by keys and identities. A key that is given twice, in whatever form, is one key.
 * @throws usage where there are fewer of them than must have signed
 */
export function judgeBySigners(policy: SignerPolicy): TrustJudge {
  const { threshold, attestations = [], keyless } = policy;
  const keys = [...new Map((policy.keys ?? []).map((key) => [key.id, key])).values()];
  const identities = [
    ...new Map((policy.identities ?? []).map((one) => [`${one.issuer} ${one.identity}`, one])),
  ].map(([, one]) => one);
  const given = keys.length + identities.length;
  const distinct = { keys, identities, keyless, threshold, attestations };
  if (threshold < 1 || threshold > given)
    throw new IngotError("usage", {
      message: `${threshold} ${nounOf(distinct)} must have signed, and ${given} ${given === 1 ? "is" : "are"} given`,
      hint: "the same key counts once, in however many files it is",
    });
  const checker = new SignatureChecker(distinct);
  return (image) => new ImageJudge(image, distinct, checker).verdict();
}

const nounOf = ({ identities }: Signers) => (identities.length > 0 ? "signers" : "keys");

type Fault = ImageVerdict["faults"][number];

/** The judgement on one image. */
class ImageJudge {
  readonly #image: SignableImage;
  readonly #policy: Policy;
  readonly #signatures: readonly SignatureVerdict[];
  readonly #bySubject: ReadonlyMap<Digest, readonly SignatureVerdict[]>;
  /** By index: what is in it, however deep. */
  readonly #parts = new Map<Digest, SignableManifest[]>();

  constructor(image: SignableImage, policy: Policy, checker: SignatureChecker) {
    this.#image = image;
    this.#policy = policy;
    this.#signatures = check(image.targets, checker);
    this.#bySubject = Map.groupBy(this.#signatures, ({ subject }) => subject);
    for (const target of image.targets)
      for (const index of target.within) {
        const others = this.#parts.get(index);
        if (others === undefined) this.#parts.set(index, [target]);
        else others.push(target);
      }
  }

  verdict(): ImageVerdict {
    const { reference, digest, targets } = this.#image;
    const judged = targets.map((target) => this.#judge(target));
    const asked = targets.filter(({ isAsked }) => isAsked);
    const faults = [
      ...this.#signatures.filter(({ status }) => status === "wrong").map(wrongOf),
      ...asked.flatMap((target) => this.#faultsOf(target)),
    ];
    if (asked.length === 0)
      faults.push({ code: "unsigned", at: digest, why: "it has nothing that could be signed" });
    const isWrong = faults.some(({ code }) => code !== "unchecked");
    return {
      reference,
      digest,
      verdict: isWrong ? "no" : faults.length > 0 ? "unknown" : "yes",
      targets: judged,
      signatures: this.#signatures,
      faults,
    };
  }

  /** What signs the manifest: it, or an index that it is in. */
  #about({ digest, within }: SignableManifest): SignatureVerdict[] {
    return [...new Set([digest, ...within])].flatMap((one) => this.#bySubject.get(one) ?? []);
  }

  /** The given signers of those that are theirs, each once. */
  #signersOf(about: readonly SignatureVerdict[], predicateType?: string): readonly Signer[] {
    const made = about.filter((one) =>
      predicateType === undefined
        ? one.status === "verified"
        : (one.status === "verified" || one.status === "attestation") &&
          one.predicateType === predicateType,
    );
    return [...new Map(made.map(({ signer }) => [keyOfSigner(signer!), signer!])).values()];
  }

  #judge(target: SignableManifest): ManifestVerdict {
    const { digest, platform } = target;
    const about = this.#about(target);
    const signers = this.#signersOf(about);
    const made = about.filter(({ status }) => status === "verified");
    const over = [...new Set(made.map(({ subject }) => subject))];
    const faults = this.#faultsOf(target);
    const [first] = faults;
    const isOpen = faults.every(({ code }) => code === "unchecked");
    const verdict = first === undefined ? "yes" : isOpen ? "unknown" : "no";
    return { digest, platform, verdict, signers, over, ...(first && { reason: first.why }) };
  }

  /** What the manifest lacks. */
  #faultsOf(target: SignableManifest): Fault[] {
    const { threshold, attestations } = this.#policy;
    const about = this.#about(target);
    const faults: Fault[] = [];
    if (this.#signersOf(about).length < threshold) faults.push(this.#unsigned(target, about));
    for (const type of attestations)
      if (!this.#isAttested(target, type)) faults.push(this.#unattested(target, about, type));
    return faults;
  }

  #unsigned({ digest: at }: SignableManifest, about: readonly SignatureVerdict[]): Fault {
    const open = openIn(about);
    if (open !== undefined) return { code: "unchecked", at, why: open };
    const made = this.#signersOf(about).length;
    const why = reasonOf({ about, made, policy: this.#policy });
    const parts = this.#parts.get(at) ?? [];
    const signed = parts.filter(({ digest }) =>
      this.#bySubject.get(digest)?.some(({ status }) => status === "verified"),
    ).length;
    return {
      code: about.length === 0 ? "unsigned" : "not-trusted",
      at,
      why:
        signed > 0 && made === 0
          ? `${why}; ${signed} of the ${parts.length} manifests in it are signed, it is not`
          : why,
    };
  }

  /** Whether there is such an attestation of it, of an index that it is in, or of each platform in it. */
  #isAttested(target: SignableManifest, type: string): boolean {
    const { threshold } = this.#policy;
    if (this.#signersOf(this.#about(target), type).length >= threshold) return true;
    const platforms = (this.#parts.get(target.digest) ?? []).filter(
      ({ digest }) => !this.#parts.has(digest),
    );
    return (
      platforms.length > 0 &&
      platforms.every((one) => this.#signersOf(this.#about(one), type).length >= threshold)
    );
  }

  #unattested({ digest: at }: SignableManifest, about: readonly SignatureVerdict[], type: string) {
    const open = openIn(about);
    if (open !== undefined) return { code: "unchecked", at, why: open } as const;
    const made = this.#signersOf(about, type).length;
    const { threshold } = this.#policy;
    const why =
      made === 0
        ? `it has no attestation ${type} by a ${nounOf(this.#policy).slice(0, -1)} that was given`
        : `${made} of the ${nounOf(this.#policy)} made an attestation ${type} of it, and ${threshold} must have`;
    return { code: "not-attested", at, why } as const;
  }
}

const wrongOf = ({ at, subject, signer, reason }: SignatureVerdict): Fault => ({
  code: "signature-differs",
  at,
  why: `the signature of ${subject} with the ${signer?.kind} ${signer?.name} is wrong: ${reason}`,
});

/** Of a key, its digest; of an identity, it and its issuer. */
const keyOfSigner = ({ kind, name, id }: Signer) => (kind === "key" ? id : `${id} ${name}`);

/** What may be a signature and was not checked; undefined where there is nothing. */
function openIn(about: readonly SignatureVerdict[]): string | undefined {
  const open = about.filter(({ status }) => status === "unchecked");
  const [first] = open;
  if (first === undefined) return undefined;
  const more = open.length > 1 ? `, and ${open.length - 1} more were not` : "";
  return `what may be a signature was not checked (${first.reason})${more}`;
}

/** Checks what came with the targets: the first SIGNATURE_LIMIT of it. Of the rest of each target one verdict says that it was not. */
function check(
  targets: readonly SignableManifest[],
  checker: SignatureChecker,
): SignatureVerdict[] {
  const why = `only the first ${SIGNATURE_LIMIT} signatures of an image are checked`;
  let left = SIGNATURE_LIMIT;
  return targets.flatMap((target) => {
    const { evidence } = target;
    const found = evidence.slice(0, left).map((one) => checker.check(one, target));
    left -= found.length;
    const next = evidence[found.length];
    if (next === undefined) return found;
    return [...found, checker.check({ kind: "unreadable", at: next.at, why }, target)];
  });
}

interface Counted {
  readonly about: readonly SignatureVerdict[];
  readonly made: number;
  readonly policy: Policy;
}

function reasonOf({ about, made, policy }: Counted): string {
  if (about.length === 0) return "it has no signature";
  const { keys, identities, threshold } = policy;
  const noun = nounOf(policy);
  const given = keys.length + identities.length;
  if (made > 0) return `${made} of the ${given} ${noun} signed it, and ${threshold} must have`;
  const has = about.length === 1 ? "it has one signature" : `it has ${about.length} signatures`;
  const reasons = [...new Set(about.map(saidOf))];
  return `${has}, and none by a ${noun.slice(0, -1)} that was given (${reasons.slice(0, 3).join("; ")})`;
}

const saidOf = ({ status, form, reason, predicateType }: SignatureVerdict): string =>
  status === "attestation"
    ? `an attestation of ${predicateType}, which is no signature of the image`
    : `${form}: ${reason}`;
