/** Registries, by the OCI distribution specification. The only place for the network: this file and its siblings. */
import type { Bytes } from "../base/bytes.ts";
import { IngotError } from "../base/error.ts";
import type { Digest } from "../oci/digest.ts";
import type { Descriptor } from "../oci/manifest.ts";
import type { AccessScope } from "./auth/authorizer.ts";
import { getBlob, hasBlob, type PartialBlobBytes } from "./blob-download.ts";
import { putBlob, type Upload } from "./blob-upload.ts";
import { Client, type ClientSnapshot, type RegistryOptions } from "./client.ts";
import { abortable } from "./http/abort.ts";
import { addReferrers } from "./listing.ts";
import {
  type Fetched,
  getManifest,
  headManifest,
  nameIn,
  PULL,
  PUSH,
  type Put,
  putManifest,
  type RepositoryContext,
  repositoryName,
} from "./manifests.ts";
import { listReferrers, listTags } from "./referrer-lists.ts";
import { findBeside, type Referrers, readReferrers } from "./referrers.ts";

/** One registry. Call `close` at the end. */
export class Registry {
  readonly #client: Client;

  /** @param name its host, with a port where it has one: as images name it */
  constructor(name: string, options: RegistryOptions = {}) {
    this.#client = new Client(name, options);
  }

  /** Whether it is one, and takes our credentials. @throws registry */
  async ping(): Promise<void> {
    const ask = { method: "GET", to: "", doing: "reporter to", at: this.#client.name } as const;
    const answer = await this.#client.ask(ask, 200);
    await answer.finish();
  }

  /** @param use what for: who only pulls need not be allowed to push */
  repository(name: string, use: "pull" | "push" = "pull"): Repository {
    const scope = use === "pull" ? PULL(name) : PUSH(name);
    return new Repository({ client: this.#client, name, scope });
  }

  /** Ends all connections. */
  close(): void {
    this.#client.close();
  }
}

/** An errand to a repository. */
export interface RepositorySnapshot {
  readonly asks: ClientSnapshot;
  readonly name: string;
  readonly scope: AccessScope;
}

/** A repository of a registry. Whatever it gives is proven to be what was asked for. */
export class Repository implements RepositoryContext {
  readonly client: Client;
  readonly name: string;
  readonly scope: AccessScope;
  readonly stop: AbortSignal | undefined;

  constructor({ client, name, scope, stop }: RepositoryContext) {
    this.client = client;
    this.name = name;
    this.scope = scope;
    this.stop = stop;
  }

  /** The repository that `errand` was asked for, for this thread. Call `client.close` at the end. */
  static of({ asks, name, scope }: RepositorySnapshot): Repository {
    return new Repository({ client: Client.of(asks), name, scope });
  }

  /**
   * The same repository, until `stop` says so: then all that is under way here ends at once, a pause between two tries, too, with the
   * signal's reason for its error, and its connections are closed.
   */
  until(stop: AbortSignal): Repository {
    const { client, name, scope } = this;
    return new Repository({ client, name, scope, stop });
  }

  /** What another thread needs to ask as this one does. @throws registry */
  async errand(): Promise<RepositorySnapshot> {
    const { client, name, scope, stop } = this;
    return { asks: await abortable(stop, () => client.errand(scope)), name, scope };
  }

  /** `registry/repository`. */
  get at(): string {
    return repositoryName(this);
  }

  /** Whether both are of the same registry. */
  isBeside(other: Repository): boolean {
    return this.client.name === other.client.name;
  }

  /** The manifest under a tag or a digest. @throws not-found, digest-differs, registry */
  async manifest(which: string): Promise<Fetched> {
    const found = await this.findManifest(which);
    if (found !== undefined) return found;
    throw new IngotError("not-found", {
      what: "the image",
      at: nameIn(this, which),
      hint: "the registry does not have it: check the name, and whether you must log in to see it",
    });
  }

  /** The same; undefined where there is none. */
  findManifest(which: string): Promise<Fetched | undefined> {
    return getManifest(this, which);
  }

  /** The digest of what a tag names; undefined where it is not there, or the registry does not tell. */
  digestOf(which: string): Promise<Digest | undefined> {
    return headManifest(this, which);
  }

  /** Afterwards the manifest is here. What it names must be. */
  putManifest(which: string, manifest: Fetched): Promise<Put> {
    return putManifest(this, which, manifest);
  }

  hasBlob(descriptor: Descriptor): Promise<boolean> {
    return hasBlob(this, descriptor);
  }

  /** The bytes of a blob, from where `begun` ends; proven before the last of them is given. */
  blob(descriptor: Descriptor, begun?: PartialBlobBytes): Bytes {
    return getBlob(this, descriptor, begun);
  }

  /** Afterwards the blob is here. */
  putBlob(upload: Upload, chunk?: number): Promise<"mounted" | "sent"> {
    return putBlob(this, upload, chunk);
  }

  tags(): Promise<string[]> {
    return listTags(this);
  }

  /** What the registry lists as referring to the manifest: unproven. */
  referrers(digest: Digest): Promise<Descriptor[]> {
    return listReferrers(this, digest);
  }

  /** The manifests that refer to `digest`, read and proven. */
  readReferrers(digest: Digest): Promise<Referrers> {
    return readReferrers(this, digest);
  }

  /** What stands beside the manifest `digest` under the tag `sha256-HEX` with `ending`; undefined where there is none. */
  findBeside(digest: Digest, ending: string): Promise<Fetched | undefined> {
    return findBeside(this, digest, ending);
  }

  /** Afterwards these manifests, which must be here, are listed as referrers of their subjects. */
  addReferrers(referrers: readonly Fetched[]): Promise<void> {
    return addReferrers(this, referrers);
  }
}
