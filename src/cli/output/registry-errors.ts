/** What a registry's refusals mean, and what to try. */
import type { ErrorDetails } from "../../base/error.ts";

type Refusal = ErrorDetails["registry"];
interface Words {
  readonly is: string;
  readonly hint?: (facts: Refusal) => string;
}

const hostOf = ({ at }: Refusal) => at.split("/", 1)[0]!;

/** HTTP statuses, and what happens to connections. */
const CODES: Readonly<Record<string, Words>> = {
  "401": {
    is: "authentication is required",
    hint: (facts) => `log in: ingot login ${hostOf(facts)} --username NAME --password-stdin`,
  },
  "403": {
    is: "the registry does not allow it",
    hint: (facts) =>
      `check the name, and what you may do there; log in as somebody else: ingot login ${hostOf(facts)} --username NAME --password-stdin`,
  },
  "404": { is: "the registry does not have it", hint: () => "check the name" },
  "413": {
    is: "the registry does not accept content of this size",
    hint: () => "a proxy in front of it may have a limit of its own",
  },
  "429": {
    is: "the registry's rate limit is reached",
    hint: ({ after }) =>
      `${after === undefined ? "wait" : `wait ${after} s`}, then run this again; authenticated users often have a higher limit`,
  },
  tls: {
    is: "the TLS connection could not be verified",
    hint: () =>
      "where the registry has a private CA, give its certificate with --ca-file FILE; where it wants one of yours, --cert FILE --key FILE; where it speaks plain HTTP, say --plain-http",
  },
  ECONNREFUSED: {
    is: "connection refused (ECONNREFUSED)",
    hint: () => "check the name and the port, and whether the registry runs",
  },
  ENOTFOUND: {
    is: "no such host (ENOTFOUND)",
    hint: () => "check the name, and the network",
  },
  EAI_AGAIN: {
    is: "the host's name cannot be looked up now (EAI_AGAIN)",
    hint: () => "check the network, and run this again",
  },
  EPROXY: { is: "the proxy refuses", hint: () => "check HTTPS_PROXY and NO_PROXY" },
  timeout: {
    is: "it takes too long",
    hint: () => "check the network, and run this again: what has arrived is kept",
  },
  cut: {
    is: "the connection broke off, several times",
    hint: () => "check the network, and run this again: what has arrived is kept",
  },
  redirect: { is: "unexpected redirect" },
  answer: {
    is: "unexpected answer",
    hint: () => "check that a registry is at this address",
  },
};

/** What is the case. */
export function registryReason({ code, why }: Refusal): string {
  const isStatus = /^[0-9]{3}$/.test(code);
  const is = CODES[code]?.is ?? (/^5[0-9]{2}$/.test(code) ? "server error" : "");
  const what = isStatus ? (is === "" ? `HTTP ${code}` : `${is} (HTTP ${code})`) : is;
  return [what, why].filter((part) => part !== "").join(": ");
}

/** What to try, where something can be said. */
export function registryHint(facts: Refusal): string | undefined {
  if (facts.hint !== undefined) return facts.hint;
  const known = CODES[facts.code]?.hint?.(facts);
  if (facts.code === "400" && /HTTPS (?:server|port)/.test(facts.why))
    return "it speaks TLS: give its certificate, or that of its CA, with --ca-file FILE";
  if (known !== undefined || !/^5[0-9]{2}$/.test(facts.code)) return known;
  return "run this again later: what has arrived is kept";
}
