/**
 * Whether an extended attribute belongs to the content of a layer: what a program may do (`security.capability`), and what
 * its owner noted (`user.*`). All others say something about the machine it was on; so do overlayfs's own notes.
 */
export function isKeptXattr(name: string): boolean {
  if (name === "security.capability") return true;
  return name.startsWith("user.") && !name.startsWith("user.overlay.");
}
