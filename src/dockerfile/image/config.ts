import * as v from "valibot";
import { IngotError } from "../../base/error.ts";
import { excerpt, type Json } from "../../base/json/json.ts";
import { parseShaped } from "../../base/json/shape.ts";
import { sortedBy } from "../../base/order.ts";
import { type Digest, isDigest } from "../../oci/digest.ts";
import { MANIFEST_LIMIT } from "../../oci/manifest.ts";
import type { Platform } from "../../oci/platform.ts";
import { IMAGE_CONFIG } from "../../oci/shape.ts";
import type { Health } from "../syntax/instruction.ts";

/** One line of an image's history (image-spec, config.md). Members in the order they are written. */
export interface History {
  readonly created?: string | undefined;
  readonly created_by?: string | undefined;
  readonly author?: string | undefined;
  readonly comment?: string | undefined;
  /** Whether the line has no layer. */
  readonly empty_layer?: boolean | undefined;
}

/**
 * What an image says of how it is run (image-spec, config.md, and Docker's members Healthcheck, OnBuild, Shell and
 * ArgsEscaped). A value: who wants another one makes it.
 */
export interface ContainerConfig {
  readonly platform: Platform;
  readonly author?: string | undefined;
  readonly user: string;
  /** As `80/tcp`. */
  readonly exposedPorts: readonly string[];
  /** As `NAME=value`, in the order they are written. */
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly cmd: readonly string[];
  readonly volumes: readonly string[];
  /** "" or absolute. */
  readonly workingDir: string;
  readonly labels: ReadonlyMap<string, string>;
  readonly stopSignal: string;
  readonly argsEscaped: boolean;
  readonly healthcheck?: Health | undefined;
  /** Instructions that run at the beginning of a stage that is built on this. */
  readonly onBuild: readonly string[];
  readonly shell: readonly string[];
  /** Members of a base's `config` that are not known here: they are kept. */
  readonly other: ReadonlyMap<string, Json>;
  /** The base's, as it has them. */
  readonly history: readonly History[];
  readonly diffIDs: readonly Digest[];
  /** Values of ARGs and the like that a stage built on this one goes on with. Never written. */
  readonly variables: ReadonlyMap<string, string>;
}

/** Where a container looks for programs, unless told otherwise: as Docker has it. */
export const PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** What FROM scratch begins with. */
export function emptyConfig(platform: Platform): ContainerConfig {
  return {
    platform,
    user: "",
    exposedPorts: [],
    env: platform.os === "windows" ? [] : [PATH],
    entrypoint: [],
    cmd: [],
    volumes: [],
    workingDir: "/",
    labels: new Map(),
    stopSignal: "",
    argsEscaped: false,
    onBuild: [],
    shell: [],
    other: new Map(),
    history: [],
    diffIDs: [],
    variables: new Map(),
  };
}

/** What the system is given to run a program with ends at the first NUL. */
const word = v.pipe(
  v.string(),
  v.check((said) => !said.includes("\0"), "it has a NUL in it"),
);
const text = v.nullish(word, "");
const texts = v.nullish(v.array(word), []);
const set = v.nullish(v.record(v.string(), v.unknown()), {});
const whole = v.nullish(v.pipe(v.number(), v.safeInteger()), 0);
const health = v.object({
  Test: texts,
  Interval: whole,
  Timeout: whole,
  StartPeriod: whole,
  StartInterval: whole,
  Retries: whole,
});
const KNOWN = {
  User: text,
  ExposedPorts: set,
  Env: texts,
  Entrypoint: texts,
  Cmd: texts,
  Volumes: set,
  WorkingDir: text,
  Labels: v.nullish(v.record(v.string(), v.string()), {}),
  StopSignal: text,
  ArgsEscaped: v.nullish(v.boolean(), false),
  Healthcheck: v.nullish(health),
  OnBuild: texts,
  Shell: texts,
};
const history = v.object({
  created: v.optional(v.string()),
  created_by: v.optional(v.string()),
  author: v.optional(v.string()),
  comment: v.optional(v.string()),
  empty_layer: v.optional(v.boolean()),
});
const digest = v.custom<Digest>(
  isDigest,
  "a diff_id is sha256: and 64 lower-case hexadecimal digits",
);
const shape = v.object({
  author: v.optional(v.string()),
  architecture: v.string(),
  os: v.string(),
  "os.version": v.optional(v.string()),
  "os.features": v.nullish(v.array(v.string())),
  variant: v.optional(v.string()),
  config: v.nullish(v.looseObject(KNOWN)),
  rootfs: v.object({ diff_ids: v.nullish(v.array(digest), []) }),
  history: v.nullish(v.array(history), []),
});

/**
 * The config of a base image. Members of its `config` that are not known are kept; what says how the base itself
 * was made (its time, Docker's `container_config`) is not taken over, as BuildKit does not.
 * @param at what the bytes are, for the message @throws malformed, too-large
 */
export function parseContainerConfig(bytes: Uint8Array, at: string): ContainerConfig {
  const json = parseShaped(bytes, at, { bytes: MANIFEST_LIMIT }, IMAGE_CONFIG);
  const found = v.safeParse(shape, json, { abortEarly: true });
  if (!found.success) {
    const [issue] = found.issues;
    const why = `${excerpt(v.getDotPath(issue) ?? "it")}: ${excerpt(issue.message)}`;
    throw new IngotError("malformed", { what: "an image config", at, why });
  }
  const image = found.output;
  const config = v.parse(v.looseObject(KNOWN), image.config ?? {});
  return {
    platform: platformOf(image),
    ...(image.author ? { author: image.author } : {}),
    user: config.User,
    exposedPorts: Object.keys(config.ExposedPorts),
    env: config.Env,
    entrypoint: config.Entrypoint,
    cmd: config.Cmd,
    volumes: Object.keys(config.Volumes),
    workingDir: config.WorkingDir,
    labels: new Map(Object.entries(config.Labels)),
    stopSignal: config.StopSignal,
    argsEscaped: config.ArgsEscaped,
    ...(config.Healthcheck && { healthcheck: healthOf(config.Healthcheck) }),
    onBuild: config.OnBuild,
    shell: config.Shell,
    other: otherOf((json as { config?: object | null }).config ?? {}, at),
    history: image.history,
    diffIDs: image.rootfs.diff_ids,
    variables: new Map(),
  };
}

function platformOf(image: v.InferOutput<typeof shape>): Platform {
  const { architecture, os, variant } = image;
  const version = image["os.version"];
  const features = image["os.features"];
  return {
    architecture,
    os,
    ...(version ? { "os.version": version } : {}),
    ...(features ? { "os.features": features } : {}),
    ...(variant ? { variant } : {}),
  };
}

function healthOf(found: v.InferOutput<typeof health>): Health {
  return {
    test: found.Test,
    interval: found.Interval,
    timeout: found.Timeout,
    startPeriod: found.StartPeriod,
    startInterval: found.StartInterval,
    retries: found.Retries,
  };
}

/** The members that are not known, by the bytes of their names. Numbers in them must be whole, as all that is written. */
function otherOf(config: object, at: string): ReadonlyMap<string, Json> {
  const entries = Object.entries(config).filter(([key]) => !Object.hasOwn(KNOWN, key));
  for (const [key, value] of entries) {
    if (isWhole(value)) continue;
    const why = `config.${excerpt(key)}: a number in it is not whole, or too large to be exact`;
    throw new IngotError("malformed", { what: "an image config", at, why });
  }
  return new Map(sortedBy(entries, ([key]) => key)) as ReadonlyMap<string, Json>;
}

function isWhole(value: unknown): boolean {
  if (typeof value === "number") return Number.isSafeInteger(value) && !Object.is(value, -0);
  return typeof value !== "object" || value === null || Object.values(value).every(isWhole);
}
