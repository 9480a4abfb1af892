import * as path from "node:path";
import { IngotError } from "../base/error.ts";
import { writeFileAtomic } from "../base/fs/atomic-file.ts";
import {
  discard,
  lstat,
  makeDirectory,
  makeUnique,
  readDirectory,
  readFile,
  remove,
  stat,
  syncDirectory,
} from "../base/fs/file.ts";
import { withLock } from "../base/fs/lock.ts";
import { judgeOwner, processOwner } from "../base/fs/process-id.ts";
import { byBytes, sortedBy } from "../base/order.ts";
import { type Digest, isDigest } from "../oci/digest.ts";
import {
  BLOBS,
  checkLayout,
  formatLayoutIndex,
  INDEX_FILE,
  imageNameOf,
  LAYOUT_BYTES,
  LAYOUT_FILE,
} from "../oci/layout.ts";
import type { Descriptor } from "../oci/manifest.ts";
import { refersOf } from "../oci/referrer.ts";
import { sizeOf } from "./content.ts";
import { entryOf, keyOf, keyOfEntry } from "./index-entries.ts";
import { LayerCache } from "./layer-cache.ts";
import { Layout } from "./layout.ts";
import { PartialDownloads } from "./partial-blobs.ts";
import { ResumableSessions, sessionOwner } from "./resumable-sessions.ts";
import { Session } from "./session.ts";
import type { NamedDescriptor } from "./store.ts";

/** Our own things in the folder, which the layout's other readers pass over. */
const OWN = ".ingot";

/** What a store may hold before its layout file is there, because another process begins it or was killed at that; and what mkfs makes. */
const BEGUN = /^(?:\.ingot|blobs|\.(?:oci-layout|index\.json)\.partial\..*|lost\+found)$/;

const A_DAY = 24 * 3600;

/** In the name of a session's folder, after its owner's: another session can use what is in it. */
const RESUMABLE = "-again.";

/**
 * The store: an image layout in a folder that several processes may use at once and any may be killed at any moment.
 * Blobs are named by content, written aside and renamed. The index is replaced whole, under a lock.
 * Writers work in a session; `prune` runs only while there is none, so that nothing is taken from under them.
 */
export class FolderStore extends Layout {
  /** Opens the store; a folder that is not there, or empty, is an empty store. @throws malformed, unsupported */
  constructor(at: string) {
    super(at);
    const file = path.join(this.at, LAYOUT_FILE);
    if (stat(file) !== undefined) checkLayout(readFile(file, 4096), file);
    else if (
      stat(this.at) !== undefined &&
      readDirectory(this.at).some((name) => !BEGUN.test(name)) &&
      stat(file) === undefined
    ) {
      throw new IngotError("not-found", {
        what: "the layout file",
        at: file,
        hint: "choose a folder that is empty or an OCI image layout with --store",
      });
    }
  }

  override images(): readonly Descriptor[] {
    return stat(path.join(this.at, INDEX_FILE)) === undefined ? [] : super.images();
  }

  /** The layers that were made for this store. */
  get layers(): LayerCache {
    return new LayerCache(this.#own("layers"));
  }

  /** Blobs of which a part has arrived. */
  get partials(): PartialDownloads {
    return new PartialDownloads(this.#own("partial"));
  }

  /** What sessions left that were killed or broke off. */
  get leftovers(): ResumableSessions {
    return new ResumableSessions(this.#own("left"));
  }

  /**
   * A session to add blobs in. Call `commit`, `fail` or `drop`, whatever happens.
   * @param how `resumable` = when it is killed or stopped, the next such session takes over what it has staged
   */
  async begin({ resumable = false } = {}): Promise<Session> {
    makeDirectory(path.join(this.at, BLOBS));
    return this.#locked(() => {
      this.#sweep();
      const prefix = processOwner() + (resumable ? RESUMABLE : "-");
      return new Session(this, makeUnique(this.#own("work", prefix)), { resumable });
    });
  }

  /**
   * Afterwards each image has its name, and nothing else has it; what refers to an image has an entry that says so. Its blobs must be
   * here.
   * @param instead entries that go, which have no subject in an annotation @throws blob-missing when it was pruned
   */
  async tag(
    images: readonly NamedDescriptor[],
    instead: readonly Descriptor[] = [],
  ): Promise<void> {
    const keyOfOld = (entry: Descriptor) => `${imageNameOf(entry) ?? ""} ${entry.digest}`;
    const gone = new Set(instead.map(keyOfOld));
    await this.#replaceIndex((entries) => {
      const added = new Map(images.map((image) => [keyOf(image), entryOf(image)]));
      for (const { digest } of added.values()) {
        if (this.find(digest) === undefined)
          throw new IngotError("blob-missing", { digest, at: this.at });
      }
      const stays = (entry: Descriptor) =>
        !added.has(keyOfEntry(entry)) &&
        (refersOf(entry) !== undefined || !gone.has(keyOfOld(entry)));
      return [...entries.filter(stays), ...added.values()];
    });
  }

  /**
   * Afterwards none of `names` names anything, and the index has none of these referrers. Their blobs stay until `prune`.
   * @param referrers asked with the index as it is while nobody can add to it
   */
  async untag(
    names: readonly string[],
    referrers: () => readonly NamedDescriptor[] = () => [],
  ): Promise<void> {
    await this.#replaceIndex((entries) => {
      const removed = new Set([...names, ...referrers().map(keyOf)]);
      return entries.filter((entry) => !removed.has(keyOfEntry(entry)));
    });
  }

  /**
   * Removes entries of the index, and the blobs that the others do not need; asked while nobody can add to it. On a failure to say what
   * is needed nothing is removed.
   * @param reachable the digests that those entries need
   * @param change gets the entries; which of them stay, in what form
   * @returns the digests and sizes of the blobs that were removed @throws busy while another process adds to the store
   */
  async prune(
    reachable: (entries: readonly Descriptor[]) => ReadonlySet<Digest>,
    change: (entries: readonly Descriptor[]) => readonly Descriptor[] = (entries) => entries,
  ): Promise<{ digest: Digest; size: number }[]> {
    if (stat(path.join(this.at, BLOBS)) === undefined) return [];
    return this.#locked(async () => {
      const [writer] = this.#sweep();
      if (writer !== undefined)
        throw new IngotError("busy", { what: "the store", at: this.at, holder: writer });
      this.refresh();
      this.#checkIndex();
      this.#mustBeSupported();
      const before = this.images();
      const entries = change(before);
      const needed = reachable(entries);
      if (entries !== before) this.#writeIndex(entries);
      const removed: { digest: Digest; size: number }[] = [];
      for (const name of readDirectory(path.join(this.at, BLOBS))) {
        const digest = `sha256:${name}`;
        if (!isDigest(digest) || needed.has(digest)) continue;
        const content = this.find(digest);
        if (content === undefined) continue;
        removed.push({ digest, size: sizeOf(content) });
        remove(this.blobFile(digest));
        // The lock's holder has to be heard of while it has much to remove.
        if (removed.length % 1000 === 0) await new Promise((next) => setTimeout(next, 0));
      }
      this.layers.prune((digest) => this.find(digest) !== undefined);
      this.partials.prune();
      this.leftovers.drop();
      return removed.sort((a, b) => byBytes(a.digest, b.digest));
    });
  }

  /** Blobs without an index are those of a store that lost it, not ones that nobody needs. @throws not-found */
  #checkIndex(): void {
    const at = path.join(this.at, INDEX_FILE);
    if (stat(at) !== undefined || readDirectory(path.join(this.at, BLOBS)).length === 0) return;
    throw new IngotError("not-found", {
      what: "the index",
      at,
      hint: "without it, it is unknown which blobs are needed: restore it, or import or build an image, which begins a new one",
    });
  }

  /** An entry that is passed over must not be lost, nor what it needs. @throws unsupported */
  #mustBeSupported(): void {
    if (stat(path.join(this.at, INDEX_FILE)) === undefined) return;
    const [other] = this.index().unsupported;
    if (other === undefined) return;
    throw new IngotError("unsupported", {
      what: "the index of the layout",
      at: path.join(this.at, INDEX_FILE),
      found: `the digest ${other.digest}`,
      expected: "digests of the algorithm sha256",
      hint: "the layout can be read, and not changed: choose another folder",
    });
  }

  #own(...parts: string[]): string {
    return path.join(this.at, OWN, ...parts);
  }

  #locked<T>(act: () => T | Promise<T>): Promise<T> {
    return withLock(this.#own("lock"), act);
  }

  /**
   * Removes the work of sessions whose process is certainly gone, and of those that nobody can judge after a day. What can be used of the
   * former is among the leftovers then.
   * @returns what is left: the sessions there are. Only under the lock, whose time is now
   */
  #sweep(): string[] {
    const work = this.#own("work");
    makeDirectory(work);
    const now = lstat(this.#own("lock"))?.mtime ?? 0;
    const { leftovers } = this;
    const there = readDirectory(work).filter((name) => {
      const at = path.join(work, name);
      const judged = judgeOwner(sessionOwner(name));
      const isOld = now - (lstat(at)?.mtime ?? now) > A_DAY;
      if (judged === "alive" || (judged === "unknown" && !isOld)) return true;
      if (isOld || !name.includes(RESUMABLE) || !leftovers.add(at)) discard(at);
      return false;
    });
    leftovers.sweep(now);
    return there;
  }

  /** Entries that stay do so as they are; images stand in the order of their names, then referrers in that of their subjects, then the others. */
  async #replaceIndex(
    change: (entries: readonly Descriptor[]) => readonly Descriptor[],
  ): Promise<void> {
    makeDirectory(path.join(this.at, BLOBS));
    await this.#locked(() => {
      this.refresh();
      this.#mustBeSupported();
      this.#writeIndex(change(this.images()));
    });
  }

  /** Only under the lock. */
  #writeIndex(entries: readonly Descriptor[]): void {
    const isImage = (entry: Descriptor) =>
      imageNameOf(entry) !== undefined && refersOf(entry) === undefined;
    const images = sortedBy(entries.filter(isImage), (entry) => imageNameOf(entry)!);
    const referrers = sortedBy(
      entries.filter((entry) => refersOf(entry) !== undefined),
      keyOfEntry,
    );
    const nameless = entries.filter(
      (entry) => imageNameOf(entry) === undefined && refersOf(entry) === undefined,
    );
    const layout = path.join(this.at, LAYOUT_FILE);
    if (stat(layout) === undefined) {
      writeFileAtomic(layout, LAYOUT_BYTES);
      syncDirectory(path.dirname(this.at));
    }
    writeFileAtomic(
      path.join(this.at, INDEX_FILE),
      formatLayoutIndex([...images, ...referrers, ...nameless]),
    );
    this.refresh();
  }
}
