/**
 * Deno's `crypto.verify` throws where no algorithm is named and the key is of ECDSA or RSA; Node.js and Bun take SHA-256 then, and
 * @sigstore/core, which names none, takes what is thrown for a wrong signature.
 */
import crypto, { type KeyLike } from "node:crypto";

/** Afterwards `crypto.verify` of the runtime takes SHA-256 where no algorithm is named, as Node.js does. Safe to call again. */
export function nameDefaultHash(): void {
  const native = crypto.verify;
  if (!isMissing(native)) return;
  const named = (
    algorithm: string | null | undefined,
    data: Uint8Array,
    key: KeyLike,
    sig: Uint8Array,
  ) => native(algorithm ?? (isEdwards(key) ? null : "sha256"), data, key, sig);
  crypto.verify = named as typeof crypto.verify;
}

const isEdwards = (key: KeyLike): boolean =>
  typeof key === "object" && "asymmetricKeyType" in key && /^ed/.test(key.asymmetricKeyType ?? "");

/** Whether it cannot do without. */
function isMissing(verify: typeof crypto.verify): boolean {
  const { publicKey } = crypto.generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  try {
    verify(undefined, new Uint8Array(1), publicKey, new Uint8Array(1));
    return false;
  } catch {
    return true;
  }
}
