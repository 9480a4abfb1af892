import { text } from "../base/bytes.ts";
import type { Subject } from "../base/subject.ts";
import { isDigest } from "./digest.ts";
import { type Descriptor, INDEX_LIMIT, type Index, parseAnyIndex } from "./manifest.ts";
import { INDEX, REF_NAME, SUBJECT } from "./media-types.ts";

/** What the `index.json` of a layout names. */
export interface LayoutIndex {
  readonly manifests: readonly Descriptor[];
  /** Entries with a digest of another algorithm than sha256: nobody can say here what they name. */
  readonly unsupported: readonly Descriptor[];
}

/**
 * Reads the `index.json` of a layout. One that `formatLayoutIndex` wrote has a form that is known to the byte: it is
 * checked in one sweep, which takes a third of the time, and a store of ten thousand images is opened
 * for every command. Any other goes the long way; both give the same.
 * @throws malformed, too-large
 */
export function parseLayoutIndex(bytes: Uint8Array, at: Subject): LayoutIndex {
  const own = parseOwn(bytes);
  if (own !== undefined) return { manifests: own.manifests, unsupported: [] };
  const { manifests } = parseAnyIndex(bytes, at, INDEX_LIMIT);
  return {
    manifests: manifests.filter(({ digest }) => isDigest(digest)),
    unsupported: manifests.filter(({ digest }) => !isDigest(digest)),
  };
}

/** What an index begins with, and a descriptor in it with what follows. No string has an escape in it. */
const HEAD = `{"schemaVersion":2,"mediaType":"${INDEX}","manifests":[`;
const TEXT = String.raw`[^"\\\x00-\x1f]*`;
const literal = (key: string) => key.replaceAll(".", String.raw`\.`);
/** An image's name; or the subject of a referrer, and cosign's tag where it has one. */
const NAME = String.raw`,"annotations":\{(?:"${literal(REF_NAME)}":"${TEXT}"|"${literal(SUBJECT)}":"sha256:[0-9a-f]{64}"(?:,"${literal(REF_NAME)}":"${TEXT}")?)\}`;
const PLATFORM = String.raw`,"platform":\{"architecture":"${TEXT}","os":"${TEXT}"(?:,"variant":"${TEXT}")?\}`;
const ENTRY = String.raw`\{"mediaType":"(?!")${TEXT}","digest":"sha256:[0-9a-f]{64}","size":(?:0|[1-9][0-9]{0,14})(?:${NAME})?(?:${PLATFORM})?\}[,\]]`;

/**
 * An index that is nothing but descriptors of the form above, one after the other: then no key stands twice, nothing is nested
 * deeper, and every value is of its type. That the whole is JSON, commas and all, is for the parser to say.
 */
function parseOwn(bytes: Uint8Array): Index | undefined {
  const source = bytes.length > INDEX_LIMIT ? undefined : text(bytes);
  if (source?.startsWith(HEAD) !== true) return undefined;
  if (source.slice(HEAD.length).replace(new RegExp(ENTRY, "g"), "") !== "}") return undefined;
  try {
    return JSON.parse(source) as Index;
  } catch {
    return undefined;
  }
}
