/**
 * What a signing certificate says, from its DER: who it is for, and for what. @sigstore/verify checks its chain, and leaves the rest: it does
 * not look at the purpose, and takes the first of several names.
 */
import { text } from "../../base/bytes.ts";
import {
  BIT_STRING,
  type DerValue,
  decodeBitString,
  decodeDer,
  decodeSequence,
  OBJECT_ID,
  OCTET_STRING,
  SEQUENCE,
} from "../keys/der.ts";

/** Who a certificate is for. */
export interface CertificateIdentity {
  readonly identity: string;
  /** Who knew that it was them: the URL of the OpenID Connect provider. */
  readonly issuer: string;
}

/** Extensions, by the bytes of their identifiers (RFC 5280; Fulcio, oid-info.md). */
const OID = {
  keyUsage: "551d0f",
  subjectAltName: "551d11",
  basicConstraints: "551d13",
  extKeyUsage: "551d25",
  issuerV1: "2b0601040183bf300101",
  issuerV2: "2b0601040183bf300108",
  userName: "2b0601040183bf300107",
  codeSigning: "2b06010505070303",
};
const UNDERSTOOD = [OID.keyUsage, OID.subjectAltName, OID.basicConstraints, OID.extKeyUsage];

const [BOOLEAN, UTF8_STRING] = [0x01, 0x0c];
/** Tags of context: the extensions of a certificate; names of a subject. */
const [EXTENSIONS, OTHER_NAME, EMAIL, URI] = [0xa3, 0xa0, 0x81, 0x86];

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

/** Reads a certificate that signs. @returns why it cannot be one */
export function readCertificate(der: Uint8Array): CertificateIdentity | string {
  const extensions = extensionsOf(der);
  if (extensions === undefined) return "its certificate is not well formed";
  const strange = [...extensions].find(
    ([oid, { critical }]) => critical && !UNDERSTOOD.includes(oid),
  );
  if (strange !== undefined) return "its certificate has a critical extension that is not known";
  const value = (oid: string) => extensions.get(oid)?.value;
  const purposes = decodeSequence(value(OID.extKeyUsage) ?? new Uint8Array()) ?? [];
  if (!purposes.some(({ tag, body }) => tag === OBJECT_ID && hex(body) === OID.codeSigning))
    return "its certificate is not for signing code (extended key usage)";
  const [usage] = decodeDer(value(OID.keyUsage) ?? new Uint8Array()) ?? [];
  if (usage?.tag !== BIT_STRING || ((usage.body[1] ?? 0) & 0x80) === 0)
    return "its certificate is not for digital signatures (key usage)";
  const constraints = value(OID.basicConstraints);
  const [isCA] = constraints === undefined ? [] : (decodeSequence(constraints) ?? []);
  if (isCA?.tag === BOOLEAN && isCA.body[0] !== 0) return "its certificate is that of an authority";
  const names = namesIn(value(OID.subjectAltName));
  const [identity, ...others] = names ?? [];
  if (identity === undefined || others.length > 0)
    return "its certificate does not name exactly one subject";
  const issuer = issuerIn(value(OID.issuerV2), value(OID.issuerV1));
  if (issuer === undefined) return "its certificate does not say who issued the identity";
  return { identity, issuer };
}

interface Extension {
  readonly value: Uint8Array;
  readonly critical: boolean;
}

/** The extensions; undefined where it is no certificate, or one stands twice. */
function extensionsOf(der: Uint8Array): Map<string, Extension> | undefined {
  const [tbs, algorithm, signature, ...more] = decodeSequence(der) ?? [];
  const isWhole = algorithm?.tag === SEQUENCE && decodeBitString(signature) !== undefined;
  if (!isWhole || more.length > 0) return undefined;
  const fields = tbs?.tag === SEQUENCE ? decodeDer(tbs.body) : undefined;
  const wrapped = fields?.find(({ tag }) => tag === EXTENSIONS);
  const list = wrapped && decodeSequence(wrapped.body);
  if (list === undefined) return undefined;
  const found = new Map<string, Extension>();
  for (const { tag, body } of list) {
    const [oid, ...rest] = (tag === SEQUENCE ? decodeDer(body) : undefined) ?? [];
    const octets = rest.at(-1);
    const isPlain = oid?.tag === OBJECT_ID && octets?.tag === OCTET_STRING && rest.length <= 2;
    if (!isPlain || found.has(hex(oid.body))) return undefined;
    const critical = rest.length === 2 && rest[0]?.tag === BOOLEAN && rest[0].body[0] !== 0;
    found.set(hex(oid.body), { value: octets.body, critical });
  }
  return found;
}

/** All names of the subject; undefined where one cannot be compared. */
function namesIn(value: Uint8Array | undefined): string[] | undefined {
  const names = (value === undefined ? undefined : decodeSequence(value))?.map(nameOf);
  return names?.every((name) => name !== undefined) ? (names as string[]) : undefined;
}

function nameOf({ tag, body }: DerValue): string | undefined {
  if (tag === EMAIL || tag === URI) return plain(body);
  if (tag !== OTHER_NAME) return undefined;
  const [oid, wrapped] = decodeDer(body) ?? [];
  if (oid?.tag !== OBJECT_ID || hex(oid.body) !== OID.userName) return undefined;
  const [name] = (wrapped?.tag === 0xa0 ? decodeDer(wrapped.body) : undefined) ?? [];
  return name?.tag === UTF8_STRING ? plain(name.body) : undefined;
}

function issuerIn(second: Uint8Array | undefined, first: Uint8Array | undefined) {
  if (second === undefined) return first && plain(first);
  const [value, ...more] = decodeDer(second) ?? [];
  return value?.tag === UTF8_STRING && more.length === 0 ? plain(value.body) : undefined;
}

/** A name that looks like what it is: ASCII that can be printed. */
function plain(bytes: Uint8Array): string | undefined {
  const name = text(bytes);
  return name !== undefined && /^[\x21-\x7e]+$/.test(name) ? name : undefined;
}
