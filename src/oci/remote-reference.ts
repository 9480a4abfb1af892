import { IngotError } from "../base/error.ts";
import { redactCredentials } from "../base/redact.ts";
import { type Digest, parseDigest } from "./digest.ts";
import { parseReference } from "./reference.ts";

/** The name of an image in a registry. Without a tag it has a digest. */
export interface Remote {
  readonly registry: string;
  readonly repository: string;
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

/** What a manifest is asked for by: the digest where one is given. */
export const whichOf = ({ tag, digest }: Remote): string => digest ?? tag ?? "latest";

/** `registry/repository[:tag][@digest]`. */
export function formatRemote({ registry, repository, tag, digest }: Remote): string {
  return `${registry}/${repository}${tag === undefined ? "" : `:${tag}`}${digest === undefined ? "" : `@${digest}`}`;
}

/**
 * The image that `text` names: `registry/repository[:tag][@digest]`, with `docker://` before it as skopeo writes it. Only
 * then a name without a registry is Docker Hub's; alone it could be anybody's, and is refused.
 * @throws malformed, usage for a name without a registry
 */
export function parseRemote(text: string): Remote {
  const name = text.replace(/^docker:\/\//, "");
  const at = name.indexOf("@");
  const bare = at < 0 ? name : name.slice(0, at);
  const digest = at < 0 ? undefined : parseDigest(name.slice(at + 1), redactCredentials(text));
  const { registry, repository, tag } = parseReference(bare, "container");
  const [first = ""] = bare.split("/", 1);
  const isComplete = bare.includes("/") && (/[.:]/.test(first) || first === "localhost");
  if (!isComplete && name === text) {
    const gadget = parseReference(bare, "gadget");
    const say = (one: { registry: string; repository: string }) =>
      `${one.registry}/${one.repository}:${tag}`;
    throw new IngotError("usage", {
      message: `the name ${JSON.stringify(text)} does not say which registry, should be registry/repository[:tag]`,
      hint: `write it out: ${say(gadget)} or ${say({ registry, repository })}`,
    });
  }
  const hasTag = bare.lastIndexOf(":") > bare.lastIndexOf("/");
  return { registry, repository, tag: digest === undefined || hasTag ? tag : undefined, digest };
}
