import { IngotError } from "../base/error.ts";
import { sortedBy } from "../base/order.ts";

/** What an image is made for (image-spec, image-index.md, "platform"). Members in the order they are written. */
export interface Platform {
  readonly architecture: string;
  readonly os: string;
  readonly "os.version"?: string | undefined;
  readonly "os.features"?: readonly string[] | undefined;
  readonly variant?: string | undefined;
}

/** `os/architecture[/variant]`. */
export function formatPlatform(platform: Platform): string {
  const { os, architecture, variant } = platform;
  return [os, architecture, ...(variant ? [variant] : [])].join("/");
}

/** Whether something runs there. Signatures and attestations in the form of containers are for nothing, or for `unknown`. */
export const isRunnable = ({ os, architecture }: Platform): boolean =>
  os !== "" && architecture !== "" && os !== "unknown";

/** What `uname -m` and Debian call an architecture of Go's, as containerd's platforms (database.go) takes them. */
const ARCHITECTURES = new Map<string, readonly [architecture: string, variant?: string]>([
  ["i386", ["386", ""]],
  ["x86_64", ["amd64"]],
  ["x86-64", ["amd64"]],
  ["aarch64", ["arm64"]],
  ["armhf", ["arm", "v7"]],
  ["armel", ["arm", "v6"]],
]);

/** Variants under other names; "" = what every processor of the architecture is, so that nobody says it. */
const VARIANTS = new Map([
  ["amd64/v1", ""],
  ["arm64/8", ""],
  ["arm64/v8", ""],
  ["arm64/v8.0", ""],
  ["arm64/9", "v9"],
  ["arm64/9.0", "v9"],
  ["arm64/v9.0", "v9"],
  ["arm/5", "v5"],
  ["arm/6", "v6"],
  ["arm/7", "v7"],
  ["arm/8", "v8"],
]);

/** Go's names of systems and architectures that images have: a word that stands where only the other can is a slip. */
const SYSTEMS = /^(?:linux|windows|darwin|macos|freebsd|android)$/;
const PROCESSORS =
  /^(?:386|amd64|arm|arm64|loong64|mips(?:64)?(?:le)?|ppc64(?:le)?|riscv64|s390x|wasm)$/;

/** The same platform under the names that images have. */
function normal(os: string, named: string, given: string | undefined): Platform {
  const [architecture, own] = ARCHITECTURES.get(named) ?? [named];
  const said = own ?? given ?? "";
  const variant = VARIANTS.get(`${architecture}/${said}`) ?? said;
  return { architecture, os: os === "macos" ? "darwin" : os, ...(variant ? { variant } : {}) };
}

/**
 * The platform that `linux/arm64` or `linux/arm/v7` says; a lone word is an architecture of linux. Other names for one are
 * taken as containerd takes them (`linux/aarch64`, `linux/arm64/v8`), but a variant that is not said stays unsaid.
 */
export function parsePlatform(value: string): Platform {
  const parts = value.split("/");
  if (parts.length > 3 || parts.some((part) => !/^[a-z0-9][a-z0-9._-]*$/.test(part))) {
    throw new IngotError("usage", {
      message: `the platform ${JSON.stringify(value)} is not of the form os/architecture[/variant]`,
      hint: "for example --platform linux/amd64,linux/arm64",
    });
  }
  if (parts.length === 1 && !PROCESSORS.test(value) && !ARCHITECTURES.has(value))
    throw new IngotError("usage", {
      message: `the platform ${JSON.stringify(value)} is not valid (expected an architecture, or os/architecture[/variant])`,
      hint: "for example --platform linux/amd64, or arm64",
    });
  const [os, architecture, variant] = parts.length === 1 ? ["linux", parts[0]!] : parts;
  const isSlip = PROCESSORS.test(os!) || ARCHITECTURES.has(os!) || SYSTEMS.test(architecture!);
  if (isSlip)
    throw new IngotError("usage", {
      message: `the platform ${JSON.stringify(value)} has the system ${os} and the architecture ${architecture}, should have a system first`,
      hint: `for example --platform ${parts.length === 2 && !SYSTEMS.test(architecture!) ? `linux/${value}` : "linux/arm64"}`,
    });
  return normal(os!, architecture!, variant);
}

/** The platforms of a list with commas, each once, in the order of their bytes. */
export function parsePlatforms(value: string): Platform[] {
  const unique = new Map(
    value
      .split(",")
      .map((part) => [formatPlatform(parsePlatform(part.trim())), parsePlatform(part.trim())]),
  );
  return sortedBy(unique.values(), formatPlatform);
}

/** What an ARM of 32 bits is that says no more, and then what it runs as well, the best first: as containerd has it. */
const ARM = ["v7", "v6", "v5"];

/**
 * How far an image for `platform` is from what `wanted` asks for: 0 is the same in every letter; undefined is another one. Other names
 * are the same (`arm64/v8` is `arm64`, `amd64/v1` is `amd64`, as containerd has them), and a variant is never another one, not
 * even one that would run: only of `arm` alone that is `arm/v7`, else the next lower that there is.
 */
function distance(platform: Platform, wanted: Platform): number | undefined {
  const is = normal(platform.os, platform.architecture, platform.variant);
  const asked = normal(wanted.os, wanted.architecture, wanted.variant);
  if (is.os !== asked.os || is.architecture !== asked.architecture) return undefined;
  if (formatPlatform(platform) === formatPlatform(wanted)) return 0;
  if (is.variant === asked.variant) return 1;
  if (is.architecture !== "arm") return undefined;
  const variant = is.variant ?? ARM[0]!;
  const runs = asked.variant === undefined ? ARM : [asked.variant];
  const at = runs.indexOf(variant);
  return at < 0 ? undefined : 2 + at;
}

/** Whether an image for `platform` is one that `wanted` may mean. */
export function matchesPlatform(platform: Platform, wanted: Platform): boolean {
  return distance(platform, wanted) !== undefined;
}

/**
 * Which of `platforms` is what `wanted` asks for, by their places: the nearest, of equal ones that which needs the fewest features of
 * its system, and then the first. More than one only where they are for several versions of a system (`os.version`, as Windows has
 * them), which are platforms that `wanted` cannot tell apart.
 */
export function placesFor(
  platforms: readonly (Platform | undefined)[],
  wanted: Platform,
): ReadonlySet<number> {
  const found = platforms.flatMap((platform, place) => {
    const far = platform && distance(platform, wanted);
    if (platform === undefined || far === undefined) return [];
    const { "os.version": version = "", "os.features": features = [] } = platform;
    return [{ place, far, version, needs: features.length }];
  });
  const nearest = found.reduce((least, { far }) => Math.min(least, far), Number.POSITIVE_INFINITY);
  const best = found
    .filter(({ far }) => far === nearest)
    .sort((a, b) => b.needs - a.needs || b.place - a.place);
  return new Set(new Map(best.map(({ version, place }) => [version, place])).values());
}
