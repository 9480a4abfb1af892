/** Who something is to belong to: numbers, or names of the image's own users and groups. */

import { IngotError } from "../../base/error.ts";
import { within } from "../../base/subject.ts";
import { suggest } from "../../base/suggest.ts";
import { readNode } from "../tree/contents.ts";
import { follow } from "../tree/path.ts";
import type { ReadTree } from "../tree/tree.ts";

export interface FileOwner {
  readonly uid: number;
  readonly gid: number;
}

/** Bytes of such a file, as BuildKit has it. */
const LIMIT = 10 * 1024 * 1024;
/** The largest number that BuildKit takes for one. */
const LARGEST = 2 ** 31 - 1;

/**
 * The owner that `words` names, as `--chown` and `USER` have it: `USER`, `USER:GROUP` or `:GROUP`, each a number or a name.
 * A number alone is the group, too; a name brings its group of /etc/passwd. `root` is 0 without being looked up.
 * BuildKit takes 0 for a name that it does not find, where its manual says that the build fails: here it does.
 * @throws not-found for a name that /etc/passwd or /etc/group of `tree` does not have; too-large, and what reading them throws
 */
export async function parseOwner(tree: ReadTree, words: string, place: string): Promise<FileOwner> {
  const colon = words.indexOf(":");
  const user = colon < 0 ? words : words.slice(0, colon);
  const group = colon < 0 ? "" : words.slice(colon + 1);
  let owner: FileOwner = { uid: 0, gid: 0 };
  if (user !== "") {
    const uid = numberOf(user);
    owner = uid === undefined ? await userOf(tree, user, place) : { uid, gid: uid };
  }
  if (group === "") return owner;
  return { ...owner, gid: numberOf(group) ?? (await groupOf(tree, group, place)) };
}

const isOwner = (word: string): boolean => /^[0-9]+$/.test(word) && Number(word) <= LARGEST;

function numberOf(word: string): number | undefined {
  if (word === "root") return 0;
  return isOwner(word) ? Number(word) : undefined;
}

/** passwd(5): name, password, user, group, and more. */
async function userOf(tree: ReadTree, name: string, place: string): Promise<FileOwner> {
  const [, , uid, gid] = await lineOf(tree, "etc/passwd", name, { what: "the user", place });
  return { uid: Number(uid), gid: Number(gid) };
}

/** group(5): name, password, group, members. */
async function groupOf(tree: ReadTree, name: string, place: string): Promise<number> {
  const [, , gid] = await lineOf(tree, "etc/group", name, { what: "the group", place });
  return Number(gid);
}

/** The fields of the first line for `name` whose numbers are numbers. */
async function lineOf(
  tree: ReadTree,
  file: string,
  name: string,
  { what, place }: { what: string; place: string },
): Promise<string[]> {
  const path = follow(tree, file);
  const node = path === undefined ? undefined : tree.get(path);
  const bytes = node?.kind === "file" ? await readNode(node, LIMIT) : new Uint8Array();
  // What is not UTF-8 in it is nobody's name here.
  const lines = Buffer.from(bytes)
    .toString()
    .split("\n")
    .map((line) => line.trim().split(":"));
  const numbers = file === "etc/passwd" ? [2, 3] : [2];
  const known = lines.filter((fields) => numbers.every((i) => isOwner(fields[i] ?? "")));
  const found = known.find(([first]) => first === name);
  if (found !== undefined) return found;
  throw new IngotError("not-found", {
    what: `${what} ${JSON.stringify(name)} of ${place}`,
    at: within(`/${file}`, tree.at),
    near: suggest(name, new Set(known.map(([first = ""]) => first))),
    hint: `a number needs no such file: 1000:1000, each at most ${LARGEST}`,
  });
}
