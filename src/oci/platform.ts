import { Fault } from "../base/fault.ts";
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
    throw new Fault("usage", {
      message: `the platform ${JSON.stringify(value)} is not of the form os/architecture[/variant]`,
      hint: "for example --platform linux/amd64,linux/arm64",
    });
  }
  const [os, architecture, variant] = parts.length === 1 ? ["linux", parts[0]!] : parts;
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

/** Whether an image for `platform` is what `wanted` asks for; a variant counts only where it is asked for. */
export function matchesPlatform(platform: Platform, wanted: Platform): boolean {
  return (
    platform.os === wanted.os &&
    platform.architecture === wanted.architecture &&
    (wanted.variant === undefined || platform.variant === wanted.variant)
  );
}
