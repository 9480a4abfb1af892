/** The times and modes of what stands in a layer. */
import type { LayerNode, Meta } from "./entry.ts";

/** How a layer gets its times: all the epoch; none later than it; or as they are. */
export type Timestamps = "set" | "clamp" | "keep";

export interface Times {
  /** Whole seconds since 1970. */
  readonly epoch: number;
  readonly timestamps: Timestamps;
}

/** What a layer says of metadata; alike for neighbours that have the same. */
export function stamper({ epoch, timestamps }: Times): (meta: Meta) => Meta {
  if (timestamps === "keep") return (meta) => meta;
  const isSet = timestamps === "set";
  let last: Meta | undefined;
  return (meta) => {
    const mtime = isSet || meta.mtime > epoch ? epoch : meta.mtime;
    if (mtime === meta.mtime) return meta;
    const { mode, uid, gid, xattrs } = meta;
    // Most neighbours have the same: one object is enough for them all.
    if (last?.mode === mode && last.uid === uid && last.gid === gid && xattrs === last.xattrs)
      return last;
    last = { mode, uid, gid, mtime, xattrs };
    return last;
  };
}

/** `node` as it stands in a layer. */
export function stamped(node: LayerNode, stamp: (meta: Meta) => Meta): LayerNode {
  const meta = stamp(node.meta);
  if (node.kind === "symlink" && meta.mode !== 0o777)
    return { ...node, meta: { ...meta, mode: 0o777 } };
  if (meta === node.meta) return node;
  // Nearly all are files: spelled out it takes a third of the time.
  if (node.kind === "file") return { kind: "file", meta, size: node.size, source: node.source };
  return { ...node, meta };
}
