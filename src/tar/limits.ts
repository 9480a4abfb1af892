/** Bounds of a layer that no image comes near and that keep memory small: none is read beyond them, and none is made. */

/** The name of a member. Bytes. No system takes a longer path (PATH_MAX, limits.h). */
export const PATH_LIMIT = 4096;
/** Parts of a path, so folders above one another: what a tree costs grows with them, and images have some thirty. */
export const DEPTH_LIMIT = 256;
export const LAYER_MEMBERS = 1_000_000;
