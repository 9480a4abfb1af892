/**
 * A context of odd files: what it is in words, on a disk, and as a layer of it ought to be unpacked. Nothing of it is made
 * with the project's own code.
 */
import { Buffer } from "node:buffer";
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  ftruncateSync,
  lchownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { seeded } from "../images/archive.ts";
import { which } from "../process/needs.ts";
import { type Listed, line, sorted } from "../tar/listing.ts";
import { type OddMember, oddTar } from "../tar/odd-tar.ts";

const EMPTY = Buffer.alloc(0);
/** CAP_NET_RAW, effective and permitted, as the kernel writes it (include/uapi/linux/capability.h, revision 2). */
const CAPABILITY = Buffer.from("0100000200200000000000000000000000000000", "hex");
const BINARY = Buffer.from([0, 255, 10, 61, 34, 92, 0]);

type Odd = OddMember;

const folder = (path: string, mode = 0o755, more: Partial<Odd> = {}): Odd => ({
  path,
  kind: "directory",
  mode,
  mtime: "1000000000",
  ...more,
});
const file = (path: string, more: Partial<Odd> = {}): Odd => ({
  path,
  kind: "file",
  mode: 0o644,
  mtime: "1234567890",
  content: Buffer.from(`${path}\n`),
  ...more,
});
const link = (path: string, target: string, more: Partial<Odd> = {}): Odd => ({
  path,
  kind: "symlink",
  mode: 0o777,
  mtime: "1111111111",
  target,
  ...more,
});

const LONG = "n".repeat(255);
const WIDE = `${"あ".repeat(84)}abc`;
/** 5 × 61 bytes: no way to cut it for ustar. */
const DEEP = Array(5).fill("d".repeat(60)).join("/");
/** Fits ustar's prefix and name, and not its name alone. */
const SPLIT = `${"p".repeat(90)}/${"q".repeat(95)}`;
const XATTRS = {
  "user.binary": BINARY,
  "user.text": Buffer.from("a=b\nc"),
  "user.0": Buffer.from("0"),
};

/** What anybody may read. */
const TREE: readonly Odd[] = [
  folder("", 0o755, { mtime: "1500000000" }),
  file("empty", { content: EMPTY }),
  file("plain", { content: Buffer.from("plain\n"), mtime: "1700000000.000000001" }),
  file("block", { content: Buffer.alloc(512, "b"), mtime: "1700000000.999999999" }),
  file("block and one", { content: Buffer.alloc(513, "c"), mtime: "0" }),
  file("before 1970", { mtime: "-1.5" }),
  file("1902", { mtime: "-2145916800" }),
  file("2037", { mtime: "2145916799.5" }),
  file("sparse", { hole: 8 * 1024 * 1024, content: Buffer.from("after a hole\n") }),
  file("only a hole", { hole: 70_000, content: EMPTY }),
  file("setuid", { mode: 0o4755 }),
  file("setgid", { mode: 0o2755 }),
  file("sticky", { mode: 0o1644 }),
  file("all bits", { mode: 0o7777 }),
  folder("setgid folder", 0o2775),
  folder("sticky folder", 0o1777, { mtime: "-0.5" }),
  folder("empty folder", 0o555),
  file(LONG),
  file(WIDE),
  folder(`${"e".repeat(253)}é`),
  file(`${DEEP}/leaf`),
  file(SPLIT),
  file("exactly/".padEnd(100, "x")),
  file("exactly/".padEnd(101, "y")),
  file("a b  c "),
  file("new\nline"),
  file("star * [a-z] ? {x}"),
  file("back\\slash \"quote\" 'tick' `tick` $HOME"),
  file("\u0001\u001b[31m\u007f"),
  file("-rf"),
  file("..."),
  file("..x"),
  file(".hidden"),
  file(".wh"),
  file(".whx"),
  file(".WH.x"),
  file("x.wh.y"),
  file("PaxHeader"),
  file("e\u0301 apart"),
  file("Ä"),
  file("ß"),
  file("\uffee halfwidth"),
  file("\u{1f600} astral"),
  file("\ufffd itself"),
  file("B"),
  file("_"),
  file("a"),
  folder("a!"),
  file("a!/x"),
  folder("a.d"),
  file("a.d/x"),
  link("loop", "loop"),
  link("loop 1", "loop 2"),
  link("loop 2", "loop 1"),
  link("dangling", "not/here"),
  link("absolute", "/etc/passwd"),
  link("up", "../../../../../../etc/shadow"),
  link("to a folder", "empty folder/", { mtime: "-3.25" }),
  link("long target", `${"t".repeat(99)}/${"u".repeat(99)}`),
  link("wide target", "目標\n"),
  link("é", "plain"),
  file("hard/z", { content: Buffer.from("hard\n"), mode: 0o754 }),
  file("hard/m", { same: "hard/z" }),
  file("hard/a/first", { same: "hard/z" }),
  file("hard-a", { same: "hard/z" }),
  file(`hard/${"l".repeat(120)}`, { same: "hard/z" }),
  file("hard/empty", { content: EMPTY }),
  file("hard/empty too", { same: "hard/empty" }),
  { path: "fifo", kind: "fifo", mode: 0o640, mtime: "1300000000" },
];

/** What only root may read. */
const LOCKED: readonly Odd[] = [
  folder("", 0o755, { mtime: "1500000001" }),
  file("nothing", { mode: 0 }),
  file("write", { mode: 0o222 }),
  file("execute", { mode: 0o111 }),
  folder("folder", 0),
  file("folder/in it", { mode: 0o4000 }),
  folder("write only", 0o300),
  file("write only/in it", { mode: 0o600 }),
];

/** What has extended attributes, where they are asked for. */
const MARKED: readonly Odd[] = [
  folder(""),
  file("program", { mode: 0o755, xattrs: { "security.capability": CAPABILITY } }),
  file("all", { mode: 0o555, xattrs: { ...XATTRS, "security.capability": CAPABILITY } }),
  file("new\nline \\ é", { xattrs: XATTRS }),
  file("same a", { xattrs: { "user.same": Buffer.from("both") } }),
  file("same b", { same: "same a" }),
  file("large", { xattrs: { "user.large": Buffer.alloc(2000, "v") } }),
  file("foreign", { xattrs: {}, dropped: { "user.overlay.opaque": Buffer.from("y") } }),
  folder("folder", 0o755, { xattrs: XATTRS }),
];

/** What comes in a tar, with owners of its own. */
const PACKED: readonly Odd[] = [
  folder("etc", 0o755, { owner: [0, 0], mtime: "900000000" }),
  file("etc/shadow", { mode: 0, owner: [0, 42], mtime: "900000001" }),
  file("etc/large ids", { owner: [2_147_483_646, 4_000_000_000], mtime: "900000002" }),
  folder("home", 0o711, { owner: [0, 0], mtime: "900000003" }),
  folder("home/me", 0o2750, { owner: [1000, 1001], mtime: "900000004" }),
  file("home/me/mine", { mode: 0o4711, owner: [1000, 1001], mtime: "-900000005" }),
  file("home/me/same", { same: "home/me/mine" }),
  link("home/me/away", "/nowhere/../else", { owner: [1000, 1001], mtime: "900000006" }),
  file("home/me/noted", { owner: [1000, 1001], xattrs: XATTRS, mtime: "900000007" }),
  file("ping", { mode: 0o755, xattrs: { "security.capability": CAPABILITY }, mtime: "900000008" }),
  { path: "null", kind: "character", mode: 0o666, device: [1, 3], mtime: "900000009" },
  { path: "loop0", kind: "block", mode: 0o660, device: [7, 300], owner: [0, 6], mtime: "9" },
  { path: "pipe", kind: "fifo", mode: 0o600, owner: [5, 5], mtime: "900000010" },
  file(`${DEEP}/packed`, { mtime: "900000011" }),
];

const PARTS = { tree: TREE, locked: LOCKED, marked: MARKED };
type Part = keyof typeof PARTS;

const DOCKERFILE = `# syntax=docker/dockerfile:1
FROM scratch AS open
COPY tree /tree
COPY --chown=2147483646:2097152 --chmod=0640 tree/pl*n tree/[A-Z] tree/.wh* /some/
ADD packed.tar /packed/
COPY <<-END <<other /text/
	\tof the Dockerfile
END
more
other
WORKDIR /work/here

FROM open AS all
COPY locked /locked

FROM open AS marked
COPY marked /marked
`;

/** Why no such tree can be made here, or unpacked again; undefined where it can. Programs that are missing are no reason. */
export const whyNoOddTree: string | undefined = (() => {
  if (process.getuid?.() !== 0)
    return "needs root, for owners, devices and files that nobody may read";
  if (which("setfattr") === undefined) return undefined;
  const at = mkdtempSync(join(tmpdir(), "ingot-test-"));
  try {
    writeFileSync(join(at, "file"), "");
    dress(
      join(at, "file"),
      file("file", { xattrs: { ...XATTRS, "security.capability": CAPABILITY } }),
      1,
    );
    execFileSync("mknod", [join(at, "null"), "c", "1", "3"]);
    return undefined;
  } catch {
    return "no devices or extended attributes can be made";
  } finally {
    rmSync(at, { recursive: true, force: true });
  }
})();

export interface ContextOptions {
  /** Files are made in the order that follows from it. */
  readonly seed?: number;
  /** Whom all of it belongs to. Default: who makes it. */
  readonly owner?: number;
  /** Default: all of them; without, no target can be built that needs it. */
  readonly parts?: readonly Part[];
  /** Bytes of the hole in `tree/sparse`. */
  readonly hole?: number;
}

/** Makes the context in `at`; the folders above are there. Modes are as they are said, whatever the umask. */
export function writeOddContext(at: string, options: ContextOptions = {}): void {
  const { seed = 0, owner, parts = ["tree", "locked", "marked"], hole } = options;
  mkdirSync(at, { recursive: true });
  writeFileSync(join(at, "Dockerfile"), DOCKERFILE);
  writeFileSync(join(at, "packed.tar"), oddTar(withParents(PACKED)));
  for (const part of shuffled(parts, seed)) {
    const odds = PARTS[part].map((odd) => (hole && odd.hole! > 1e6 ? { ...odd, hole } : odd));
    writeOdds(join(at, part), odds, { seed, owner });
  }
  for (const name of ["Dockerfile", "packed.tar", ""]) {
    if (owner !== undefined) chownSync(join(at, name), owner, owner);
    chmodSync(join(at, name), name === "" ? 0o755 : 0o644);
  }
}

function writeOdds(
  at: string,
  odds: readonly Odd[],
  { seed, owner }: { seed: number; owner: number | undefined },
): void {
  const whole = withParents(odds);
  const made = new Map<string, string>();
  for (const odd of shuffled(whole, seed)) {
    const path = join(at, odd.path);
    mkdirSync(odd.kind === "directory" ? path : dirname(path), { recursive: true });
    const inode = odd.same ?? odd.path;
    const other = made.get(inode);
    if (other !== undefined) linkSync(other, path);
    else create(path, whole.find((one) => one.path === inode)!);
    if (odd.kind === "file") made.set(inode, path);
  }
  // A change of a folder's content is one of its time: what lies deepest comes first.
  for (const odd of whole.toReversed())
    if (odd.same === undefined) dress(join(at, odd.path), odd, owner);
}

function create(path: string, { kind, content = EMPTY, hole = 0, target = "" }: Odd): void {
  if (kind === "symlink") symlinkSync(target, path);
  else if (kind === "fifo") execFileSync("mkfifo", [path]);
  else if (kind === "file") {
    const out = openSync(path, "w");
    ftruncateSync(out, hole + content.length);
    writeSync(out, content, 0, content.length, hole);
    closeSync(out);
  }
}

function dress(path: string, odd: Odd, owner: number | undefined): void {
  const { kind, mode, mtime, xattrs = {}, dropped = {} } = odd;
  if (owner !== undefined) lchownSync(path, owner, owner);
  if (kind !== "symlink") chmodSync(path, mode);
  for (const [name, value] of Object.entries({ ...xattrs, ...dropped }))
    execFileSync("setfattr", ["-h", "-n", name, "-v", `0x${value.toString("hex")}`, "--", path]);
  execFileSync("touch", ["-h", "-d", `@${mtime}`, "--", path]);
}

/** Every folder that is on the way to something, where it was not said: 0755. Parents before what is in them. */
function withParents(odds: readonly Odd[]): Odd[] {
  const all = new Map(odds.map((odd) => [odd.path, odd]));
  for (const { path } of odds)
    for (let at = dirname(path); at !== "."; at = dirname(at))
      if (!all.has(at)) all.set(at, folder(at));
  return sorted([...all.values()], ({ path }) => path);
}

function shuffled<T>(items: readonly T[], seed: number): T[] {
  const next = seeded(seed);
  const left = [...items];
  return items.map(() => left.splice(next(left.length), 1)[0]!);
}

/** A tree whose layer was unpacked: its paths, one line each; without its root. `times`: keep, or all of them the epoch. */
export function declared(target: "open" | "all" | "marked", times: "keep" | number): string[] {
  const listed: Listed[] = [
    ...below("tree", TREE),
    ...below("packed", PACKED),
    ...["work", "work/here"].map((path) => ({ ...folder(path), mtime: "0" })),
    ...(target === "all" ? below("locked", LOCKED) : []),
    ...(target === "marked" ? below("marked", MARKED) : []),
    ...some(),
    ...text(),
  ];
  return sorted(listed, ({ path }) => path).map((each) => line(each, times));
}

function below(part: string, odds: readonly Odd[]): Listed[] {
  const all = withParents(odds).map((odd) => ({
    ...odd,
    path: odd.path === "" ? part : `${part}/${odd.path}`,
    same: odd.same === undefined ? undefined : `${part}/${odd.same}`,
  }));
  // The folder that an archive is unpacked into is made for it.
  if (!all.some(({ path }) => path === part))
    all.push({ ...folder(part), mtime: "0", same: undefined });
  const inode = new Map(all.map((odd) => [odd.path, odd]));
  return all.map((odd) => {
    const names = all.filter((one) => (one.same ?? one.path) === (odd.same ?? odd.path));
    const first = sorted(names, ({ path }) => path)[0]!.path;
    return {
      ...inode.get(odd.same ?? odd.path)!,
      path: odd.path,
      first: names.length > 1 ? first : undefined,
    };
  });
}

/** What the wildcards choose. */
function some(): Listed[] {
  const names = ["plain", "B", ".wh", ".whx"];
  const owner: [number, number] = [2_147_483_646, 2_097_152];
  const chosen = TREE.filter(({ path }) => names.includes(path)).map((odd) => ({
    ...odd,
    path: `some/${odd.path}`,
    mode: 0o640,
    owner,
  }));
  return [{ ...folder("some", 0o640), owner, mtime: "0" }, ...chosen];
}

function text(): Listed[] {
  const made = (path: string, content: string) => ({
    ...file(path),
    content: Buffer.from(content),
    mtime: "0",
  });
  return [
    { ...folder("text"), mtime: "0" },
    made("text/END", "of the Dockerfile\n"),
    made("text/other", "more\n"),
  ];
}
