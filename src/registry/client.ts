/** Asks one registry: with the right words about who asks, along its redirects. */

import { IngotError, isIngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import { type AccessScope, Authorizer, type FindCredentials } from "./auth/authorizer.ts";
import { abortable } from "./http/abort.ts";
import { toRegistryError } from "./http/error-response.ts";
import { isLoopback, type Proxies } from "./http/proxy.ts";
import { type Body, HttpClient, type HttpRequest } from "./http/request.ts";
import type { HttpResponse } from "./http/response.ts";
import { isRetryable, RETRY_POLICY, type RetryPolicy, withRetry } from "./http/retry.ts";
import { apiOf } from "./http/urls.ts";

/** How registries are reached. All that is not given is not there: nothing is read from the environment. */
export interface RegistryOptions {
  /** Speak plain HTTP. Default: to this machine alone. */
  readonly plainHttp?: boolean;
  /** Speak TLS to this machine, too. Default: where a CA or a certificate of ours is given. */
  readonly tlsOnLoopback?: boolean;
  /** A CA's certificate, trusted besides the well-known ones. PEM. */
  readonly ca?: string | undefined;
  /** Our certificate and its key, for registries that want one. PEM. */
  readonly client?: { readonly cert: string; readonly key: string } | undefined;
  readonly proxies?: Proxies;
  readonly credentials?: FindCredentials;
  /** Milliseconds until a server that says nothing, or hardly anything, counts as gone. Default: 60,000. */
  readonly silence?: number;
  readonly patience?: RetryPolicy;
}

/**
 * What another thread needs to ask the registry as we do: plain data. Who asks is in it as well: it is given to a thread of this
 * process, and to nobody else.
 */
export interface ClientSnapshot {
  readonly name: string;
  readonly options: Omit<RegistryOptions, "credentials" | "patience">;
  readonly patience: Omit<RetryPolicy, "pause">;
  /** The value of `Authorization`, as far as is known what the registry wants. */
  readonly authorization: string | undefined;
}

export interface RegistryRequest {
  readonly method: HttpRequest["method"];
  /** Below `/v2/`, or a URL that the registry gave. */
  readonly to: string | URL;
  readonly scope?: AccessScope;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Body | undefined;
  /** Whether an answer that sends it to another host is as good as any: nobody goes there. */
  readonly stays?: boolean;
  /** Whether the registry need not have it: then one that names no good token server for it says 401, and no more. */
  readonly optional?: boolean;
  /** When nobody wants the answer any more. */
  readonly stop?: AbortSignal | undefined;
  readonly doing: string;
  readonly at: string;
}

/** What a repository has shown of itself so far. */
export interface Known {
  /** Whether our credentials have read or written a manifest of it. */
  isReadable: boolean;
  /** Whether its registry keeps no lists of referrers. */
  hasNoLists: boolean;
  /** What it said of, when it was put there, that it is listed among the referrers of its subject. */
  readonly acknowledged: Set<Digest>;
}

const MOST_REDIRECTS = 10;
const REDIRECTS = new Set([301, 302, 303, 307, 308]);
const NO_PROXIES: Proxies = { http: undefined, https: undefined, none: undefined };

/** A failure that may pass is one in any case. */
const no = (error: unknown): boolean => {
  if (isIngotError(error) && !isRetryable(error)) return false;
  throw error;
};
const fail = (error: unknown): never => {
  throw error;
};

/** Docker Hub's registry is not at the host by which its images are named. */
const hostOf = (registry: string) =>
  registry === "docker.io" || registry === "index.docker.io" ? "registry-1.docker.io" : registry;

export class Client {
  /** The registry as images name it. */
  readonly name: string;
  readonly patience: RetryPolicy;
  readonly base: URL;
  readonly #wire: HttpClient;
  readonly #options: RegistryOptions;
  readonly #authorizers = new Map<string, Pick<Authorizer, "header" | "meet">>();
  readonly #known = new Map<string, Known>();
  /** Who asks, where that is settled: then nothing better is looked for. */
  #settled: Pick<Authorizer, "header" | "meet"> | undefined;

  constructor(name: string, options: RegistryOptions) {
    const { plainHttp, ca, client, silence = 60_000, patience = RETRY_POLICY } = options;
    this.name = name;
    this.patience = patience;
    this.#options = options;
    const host = hostOf(name);
    const secure = options.tlsOnLoopback ?? (ca !== undefined || client !== undefined);
    const plain = plainHttp || (!secure && isLoopback(host.replace(/:[0-9]+$/, "")));
    this.base = apiOf(host, plain);
    this.#wire = new HttpClient({
      ca,
      client,
      proxies: options.proxies ?? NO_PROXIES,
      patience: silence,
    });
  }

  /** A client that asks as `errand` says. What the registry does not take from it, it refuses: code 401. */
  static of({ name, options, patience, authorization }: ClientSnapshot): Client {
    const { pause } = RETRY_POLICY;
    const client = new Client(name, { ...options, patience: { ...patience, pause } });
    client.#settled = { header: async () => authorization, meet: async () => false };
    return client;
  }

  /** What another thread needs to ask for `scope`. @throws registry when a token is needed and not to be had */
  async errand(scope: AccessScope): Promise<ClientSnapshot> {
    const { credentials: _, patience: __, ...options } = this.#options;
    const { tries, first, longest } = this.patience;
    const authorization = await this.#authorizer(scope).header(scope);
    return { name: this.name, options, patience: { tries, first, longest }, authorization };
  }

  /** What is known of a repository. */
  known(repository: string): Known {
    const known = this.#known.get(repository) ?? {
      isReadable: false,
      hasNoLists: false,
      acknowledged: new Set(),
    };
    this.#known.set(repository, known);
    return known;
  }

  /** Ends all connections. */
  close(): void {
    this.#wire.close();
  }

  /** Sends once; the answer, whatever its status, except where it wants to know who asks. @throws registry */
  async once(ask: RegistryRequest): Promise<HttpResponse> {
    const { scope = "", doing, at, stop } = ask;
    const authorizer = this.#authorizer(scope);
    let { method, body } = ask;
    let url = new URL(ask.to, this.base);
    this.#check(url, ask);
    for (let hops = 0, met = false; ; ) {
      const trusted = url.origin === this.base.origin;
      // A token is for all who wait for it: who stops does not take it from the others.
      const authorization = trusted
        ? await abortable(stop, () => authorizer.header(scope))
        : undefined;
      const answer = await this.#wire.send({
        method,
        url,
        headers: { ...ask.headers, ...(authorization === undefined ? {} : { authorization }) },
        body,
        trusted,
        stop,
        doing,
        at,
      });
      if (trusted && answer.status === 401) {
        const challenges = answer.header("www-authenticate") ?? "";
        const meet = () => authorizer.meet(challenges, scope, authorization);
        const better = !met && (await abortable(stop, meet).catch(ask.optional ? no : fail));
        if (!better) throw await toRegistryError(answer, doing, at);
        met = true;
        await answer.finish();
        continue;
      }
      const location = answer.header("location");
      if (!REDIRECTS.has(answer.status) || location === undefined) return answer;
      if (ask.stays && URL.parse(location, url.href)?.origin !== this.base.origin) return answer;
      await answer.finish();
      if (++hops > MOST_REDIRECTS)
        throw this.#astray(ask, `it went to ${MOST_REDIRECTS} places and on, should have ended`);
      const next = URL.parse(location, url.href);
      if (next === null) throw this.#astray(ask, `${JSON.stringify(location)} is not a URL`);
      this.#check(next, ask);
      if (answer.status === 303 && method !== "HEAD") [method, body] = ["GET", undefined];
      else if (answer.status < 303 && method !== "GET" && method !== "HEAD") return answer;
      url = next;
    }
  }

  /** Sends, again where that can help; an answer of one of `hoped`. @throws registry */
  async ask(ask: RegistryRequest, ...hoped: readonly number[]): Promise<HttpResponse> {
    const { patience } = this;
    return withRetry({ patience, stop: ask.stop }, async () =>
      this.hear(await this.once(ask), ask, hoped),
    );
  }

  /** The answer, where its status is one of `hoped`. @throws registry */
  async hear(
    answer: HttpResponse,
    { doing, at }: RegistryRequest,
    hoped: readonly number[],
  ): Promise<HttpResponse> {
    if (hoped.includes(answer.status)) return answer;
    throw await toRegistryError(answer, doing, at);
  }

  /** What is not encrypted is gone to only where that was asked for. User names in URLs are nobody's. */
  #check(url: URL, ask: RegistryRequest): void {
    url.username = "";
    url.password = "";
    url.hash = "";
    if (url.protocol === "https:") return;
    if (url.protocol !== "http:")
      throw this.#astray(ask, `to ${url.protocol}, should be to https:`);
    if (this.base.protocol === "https:" && !this.#options.plainHttp)
      throw this.#astray(ask, `from https to plain HTTP at ${url.host}, should stay encrypted`);
  }

  #astray({ doing, at }: RegistryRequest, why: string): IngotError {
    return new IngotError("registry", { doing, at, code: "redirect", why });
  }

  /** Credentials may be those of a part of the registry: each repository has its own memory of them. */
  #authorizer(scope: AccessScope): Pick<Authorizer, "header" | "meet"> {
    if (this.#settled !== undefined) return this.#settled;
    const repository = /^repository:([^: ]+):/.exec(scope)?.[1];
    const key = repository ?? "";
    const found = this.#authorizers.get(key);
    if (found !== undefined) return found;
    const { credentials, plainHttp = false } = this.#options;
    const made = new Authorizer({
      origin: this.base.origin,
      wire: this.#wire,
      credentials: async () => credentials?.(this.name, repository),
      plainHttp,
    });
    this.#authorizers.set(key, made);
    return made;
  }
}
