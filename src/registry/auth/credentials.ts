/** Who we are at a registry: found in the files of Docker and podman, and in the helpers that they name. */

import {
  type AuthFile,
  credentialsOf,
  keyFor,
  keysOf,
  readAuthFile,
  valueFor,
  writeAuthFile,
} from "./auth-file.ts";
import type { Credentials, FindCredentials } from "./authorizer.ts";
import { askHelper, eraseHelper, type HelperPlace, tellHelper } from "./credential-helper.ts";

/** Finds credentials in `files`, one after the other; one that is not there has none. Each is read when it is first asked for. */
export function credentialsIn(files: readonly string[], place: HelperPlace): FindCredentials {
  return async (registry, repository) => {
    for (const file of files) {
      const content = readAuthFile(file);
      const found = content && (await lookUp(content, { file, registry, repository }, place));
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

async function lookUp(
  content: AuthFile,
  {
    file,
    registry,
    repository,
  }: { file: string; registry: string; repository: string | undefined },
  place: HelperPlace,
): Promise<Credentials | undefined> {
  const helper = helperOf(content, registry);
  const helped = helper && (await askHelper(helper, keyFor(registry), place));
  if (helped) return helped;
  const entry = valueFor(content.auths, registry, repository);
  return entry === undefined || entry === null ? undefined : credentialsOf(entry, file);
}

/** The helper that the file names for the registry; "" = none. */
const helperOf = (content: AuthFile, registry: string): string =>
  valueFor(content.credHelpers, registry, undefined) ?? content.credsStore ?? "";

/**
 * Afterwards the credentials are found in `file`, or in the helper that it names for the registry. Whatever else the
 * file says stays as it is. @returns where they are
 */
export async function keepCredentials(
  file: string,
  registry: string,
  who: { readonly username: string; readonly password: string },
  place: HelperPlace,
): Promise<string> {
  const content = readAuthFile(file) ?? {};
  const helper = helperOf(content, registry);
  const auths = without(content.auths, registry);
  if (helper !== "") {
    await tellHelper(helper, keyFor(registry), who, place);
    // Docker lists those that a helper has with an empty entry.
    writeAuthFile(file, { ...content, auths: { ...auths, [keyFor(registry)]: {} } });
    return `docker-credential-${helper}`;
  }
  const auth = Buffer.from(`${who.username}:${who.password}`).toString("base64");
  writeAuthFile(file, { ...content, auths: { ...auths, [keyFor(registry)]: { auth } } });
  return file;
}

/** Afterwards none of `files`, nor a helper that one names, has credentials for the registry itself. @returns where there were some */
export async function forgetCredentials(
  files: readonly string[],
  registry: string,
  place: HelperPlace,
): Promise<string[]> {
  const gone: string[] = [];
  for (const file of files) {
    const content = readAuthFile(file);
    if (content === undefined) continue;
    const helper = helperOf(content, registry);
    if (helper !== "" && (await askHelper(helper, keyFor(registry), place)) !== undefined) {
      await eraseHelper(helper, keyFor(registry), place);
      gone.push(`docker-credential-${helper}`);
    }
    if (keysOf(content.auths, registry).length === 0) continue;
    writeAuthFile(file, { ...content, auths: without(content.auths, registry) });
    gone.push(file);
  }
  return gone;
}

function without(auths: AuthFile["auths"], registry: string): NonNullable<AuthFile["auths"]> {
  const gone = new Set(keysOf(auths, registry));
  return Object.fromEntries(Object.entries(auths ?? {}).filter(([key]) => !gone.has(key)));
}
