import type { Bytes } from "../../base/bytes.ts";
import type { FileSnapshot } from "../../base/fs/unchanged-file.ts";

export type { FileSnapshot };

/** Extended attributes by name; the values are bytes, whatever they look like. */
export type Xattrs = ReadonlyMap<string, Uint8Array>;

/** What a tree says of a node beside its content. Owners are numbers: names mean something on one machine only. */
export interface Meta {
  /** The bits of 07777 and no other. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Whole seconds since 1970, floored; may be negative. */
  readonly mtime: number;
  readonly xattrs?: Xattrs | undefined;
}

/**
 * What is at a path. The identity of the object is the inode: one object under several paths is one file with
 * several hard links. Nobody changes a node; who wants another one makes it.
 */
export type Node =
  | FileNode
  | DirectoryNode
  | SymlinkNode
  | { readonly kind: "fifo"; readonly meta: Meta }
  | DeviceNode
  | RefusedNode;

export interface FileNode {
  readonly kind: "file";
  readonly meta: Meta;
  /** Bytes of content. */
  readonly size: number;
  readonly source: FileSource;
}

export interface DirectoryNode {
  readonly kind: "directory";
  readonly meta: Meta;
}

export interface SymlinkNode {
  readonly kind: "symlink";
  readonly meta: Meta;
  /** As it was written; never resolved here. */
  readonly target: string;
}

export interface DeviceNode {
  readonly kind: "character" | "block";
  readonly meta: Meta;
  readonly major: number;
  readonly minor: number;
}

/** What no image can have (a socket, a name that is not UTF-8, a folder nobody may read): a fault for whoever copies it. */
export interface RefusedNode {
  readonly kind: "refused";
  readonly meta: Meta;
  readonly why: string;
  readonly at: string;
}

/** What a layer can say. */
export type LayerNode = Exclude<Node, RefusedNode>;

/** Where the content of a file is. */
export type FileSource =
  | { readonly kind: "bytes"; readonly bytes: Uint8Array }
  | { readonly kind: "disk"; readonly path: string; readonly stamp: FileSnapshot }
  | { readonly kind: "packed"; readonly archive: Packed; readonly offset: number };

/** A tar that can be opened as often as asked, each time from its first byte to its last, uncompressed. */
export interface Packed {
  /** What it is, for messages. */
  readonly at: string;
  /** By what its bytes are known again, a digest; undefined where nobody hashed them. */
  readonly id?: string | undefined;
  open(): Bytes;
}

/**
 * One member of a layer to be. The path has no slash at its ends, and none of its parts is `.` or `..`.
 * A `link` is the path of an entry that stands before it.
 */
export type Entry = NodeEntry | LinkEntry;

export interface NodeEntry {
  readonly path: string;
  readonly node: LayerNode;
  readonly link?: undefined;
}

export interface LinkEntry {
  readonly path: string;
  readonly link: string;
  readonly meta: Meta;
  readonly node?: undefined;
}
