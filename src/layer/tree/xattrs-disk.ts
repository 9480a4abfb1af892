import { IngotError } from "../../base/error.ts";
import { sortedBy } from "../../base/order.ts";
import { runProcess, shellLine, statusText } from "../../base/process/run.ts";
import type { Xattrs } from "./entry.ts";
import { normalizePath } from "./path.ts";
import { isKeptXattr } from "./xattrs.ts";

export interface XattrOptions {
  /** The environment of the program, with the PATH to find it in. */
  readonly env: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal | undefined;
}

/** Bytes that the program may say at most. */
const LIMIT = 128 * 1024 * 1024;

/**
 * The extended attributes that belong into a layer, of everything below the folder `root`, by path: what
 * `diskTree` takes. The runtimes cannot read them: `getfattr` does, once for the whole folder, following no link.
 * @throws program-missing, program-failed; too-large for more than 128 MiB of them; io
 */
export async function readXattrs(
  root: string,
  { env, signal }: XattrOptions,
): Promise<Map<string, Xattrs>> {
  const flags = ["--recursive", "--physical", "--no-dereference", "--dump", "--encoding=hex"];
  const argv = ["getfattr", ...flags, "--match=^(user\\.|security\\.capability$)", "--", "."];
  const { status, stdout, stderr } = await runProcess(argv, {
    cwd: root,
    env: { ...env, LC_ALL: "C" },
    install: "apt-get install attr, dnf install attr, apk add attr",
    // Of more than that, only the first and the last half would be kept.
    keep: 2 * LIMIT,
    ...(signal && { signal }),
  });
  if (status !== 0 && !isClosed(stderr)) {
    const command = shellLine(argv, { cwd: root });
    const facts = { program: "getfattr", command, status: statusText(status), output: stderr };
    throw new IngotError("program-failed", facts);
  }
  if (stdout.length > LIMIT) {
    const what = "the extended attributes of";
    throw new IngotError("too-large", { what, at: root, actual: stdout.length, limit: LIMIT });
  }
  return parseXattrs(stdout);
}

/** What may not be looked into cannot be copied either: who copies it is told so then, and nobody else need know. */
const isClosed = (stderr: string): boolean =>
  /^(?:getfattr: .*: Permission denied\n)+$/.test(stderr);

/** What getfattr dumped: for each path `# file: PATH`, a line `NAME=0xHEX` for each attribute, and an empty line. */
export function parseXattrs(dump: string): Map<string, Xattrs> {
  const all = new Map<string, Xattrs>();
  let found: [string, Uint8Array][] = [];
  let path: string | undefined;
  const end = () => {
    if (path !== undefined && found.length > 0)
      all.set(path, new Map(sortedBy(found, ([name]) => name)));
    found = [];
    path = undefined;
  };
  for (const line of dump.split("\n")) {
    const [, file, name, hex] = /^(?:# file: (.+)|([^=]+)=0x((?:[0-9a-f]{2})*))$/.exec(line) ?? [];
    if (line === "") end();
    else if (file !== undefined) path = normalizePath(unescaped(file));
    else if (name === undefined || hex === undefined || path === undefined) throw misread(line);
    else {
      const whole = unescaped(name);
      if (isKeptXattr(whole)) found.push([whole, new Uint8Array(Buffer.from(hex, "hex"))]);
    }
  }
  end();
  return all;
}

/** The text with the bytes that getfattr wrote as `\ooo`. */
function unescaped(text: string): string {
  if (!text.includes("\\")) return text;
  const parts = text.matchAll(/\\([0-7]{3})|[^\\]+|\\/g);
  return Buffer.concat(
    [...parts].map(([part, octal]) =>
      octal === undefined ? Buffer.from(part) : Buffer.of(Number.parseInt(octal, 8)),
    ),
  ).toString();
}

const misread = (line: string) =>
  new IngotError("malformed", {
    what: "the answer of",
    at: "getfattr",
    why: `it says ${JSON.stringify(line.slice(0, 100))}`,
  });
