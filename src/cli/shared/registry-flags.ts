/** What commands that reporter to registries share: flags, trust, credentials. */
import * as path from "node:path";
import { isatty } from "node:tty";
import { concat, text } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { fdBytes } from "../../base/fs/fd-stream.ts";
import { readFile } from "../../base/fs/file.ts";
import type { ReferrerPolicy } from "../../image/referrers.ts";
import type { Credentials } from "../../registry/auth/authorizer.ts";
import type { HelperPlace } from "../../registry/auth/credential-helper.ts";
import { credentialsIn } from "../../registry/auth/credentials.ts";
import type { RegistryOptions } from "../../registry/client.ts";
import { Registry } from "../../registry/registry.ts";
import type { OpenRepository } from "../../transfer/endpoint.ts";
import type { Context } from "../args/define-command.ts";
import type { Options, Values } from "../args/options.ts";
import type { Settings } from "../args/settings.ts";

/** How registries are reached. */
export const REGISTRY = {
  "plain-http": {
    type: "boolean",
    description: "speak HTTP without encryption; to this machine it is the default",
  },
  "ca-file": {
    type: "string",
    valueHint: "FILE",
    description:
      "a CA's certificate in PEM, trusted besides the well-known ones; else SSL_CERT_FILE",
  },
  cert: {
    type: "string",
    valueHint: "FILE",
    description: "our certificate, for registries that want one",
  },
  key: { type: "string", valueHint: "FILE", description: "the key of --cert" },
  authfile: {
    type: "string",
    valueHint: "FILE",
    description: "where credentials are; else the files of podman and of Docker",
  },
} as const satisfies Options;

/** Who we are, where the files do not say it. */
export const LOGIN = {
  username: {
    type: "string",
    alias: "u",
    valueHint: "NAME",
    description: "user name at the registry",
  },
  "password-stdin": { type: "boolean", description: "read the password of --username from stdin" },
} as const satisfies Options;

/** What of all that refers to an image goes with it. */
export const REFERRERS = {
  referrers: {
    type: "boolean",
    description:
      "take everything that refers to the image, SBOMs and attestations too; default: its signatures",
  },
  "no-referrers": { type: "boolean", description: "leave signatures behind" },
} as const satisfies Options;

/** @throws usage where both are given */
export function referrerPolicy(words: Values<typeof REFERRERS>): ReferrerPolicy {
  const { referrers, "no-referrers": none } = words;
  if (referrers && none)
    throw new IngotError("usage", {
      message: "--referrers and --no-referrers are both given, should be one of them",
    });
  return referrers ? "all" : none ? "none" : "signatures";
}

export const TRANSFERS = {
  type: "string",
  valueHint: "N",
  description: "blobs under way at a time; default: the processors, at most 4",
} as const;

type Words = Values<typeof REGISTRY> & Partial<Values<typeof LOGIN>>;

const PEM_LIMIT = 4 * 1024 * 1024;

/** Runs `act` with a way to open repositories; their connections are ended afterwards. */
export async function withRegistries<T>(
  { settings }: Context,
  words: Words,
  act: (open: OpenRepository) => Promise<T>,
): Promise<T> {
  const options = await registryOptions(settings, words);
  const open = new Map<string, Registry>();
  try {
    return await act(({ registry, repository }, use) => {
      const found = open.get(registry) ?? new Registry(registry, options);
      open.set(registry, found);
      return found.repository(repository, use);
    });
  } finally {
    for (const registry of open.values()) registry.close();
  }
}

/** What the words and the environment say of how registries are reached. @throws usage, not-found, io */
export async function registryOptions(settings: Settings, words: Words): Promise<RegistryOptions> {
  const { cert, key } = words;
  if ((cert === undefined) !== (key === undefined))
    throw new IngotError("usage", {
      message: `--${cert === undefined ? "key" : "cert"} is given alone, should be with --${cert === undefined ? "cert" : "key"}`,
    });
  const who = await readLogin(words);
  const given = words["ca-file"];
  // On loopback a CA that was given means TLS; one that the environment names for everything does not.
  const ca = given ?? (settings.certFile && !words["plain-http"] ? settings.certFile : undefined);
  return {
    plainHttp: words["plain-http"],
    ca: ca === undefined ? undefined : pem(ca, "CERTIFICATE"),
    tlsOnLoopback: given !== undefined || cert !== undefined,
    client:
      cert === undefined || key === undefined
        ? undefined
        : { cert: pem(cert, "CERTIFICATE"), key: pem(key, "PRIVATE KEY") },
    proxies: { http: settings.httpProxy, https: settings.httpsProxy, none: settings.noProxy },
    credentials:
      who === undefined
        ? credentialsIn(authFiles(settings, words.authfile), helperPlace(settings))
        : async () => who,
  };
}

function pem(file: string, what: string): string {
  const found = text(readFile(file, PEM_LIMIT));
  if (found?.includes(`${what}-----`)) return found;
  throw new IngotError("malformed", {
    what: "the file",
    at: file,
    why: `it has no ${what} in PEM`,
    hint: `it should have a line -----BEGIN ${what}-----`,
  });
}

/** What helpers run in. */
export function helperPlace({ environment }: Settings): HelperPlace {
  const env = Object.fromEntries(
    Object.entries(environment).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value]],
    ),
  );
  return { cwd: path.resolve("."), env };
}

/** The files that credentials are looked for in: podman's, which come first as for podman itself, then Docker's. */
export function authFiles(settings: Settings, given: string | undefined): string[] {
  if (given !== undefined) return [path.resolve(given)];
  const { authFile, runtimeDir, configHome, home } = settings;
  const config = configHome ?? (home && path.join(home, ".config"));
  return [
    ...(authFile === undefined ? [] : [path.resolve(authFile)]),
    ...(runtimeDir === undefined ? [] : [path.join(runtimeDir, "containers/auth.json")]),
    ...(config === undefined ? [] : [path.join(config, "containers/auth.json")]),
    ...dockerFile(settings),
  ];
}

function dockerFile({ dockerConfig, home }: Settings): string[] {
  const folder = dockerConfig ?? (home && path.join(home, ".docker"));
  return folder === undefined ? [] : [path.join(path.resolve(folder), "config.json")];
}

/** The file that `login` writes. @throws usage when nothing says it */
export function loginFile(settings: Settings, given: string | undefined): string {
  const [file] = [given, settings.authFile, ...dockerFile(settings)].filter(
    (it) => it !== undefined,
  );
  if (file !== undefined) return path.resolve(file);
  throw new IngotError("usage", {
    message:
      "where credentials are kept: neither REGISTRY_AUTH_FILE nor DOCKER_CONFIG nor HOME is set",
    hint: "choose a file with --authfile FILE",
  });
}

const PASSWORD_LIMIT = 64 * 1024;

/** The name and the password that the words and stdin say; undefined where none is given. @throws usage */
export async function readLogin(
  words: Partial<Values<typeof LOGIN>>,
): Promise<Extract<Credentials, { username: string }> | undefined> {
  const { username, "password-stdin": fromStdin = false } = words;
  if (username === undefined && !fromStdin) return undefined;
  const usage = (message: string, hint: string) => new IngotError("usage", { message, hint });
  const example = "for example: ingot login HOST --username NAME --password-stdin < password.txt";
  if (username === undefined || !fromStdin)
    throw usage(
      `--${fromStdin ? "password-stdin" : "username"} is given alone, should be with --${fromStdin ? "username" : "password-stdin"}`,
      example,
    );
  if (username.includes(":"))
    throw usage(`--username is ${JSON.stringify(username)}, should have no colon`, example);
  if (isatty(0)) throw usage("standard input is a terminal, should be a password", example);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of fdBytes(0, "standard input")) {
    size += piece.length;
    if (size > PASSWORD_LIMIT)
      throw usage("standard input is longer than a password, should be one", example);
    pieces.push(piece.slice());
  }
  const password = text(concat(pieces))?.replace(/\r?\n$/, "");
  if (password === undefined || password === "" || /[\r\n\0]/.test(password))
    throw usage("standard input is not a password (expected one line of text)", example);
  return { username, password };
}
