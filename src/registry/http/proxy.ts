/** Which proxy a connection goes through, by the variables that curl, Go and others agree on. */

import { BlockList, isIP } from "node:net";
import { IngotError } from "../../base/error.ts";
import { parseProxy } from "./urls.ts";

/** What HTTP_PROXY, HTTPS_PROXY and NO_PROXY say; undefined where one is not set. */
export interface Proxies {
  readonly http: string | undefined;
  readonly https: string | undefined;
  readonly none: string | undefined;
}

/** The host of `url` as a socket wants it: an IPv6 address without its brackets. */
export const hostOf = (url: URL): string => url.hostname.replace(/^\[|\]$/g, "");

/** The port of `url`, also where it is the scheme's own. */
export const portOf = (url: URL): number =>
  url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);

/** Whether `host` is this machine, by its name or by its address. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, "").toLowerCase();
  return (
    bare === "localhost" ||
    bare.endsWith(".localhost") ||
    bare === "::1" ||
    (isIP(bare) === 4 && bare.startsWith("127."))
  );
}

/**
 * The proxy for a connection to `url`; undefined = none. This machine is never reached through one.
 * @throws usage for a proxy that is no URL or has words that are not well escaped, unsupported for one that is not spoken to by HTTP
 */
export function proxyFor(url: URL, { http, https, none }: Proxies): URL | undefined {
  const [text, variable] =
    url.protocol === "https:" ? [https, "HTTPS_PROXY"] : [http, "HTTP_PROXY"];
  if (text === undefined || isLoopback(url.hostname) || isExcepted(url, none)) return undefined;
  const proxy = parseProxy(text);
  if (proxy === null || proxy.hostname === "")
    throw new IngotError("usage", {
      message: `${variable} is not the URL of a proxy (expected one like http://proxy.example.com:3128)`,
    });
  if (wordsOf(proxy) === undefined)
    throw new IngotError("usage", {
      message: `the name or the password in ${variable} has a % that begins no UTF-8, should be like p%25`,
      hint: "in a URL, a % itself is written %25",
    });
  if (proxy.protocol !== "http:")
    throw new IngotError("unsupported", {
      what: "the proxy",
      at: proxy.host,
      found: `${proxy.protocol}//`,
      expected: "http://",
      hint: `set ${variable}=http://${proxy.host}; what goes through it to an https registry is encrypted all the same`,
    });
  return proxy;
}

/** The value of `Proxy-Authorization` that the proxy's URL asks for. */
export function proxyAuthorization(proxy: URL): string | undefined {
  const words = proxy.username === "" ? undefined : wordsOf(proxy);
  return words && `Basic ${Buffer.from(words).toString("base64")}`;
}

/** `name:password` of a URL; undefined where they are not well escaped. */
function wordsOf({ username, password }: URL): string | undefined {
  try {
    return `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  } catch {
    return undefined;
  }
}

/** NO_PROXY: names with all below them, addresses, networks, each with a port where it has one; `*` is everything. */
function isExcepted(url: URL, none: string | undefined): boolean {
  const host = hostOf(url).toLowerCase();
  const port = String(portOf(url));
  return (none ?? "").split(/[\s,]+/).some((entry) => {
    const [, name = "", itsPort] =
      /^(\[[^\]]*\]|[^:]*(?::[^:]*:.*)?)(?::([0-9]+))?$/.exec(entry) ?? [];
    if (name === "" || (itsPort !== undefined && itsPort !== port)) return false;
    const bare = name.toLowerCase().replace(/^\[|\]$/g, "");
    if (bare === "*") return true;
    if (isIP(host) !== 0) return holds(bare, host);
    const domain = bare.replace(/^\*?\./, "");
    return host.endsWith(`.${domain}`) || (host === domain && !bare.startsWith("."));
  });
}

/** Whether `address` is `entry`, or in the network that it says. */
function holds(entry: string, address: string): boolean {
  const [base = "", bits] = entry.split("/");
  const family = isIP(base);
  if (family === 0 || family !== isIP(address)) return false;
  const longest = family === 4 ? 32 : 128;
  if (bits !== undefined && !(/^[0-9]{1,3}$/.test(bits) && Number(bits) <= longest)) return false;
  const kind = family === 4 ? "ipv4" : "ipv6";
  const list = new BlockList();
  list.addSubnet(base, bits === undefined ? longest : Number(bits), kind);
  return list.check(address, kind);
}
