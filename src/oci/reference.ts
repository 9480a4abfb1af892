import { IngotError } from "../base/error.ts";
import { countParsed } from "../base/heap.ts";
import { redactCredentials } from "../base/redact.ts";
import { type Digest, isDigest } from "./digest.ts";

/**
 * The name of an image, complete: `registry/repository:tag`. Written out it is what an archive's
 * index.json carries in `org.opencontainers.image.ref.name`.
 */
export interface Reference {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string;
}

/** By which convention a short name is completed. */
export type ReferenceKind = "gadget" | "container";

/** What goes through the hands for one name. Bytes. */
const EACH = 1024;
const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const TAG = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;
const REGISTRY =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]{1,5})?$/;

/** `registry/repository:tag`. */
export function formatReference({ registry, repository, tag }: Reference): string {
  return `${registry}/${repository}:${tag}`;
}

/**
 * The complete reference that `text` says, a short name completed for images of `kind`
 * (gadget: `x` → `ghcr.io/inspektor-gadget/gadget/x:latest`, `a/b` → `ghcr.io/a/b:latest`;
 * container: `x` → `docker.io/library/x:latest`). Grammar: distribution-spec, "Pulling manifests".
 * @throws malformed
 */
export function parseReference(text: string, kind: ReferenceKind): Reference {
  countParsed(EACH);
  const wrong = (why: string) =>
    new IngotError("malformed", {
      what: "the image name",
      at: JSON.stringify(redactCredentials(text)),
      why,
      hint: "a name is [registry/]repository[:tag], for example ghcr.io/me/gadget/trace:v1",
    });
  const login = redactCredentials(text) !== text || /^[^/@]*:\/\//.test(text);
  if (login) throw wrong("it is a URL or says who logs in, and should be a name alone");
  if (text.includes("@")) throw wrong("it has a digest, which is not a name that can be given");
  if (text.length > 512) throw wrong("it is longer than 512 characters");
  const { registry, path, tag } = split(text);
  if (registry !== undefined && !REGISTRY.test(registry))
    throw wrong(`${JSON.stringify(registry)} is not a host name`);
  if (!TAG.test(tag))
    throw wrong(
      `${JSON.stringify(tag)} is not a valid tag (expected letters, digits, ".", "_", "-", at most 128)`,
    );
  for (const part of path.split("/")) {
    if (!COMPONENT.test(part)) {
      throw wrong(
        `${JSON.stringify(part)} is not a valid part of a repository (expected lower-case letters and digits, joined by ".", "_", "__" or "-")`,
      );
    }
  }
  return { ...complete(registry, path, kind), tag };
}

/** The digest of a name by digest, `repository@sha256:…`; undefined for every other name. */
export function digestIn(name: string): Digest | undefined {
  const digest = name.slice(name.indexOf("@") + 1);
  return name.includes("@") && isDigest(digest) ? digest : undefined;
}

/** What a complete name says before the tag or the digest. */
export const repositoryOf = (name: string): string =>
  name.replace(/@.*$/s, "").replace(/:[^:/]*$/, "");

/** Whether a name has a tag; a digest may follow it. */
export function hasTag(text: string): boolean {
  const name = text.replace(/@.*$/s, "");
  return name.lastIndexOf(":") > name.lastIndexOf("/");
}

/** As `parseReference`, written out; a name by digest stays one: `registry/repository@sha256:…`. @throws malformed */
export function completeName(text: string, kind: ReferenceKind): string {
  const digest = digestIn(text);
  if (digest === undefined || hasTag(text)) return formatReference(parseReference(text, kind));
  const bare = text.slice(0, -digest.length - 1);
  return `${repositoryOf(formatReference(parseReference(bare, kind)))}@${digest}`;
}

function split(text: string): { registry: string | undefined; path: string; tag: string } {
  const slash = text.indexOf("/");
  const first = slash < 0 ? "" : text.slice(0, slash);
  const registry = /[.:]/.test(first) || first === "localhost" ? first : undefined;
  const rest = registry === undefined ? text : text.slice(slash + 1);
  const colon = rest.lastIndexOf(":");
  const hasTag = colon > rest.lastIndexOf("/");
  return {
    registry,
    path: hasTag ? rest.slice(0, colon) : rest,
    tag: hasTag ? rest.slice(colon + 1) : "latest",
  };
}

function complete(
  registry: string | undefined,
  path: string,
  kind: ReferenceKind,
): { registry: string; repository: string } {
  const short = !path.includes("/");
  if (kind === "gadget") {
    return registry === undefined
      ? { registry: "ghcr.io", repository: short ? `inspektor-gadget/gadget/${path}` : path }
      : { registry, repository: path };
  }
  if (registry === undefined || registry === "docker.io") {
    return { registry: "docker.io", repository: short ? `library/${path}` : path };
  }
  return { registry, repository: path };
}

/** What a person may mean by a name that is looked up: complete references, a digest, or a digest in one of some repositories. */
export interface ReferenceQuery {
  readonly references: readonly string[];
  readonly digest?: Digest;
  readonly repositories?: readonly string[];
}

const KINDS: readonly ReferenceKind[] = ["gadget", "container"];

/**
 * The complete references that `text` may stand for, by the conventions of `kinds`; `name@sha256:…` and `sha256:…` give a digest.
 */
export function parseQuery(text: string, kinds = KINDS): ReferenceQuery {
  const at = text.lastIndexOf("@");
  const digest = text.slice(at + 1);
  if (isDigest(digest)) {
    const references = at > 0 ? candidates(text.slice(0, at), kinds) : [];
    if (at <= 0 || hasTag(text)) return { references, digest };
    const repositories = references.map(repositoryOf);
    return { references: repositories.map((each) => `${each}@${digest}`), digest, repositories };
  }
  return { references: candidates(text, kinds) };
}

const candidates = (text: string, kinds: readonly ReferenceKind[]): string[] => [
  ...new Set(kinds.map((kind) => formatReference(parseReference(text, kind)))),
];
