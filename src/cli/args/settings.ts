/** The environment, read once, into a closed type. */
import { homedir } from "node:os";
import * as path from "node:path";
import { IngotError } from "../../base/error.ts";
import { LAST_EPOCH, parseEpoch } from "../../base/time.ts";

export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/** What the environment says. A variable that is empty counts as not set, except SOURCE_DATE_EPOCH. */
export interface Settings {
  readonly store: string | undefined;
  readonly dataHome: string | undefined;
  readonly home: string | undefined;
  readonly clang: string | undefined;
  readonly llvmStrip: string | undefined;
  readonly go: string | undefined;
  readonly cargo: string | undefined;
  /** As it stands there, also when it is empty: see `sourceDateEpoch`. */
  readonly sourceDateEpoch: string | undefined;
  readonly httpProxy: string | undefined;
  readonly httpsProxy: string | undefined;
  readonly noProxy: string | undefined;
  /** A file of certificates to trust. */
  readonly certFile: string | undefined;
  /** Podman's file of credentials, and the folders that it and Docker keep theirs in. */
  readonly authFile: string | undefined;
  readonly runtimeDir: string | undefined;
  readonly configHome: string | undefined;
  readonly dockerConfig: string | undefined;
  /** Whether colours may be used where the terminal has them (https://no-color.org, TERM=dumb). */
  readonly color: boolean;
  /** Whether a line may be drawn over and over: not in CI, not on a dumb terminal. */
  readonly redraw: boolean;
  /** All of it, for the compilers, which pick what they need. */
  readonly environment: ProcessEnvironment;
}

/** @param home the home folder where HOME is not set; default: what the system says */
export function readSettings(
  environment: ProcessEnvironment,
  home: () => string | undefined = systemHome,
): Settings {
  const value = (name: string) => environment[name] || undefined;
  const dumb = value("TERM") === "dumb";
  return {
    store: value("INGOT_STORE"),
    dataHome: value("XDG_DATA_HOME"),
    home: value("HOME") ?? home(),
    clang: value("INGOT_CLANG"),
    llvmStrip: value("INGOT_LLVM_STRIP"),
    go: value("INGOT_GO"),
    cargo: value("INGOT_CARGO"),
    sourceDateEpoch: environment.SOURCE_DATE_EPOCH,
    httpProxy: value("http_proxy") ?? value("HTTP_PROXY"),
    httpsProxy: value("https_proxy") ?? value("HTTPS_PROXY"),
    noProxy: value("no_proxy") ?? value("NO_PROXY"),
    certFile: value("SSL_CERT_FILE"),
    authFile: value("REGISTRY_AUTH_FILE"),
    runtimeDir: value("XDG_RUNTIME_DIR"),
    configHome: value("XDG_CONFIG_HOME"),
    dockerConfig: value("DOCKER_CONFIG"),
    color: value("NO_COLOR") === undefined && !dumb,
    redraw: value("CI") === undefined && !dumb,
    environment,
  };
}

function systemHome(): string | undefined {
  try {
    return homedir() || undefined;
  } catch {
    return undefined;
  }
}

/**
 * Where the store is: `--store`, else INGOT_STORE, else `ingot` in the data folder of the XDG base directory
 * specification, which has a relative XDG_DATA_HOME ignored. @throws usage when nothing says it
 */
export function storePath(settings: Settings, flag: string | undefined): string {
  const given = flag ?? settings.store;
  if (given !== undefined) return path.resolve(given);
  const { dataHome, home } = settings;
  if (dataHome !== undefined && path.isAbsolute(dataHome)) return path.join(dataHome, "ingot");
  if (home !== undefined) return path.resolve(home, ".local/share/ingot");
  throw new IngotError("usage", {
    message: "where the store is: neither INGOT_STORE nor XDG_DATA_HOME nor HOME is set",
    hint: "choose a folder with --store DIR",
  });
}

/** The seconds that SOURCE_DATE_EPOCH says; undefined when it is not set. @throws usage for any other value */
export function sourceDateEpoch({ sourceDateEpoch: text }: Settings): number | undefined {
  if (text === undefined) return undefined;
  const seconds = parseEpoch(text);
  if (seconds !== undefined) return seconds;
  throw new IngotError("usage", {
    message: `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, should be whole seconds since 1970, 0 to ${LAST_EPOCH}`,
    hint: "set it, for example to $(git log -1 --format=%ct), or unset it: then it is 0",
  });
}
