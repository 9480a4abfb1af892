import { IngotError } from "../../base/error.ts";
import { WHITEOUT } from "../pack/entries.ts";
import { baseName, join, parentOf } from "../tree/path.ts";
import type { Tree } from "../tree/tree.ts";
import { TarExtractor } from "./extract.ts";
import type { Unpacked } from "./unpack.ts";

/** Takes away all that lower layers have in the folder (image-spec layer.md, "Opaque Whiteout"). */
const OPAQUE = ".wh..wh..opq";
/** What else begins like that, or is below such a folder, is aufs's own housekeeping: Docker passes over it. */
const HOUSEKEEPING = /(?:^|\/)\.wh\.\.wh\.(?!\.opq$)/;

/**
 * Afterwards `tree` is what it was with a layer over it (image-spec layer.md, "Applying Changesets"): a folder over a folder
 * gives it its metadata, anything else takes the place of what was there with all below. A whiteout takes away
 * what the layers below have, wherever in the layer it stands, and never what the layer itself has. Links in folders
 * on the way to a member are followed, inside the tree; a hard link is the node that it leads to, of this layer or one below.
 * Where a parent is missing, it is made (0755, 0:0).
 * @throws malformed for a whiteout without a name, a link to nothing and a member below a file; what `members` throws
 */
export async function applyLayer(tree: Tree, members: AsyncIterable<Unpacked>): Promise<void> {
  const own = new Set<string>();
  /** Where only the layer's own is by now: a second time would find nothing, and cost as much. */
  const opaque = new Set<string>();
  const placer = new TarExtractor(tree, {
    at: tree.at,
    onPlaced: (path) => {
      for (let at = path; !own.has(at) && at !== ""; at = parentOf(at)) own.add(at);
    },
  });
  for await (const member of members) {
    const name = baseName(member.path);
    if (member.path === "") {
      if (member.node?.kind === "directory") tree.set("", member.node);
    } else if (HOUSEKEEPING.test(member.path)) {
      // Not for us.
    } else if (!name.startsWith(WHITEOUT)) {
      placer.place(member);
    } else if (name === WHITEOUT) {
      throw nameless(tree, member);
    } else {
      const folder = placer.whereIs(member.path);
      const hidden = name === OPAQUE ? folder : join(folder, name.slice(WHITEOUT.length));
      if (opaque.has(hidden)) continue;
      if (name === OPAQUE || own.has(hidden)) {
        hideBelow(tree, hidden, own);
        opaque.add(hidden);
      } else tree.remove(hidden);
      placer.forget();
    }
  }
}

/** Afterwards only the layer's own is below `folder`. */
function hideBelow(tree: Tree, folder: string, own: ReadonlySet<string>): void {
  for (const name of tree.list(folder)) {
    const path = join(folder, name);
    if (own.has(path)) hideBelow(tree, path, own);
    else tree.remove(path);
  }
}

const nameless = ({ at }: Tree, { path }: Unpacked) =>
  new IngotError("malformed", { what: "a layer of", at, why: `${path} is a whiteout of nothing` });
