/** Who we say we are: to one registry, and to the token server that it names. */

import * as v from "valibot";
import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { parseJson } from "../../base/json/json.ts";
import { toRegistryError } from "../http/error-response.ts";
import { isLoopback } from "../http/proxy.ts";
import type { Body, HttpClient } from "../http/request.ts";
import type { HttpResponse } from "../http/response.ts";
import { withParameters } from "../http/urls.ts";
import { type Challenge, parseChallenges } from "./challenge.ts";

/** What somebody is known by at a registry. */
export type Credentials =
  | { readonly username: string; readonly password: string }
  /** An OAuth2 refresh token, which Docker's config calls an identity token. */
  | { readonly identityToken: string }
  /** A token for the registry itself. */
  | { readonly registryToken: string };

/** Finds the credentials for a registry, or for the part of it that holds `repository`; undefined = nobody. */
export type FindCredentials = (
  registry: string,
  repository?: string,
) => Promise<Credentials | undefined>;

const LIMIT = 1024 * 1024;
const token = v.looseObject({
  token: v.optional(v.string()),
  access_token: v.optional(v.string()),
});

export interface AuthOptions {
  /** `https://host:port`: nothing of ours goes to another. */
  readonly origin: string;
  readonly wire: HttpClient;
  readonly credentials: () => Promise<Credentials | undefined>;
  /** Whether a token server may be asked without encryption. */
  readonly plainHttp: boolean;
}

/** What a repository may be asked for: `repository:NAME:pull,push`. Several are joined by spaces. */
export type AccessScope = string;

/** Remembers what a registry wants, and the tokens that it takes. */
export class Authorizer {
  readonly #options: AuthOptions;
  readonly #tokens = new Map<AccessScope, Promise<string>>();
  #challenge: Challenge | undefined;
  #credentials: Promise<Credentials | undefined> | undefined;

  constructor(options: AuthOptions) {
    this.#options = options;
  }

  /** The value of `Authorization` for `scope`, as far as is known what the registry wants. @throws registry */
  async header(scope: AccessScope): Promise<string | undefined> {
    if (this.#challenge === undefined) return undefined;
    if (this.#challenge.scheme === "basic") return basic(await this.#who());
    let found = this.#tokens.get(scope);
    if (found === undefined) {
      found = this.#token(this.#challenge, scope);
      this.#tokens.set(scope, found);
    }
    try {
      return `Bearer ${await found}`;
    } catch (error) {
      this.#tokens.delete(scope);
      throw error;
    }
  }

  /**
   * The registry refused what `sent` said. Afterwards `header` gives something better.
   * @returns false where there is nothing better @throws registry
   */
  async meet(challenges: string, scope: AccessScope, sent: string | undefined): Promise<boolean> {
    const found = parseChallenges(challenges);
    const bearer = found.find(
      ({ scheme, parameters }) => scheme === "bearer" && parameters.has("realm"),
    );
    const challenge = bearer ?? found.find(({ scheme }) => scheme === "basic");
    if (challenge === undefined) return false;
    // Of several that were refused at once, the first asks anew.
    const held = this.#tokens.get(scope);
    const current = await held?.catch(() => undefined);
    const isRefused = current !== undefined && sent === `Bearer ${current}`;
    if (isRefused && this.#tokens.get(scope) === held) this.#tokens.delete(scope);
    const before = this.#challenge;
    this.#challenge = challenge;
    if (challenge.scheme === "basic") {
      const header = basic(await this.#who());
      return header !== undefined && header !== sent;
    }
    try {
      return (await this.header(scope)) !== sent;
    } catch (error) {
      // What was refused for one thing may be right for others: they ask where they asked before.
      if (this.#challenge === challenge) this.#challenge = before;
      if (held !== undefined && !this.#tokens.has(scope)) this.#tokens.set(scope, held);
      throw error;
    }
  }

  #who(): Promise<Credentials | undefined> {
    this.#credentials ??= this.#options.credentials();
    return this.#credentials;
  }

  /** A new token (distribution's "Token Authentication", and its OAuth2 form for refresh tokens). */
  async #token({ parameters }: Challenge, scope: AccessScope): Promise<string> {
    const who = await this.#who();
    if (who !== undefined && "registryToken" in who) return who.registryToken;
    const realm = this.#realm(parameters.get("realm")!);
    const service = parameters.get("service");
    const wanted = scope || parameters.get("scope");
    const oauth = who !== undefined && "identityToken" in who;
    const url = oauth ? realm : withParameters(realm, { service, scope: wanted?.split(" ") });
    let body: Body | undefined;
    if (oauth) {
      const form = new URLSearchParams({
        grant_type: "refresh_token",
        client_id: "ingot",
        refresh_token: who.identityToken,
        ...(service === undefined ? {} : { service }),
        ...(wanted === undefined ? {} : { scope: wanted }),
      });
      body = bodyOf(utf8(form.toString()));
    }
    const authorization = oauth ? undefined : basic(who);
    const doing = "get a token from";
    const answer = await this.#options.wire.send({
      method: oauth ? "POST" : "GET",
      url,
      headers: {
        ...(authorization === undefined ? {} : { authorization }),
        ...(oauth ? { "content-type": "application/x-www-form-urlencoded" } : {}),
      },
      body,
      trusted: url.origin === this.#options.origin,
      doing,
      at: url.host,
    });
    return readToken(answer, doing);
  }

  /** Where tokens are. A registry that is encrypted cannot have our password sent in the clear. */
  #realm(text: string): URL {
    const { origin, plainHttp } = this.#options;
    const url = URL.parse(text);
    const fits =
      url?.protocol === "https:" ||
      (url?.protocol === "http:" &&
        (origin.startsWith("http:") || plainHttp || isLoopback(url.hostname)));
    if (url !== null && fits) {
      url.username = "";
      url.password = "";
      return url;
    }
    throw new IngotError("registry", {
      doing: "get a token for",
      at: new URL(origin).host,
      code: "answer",
      why: `it names the token server ${JSON.stringify(text)}, should be one with https`,
    });
  }
}

async function readToken(answer: HttpResponse, doing: string): Promise<string> {
  const at = answer.url.host;
  if (answer.status !== 200) throw await toRegistryError(answer, doing, at);
  const bytes = await answer.bytes(LIMIT);
  const found = v.safeParse(token, parseJson(bytes, `the token of ${at}`, { bytes: LIMIT }));
  const value = found.success ? found.output.token || found.output.access_token : undefined;
  // What stands in a header must not end it.
  if (value === undefined || !/^[\x21-\x7e]+$/.test(value))
    throw new IngotError("registry", { doing, at, code: "answer", why: "it has no token" });
  return value;
}

function basic(who: Credentials | undefined): string | undefined {
  if (who === undefined || !("username" in who)) return undefined;
  return `Basic ${Buffer.from(`${who.username}:${who.password}`).toString("base64")}`;
}

/** Bytes to send. */
export const bodyOf = (bytes: Uint8Array): Body => ({
  size: bytes.length,
  async *open() {
    yield bytes;
  },
});
