/** The files in which Docker and podman keep who is known where: `config.json` and `auth.json`, of one form. */
import * as path from "node:path";
import * as v from "valibot";
import { text, utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { writeFileAtomic } from "../../base/fs/atomic-file.ts";
import { makeDirectory, readFile, stat } from "../../base/fs/file.ts";
import { parseJson } from "../../base/json/json.ts";
import type { Credentials } from "./authorizer.ts";

const LIMIT = 4 * 1024 * 1024;
const HUB = "docker.io";
/** Docker Hub is kept under the name that it had in the first version of its protocol. */
const HUB_KEY = "https://index.docker.io/v1/";

const entry = v.looseObject({
  auth: v.optional(v.string()),
  username: v.optional(v.string()),
  password: v.optional(v.string()),
  identitytoken: v.optional(v.string()),
  registrytoken: v.optional(v.string()),
});
const shape = v.looseObject({
  auths: v.optional(v.nullable(v.record(v.string(), v.nullable(entry)))),
  credHelpers: v.optional(v.nullable(v.record(v.string(), v.string()))),
  credsStore: v.optional(v.nullable(v.string())),
});

/** What such a file holds. */
export type AuthFile = v.InferOutput<typeof shape>;
type Entry = v.InferOutput<typeof entry>;

/** Reads the file; undefined where there is none. @throws malformed, io */
export function readAuthFile(at: string): AuthFile | undefined {
  if (stat(at) === undefined) return undefined;
  const bytes = readFile(at, LIMIT);
  if (bytes.length === 0) return {};
  const found = v.safeParse(shape, parseJson(bytes, at, { bytes: LIMIT }));
  if (found.success) return found.output;
  const [issue] = found.issues;
  throw new IngotError("malformed", {
    what: "the file of credentials",
    at,
    // The value is somebody's secret: only its place is told.
    why: `${v.getDotPath(issue) ?? "it"} is not of the type it should be`,
  });
}

/** Afterwards the file is that, for its owner alone; readers saw the old or the new. @throws io */
export function writeAuthFile(at: string, content: AuthFile): void {
  makeDirectory(path.dirname(at));
  writeFileAtomic(at, utf8(`${JSON.stringify(content, null, "\t")}\n`), 0o600);
}

/** The key for a registry in a file that we write, and for a helper. */
export const keyFor = (registry: string): string => (plain(registry) === HUB ? HUB_KEY : registry);

/** `https://host/v1/` and `host` are one; podman has keys for parts of a registry, too: `host/team`. */
function plain(key: string): string {
  const bare = /^https?:\/\//.test(key)
    ? key.replace(/^https?:\/\//, "").replace(/\/.*$/s, "")
    : key.replace(/\/+$/, "");
  return bare.replace(/^(?:index\.docker\.io|registry-1\.docker\.io)(?=\/|$)/, HUB);
}

/** What of `keyed` is for the repository, or else for the registry: the longest key that fits. */
export function valueFor<T>(
  keyed: Readonly<Record<string, T>> | null | undefined,
  registry: string,
  repository: string | undefined,
): T | undefined {
  const found = new Map(Object.entries(keyed ?? {}).map(([key, value]) => [plain(key), value]));
  const whole = repository === undefined ? plain(registry) : `${plain(registry)}/${repository}`;
  for (let key = whole; ; key = key.slice(0, key.lastIndexOf("/"))) {
    const value = found.get(key);
    if (value !== undefined && value !== null) return value;
    if (!key.includes("/")) return undefined;
  }
}

/** The keys of `keyed` that mean the registry itself. */
export const keysOf = (keyed: object | null | undefined, registry: string): string[] =>
  Object.keys(keyed ?? {}).filter((key) => plain(key) === plain(registry));

/** What an entry says; undefined for an empty one, as Docker leaves where a helper has the rest. @throws malformed */
export function credentialsOf(found: Entry, at: string): Credentials | undefined {
  const { auth, username, password, identitytoken, registrytoken } = found;
  if (identitytoken) return { identityToken: identitytoken };
  if (registrytoken) return { registryToken: registrytoken };
  if (auth) {
    const words = text(Buffer.from(auth, "base64"))?.replace(/\0+$/, "");
    const colon = words?.indexOf(":") ?? -1;
    if (words !== undefined && colon > 0)
      return { username: words.slice(0, colon), password: words.slice(colon + 1) };
    throw new IngotError("malformed", {
      what: "the file of credentials",
      at,
      why: 'an "auth" in it is not NAME:PASSWORD in base64',
      hint: "log in again: ingot login",
    });
  }
  return username && password !== undefined ? { username, password } : undefined;
}
