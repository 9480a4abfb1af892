/** What happens to connections, as IngotErrors. */
import { isIP } from "node:net";
import { IngotError } from "../../base/error.ts";
import { hostOf } from "./proxy.ts";

/** What was being done, for the message: a verb phrase, what it is done to, and where it was asked. */
export interface Doing {
  readonly doing: string;
  readonly at: string;
  readonly url: URL;
}

/** What to say of a server that was waited for so many milliseconds. */
export const late = (patience: number) =>
  Object.assign(new Error(`nothing of use came within ${patience / 1000} s`), { code: "timeout" });

/** What the runtimes and their libraries of TLS say where a certificate, or what should be TLS, is not to be taken. */
const TLS =
  /^(?:CERT_|ERR_TLS|ERR_SSL|ERR_OSSL|UNABLE_TO_|SELF_SIGNED|DEPTH_ZERO|HOSTNAME_MISMATCH|INVALID_|EPROTO|PATH_LENGTH)/;
const KEPT = new Set([
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "EACCES",
  "EPROXY",
  "timeout",
]);

/** The IngotError for what happened to a connection: by the runtime's code where that tells something, else it was cut. */
export function toConnectionError(
  error: unknown,
  { doing, at, url }: Doing,
): IngotError<"registry"> {
  if (error instanceof IngotError && error.code === "registry")
    return error as IngotError<"registry">;
  const { code: said = "", message = String(error) } = error as { code?: string; message?: string };
  const code = TLS.test(said) || isTls(message) ? "tls" : KEPT.has(said) ? said : "cut";
  const why =
    isIP(hostOf(url)) === 0 || message.includes(url.hostname)
      ? message
      : `${message} (${url.host})`;
  return new IngotError(
    "registry",
    { doing, at, code, why: code === "tls" && said !== "" ? `${why} [${said}]` : why },
    { cause: error },
  );
}

const isTls = (message: string) =>
  /certificate|wrong version number|InvalidContentType|handshake/i.test(message);
