/** New names for images that move to another registry, by rule. */

import { IngotError } from "../base/error.ts";
import { redactCredentials } from "../base/redact.ts";
import { completeName } from "./reference.ts";

/** `OLD=NEW`: names that begin with OLD begin with NEW instead. */
export interface RenameRule {
  readonly text: string;
  readonly before: string;
  readonly after: string;
}

/** Where images go: a registry, and what comes before their repositories there. */
export interface MirrorTarget {
  readonly registry: string;
  readonly prefix: string;
}

/** The place that `HOST[/PREFIX]` says. @throws usage */
export function parseMirrorTarget(text: string): MirrorTarget {
  const bare = text.replace(/^docker:\/\//, "").replace(/\/$/, "");
  const slash = bare.indexOf("/");
  const [registry, prefix] =
    slash < 0 ? [bare, ""] : [bare.slice(0, slash), `${bare.slice(slash + 1)}/`];
  const wrong = (why: string) =>
    new IngotError("usage", {
      message: `the place ${JSON.stringify(redactCredentials(text))} ${why}, should be HOST or HOST/PREFIX`,
      hint: "for example: localhost:5000, or registry.example/mirror",
    });
  if (redactCredentials(bare) !== bare || bare.includes("://"))
    throw wrong("is a URL or says who logs in");
  if (!isRegistry(registry))
    throw wrong("does not begin with a registry's host, with a dot or a port");
  if (/[:@]/.test(prefix)) throw wrong("has a tag or a digest");
  const why = reasonAgainst(`${registry}/${prefix}x`);
  if (why !== undefined) throw wrong(`is not valid: ${why}`);
  return { registry, prefix };
}

/** @throws usage */
export function parseRenameRule(text: string): RenameRule {
  const [, before = "", after = ""] = /^([^=]*)=([^=]*)$/.exec(text) ?? [];
  const rule = { text, before: before.replace(/\/$/, ""), after: after.replace(/\/$/, "") };
  if (rule.before !== "" && !/[\s@]|:\/\//.test(text)) return rule;
  throw new IngotError("usage", {
    message: `the rule ${JSON.stringify(text)} is not valid (expected OLD=NEW)`,
    hint: "OLD is what complete names begin with: docker.io/library=hub, ghcr.io/me/app:v1=app:v1",
  });
}

/**
 * How images are called at `place`. Of the rules that fit a complete name, the one with the longest OLD is applied: OLD ends
 * where a part of the name does, at a `/`, before the tag or at the end. Then the place takes the registry's stead, where
 * there still is one.
 */
export class NameMapping {
  readonly #place: MirrorTarget;
  readonly #rules: readonly RenameRule[];
  readonly #unused: Set<RenameRule>;

  /** @throws usage for two rules with one OLD */
  constructor(place: MirrorTarget, rules: readonly RenameRule[]) {
    this.#place = place;
    this.#rules = [...rules].sort((a, b) => b.before.length - a.before.length);
    this.#unused = new Set(rules);
    const twice = this.#rules.find((rule, i) => this.#rules[i + 1]?.before === rule.before);
    if (twice === undefined) return;
    throw new IngotError("usage", {
      message: `there are two rules for ${twice.before}, should be one`,
      hint: `leave one of them out: ${rules
        .filter(({ before }) => before === twice.before)
        .map(({ text }) => text)
        .join(", ")}`,
    });
  }

  /** The rules that fitted no name until now. */
  get unused(): readonly RenameRule[] {
    return [...this.#unused];
  }

  /** The new name for a complete one. @throws usage where that is no name */
  of(name: string): string {
    const rule = this.#rules.find(({ before }) => fits(before, name));
    if (rule !== undefined) this.#unused.delete(rule);
    const ruled = rule === undefined ? name : rule.after + name.slice(rule.before.length);
    const { registry, prefix } = this.#place;
    const text = `${registry}/${prefix}${withoutRegistry(ruled)}`;
    const why = reasonAgainst(text);
    if (why === undefined) return completeName(text, "container");
    throw new IngotError("usage", {
      message: `${name} would be called ${JSON.stringify(text)}, which is not a valid name: ${why}`,
      hint:
        rule === undefined
          ? "give it another name with a rule: --rename OLD=NEW"
          : `the rule ${rule.text} makes it so`,
    });
  }
}

/** Whether `before` is a beginning of `name` that ends where a part of it does. */
function fits(before: string, name: string): boolean {
  if (!name.startsWith(before)) return false;
  const tag = name.includes("@") ? name.indexOf("@") : name.lastIndexOf(":");
  const end = before.length;
  return end === name.length || end === tag || name[end] === "/";
}

function withoutRegistry(name: string): string {
  const [first = ""] = name.split("/", 1);
  const rest = name.slice(first.length + 1);
  return name.includes("/") && (first === "" || isRegistry(first)) ? rest : name;
}

const isRegistry = (part: string) => /[.:]/.test(part) || part === "localhost";

/** Why `text` is no complete name; undefined where it is one. */
function reasonAgainst(text: string): string | undefined {
  try {
    completeName(text, "container");
    return undefined;
  } catch (error) {
    if (error instanceof IngotError && "why" in error.facts) return error.facts.why;
    throw error;
  }
}
