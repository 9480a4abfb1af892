import { posix } from "node:path";
import {
  type Diagnostics,
  didYouMean,
  quoteExcerpt,
  type SourcePosition,
} from "../../base/diagnostics.ts";
import { IngotError } from "../../base/error.ts";
import { sortedBy, sortedUnique } from "../../base/order.ts";
import { suggest } from "../../base/suggest.ts";
import { MANIFEST_LIMIT } from "../../oci/manifest.ts";
import type { Platform } from "../../oci/platform.ts";
import { type ContainerConfig, PATH } from "../image/config.ts";
import { healthText, plainList, quotedList } from "../image/go-format.ts";
import type { Dockerfile, Instruction } from "../syntax/instruction.ts";
import { BadPort, parsePorts } from "../syntax/ports.ts";
import { isSignal, SIGNALS } from "../syntax/signals.ts";
import { globalVariables } from "./build-args.ts";
import { copyFrom, refuseUnsupported } from "./copy-sources.ts";
import { copyStep } from "./copy-step.ts";
import { Environment, hintsOf, splitPair } from "./environment.ts";
import { workdirOf } from "./paths.ts";
import { stageBaseOf } from "./stage-base.ts";
import type { BuildScope, StageBase, Step } from "./step.ts";

/** The most ports that one EXPOSE may have: every one of each protocol. */
const PORTS = 3 * 65536;

/** A config while instructions change it. */
type Draft = { -readonly [K in keyof ContainerConfig]: ContainerConfig[K] };

type Of<K extends Instruction["kind"]> = Extract<Instruction, { kind: K }>;

/** Takes the instructions of one stage, one after the other. Mistakes go into the report. */
export class StageEvaluator {
  readonly origin: StageBase | undefined;
  readonly #file: Dockerfile;
  readonly #index: number;
  readonly #scope: BuildScope;
  readonly #report: Diagnostics;
  readonly #globals: ReadonlyMap<string, string>;
  readonly #config: Draft;
  readonly #environment: Environment;
  /** Where a variable stands in the config's environment. */
  readonly #envAt = new Map<string, number>();
  readonly #env: string[];
  readonly #labels: Map<string, string>;
  readonly #ports: Set<string>;
  readonly #volumes: Set<string>;
  readonly #onBuild: string[] = [];
  /** The length of all lines of history. */
  #told = 0;
  /** Where this stage has an instruction of which the last counts. */
  readonly #once = new Map<string, SourcePosition>();

  constructor(
    file: Dockerfile,
    index: number,
    { base, scope, report }: { base: ContainerConfig; scope: BuildScope; report: Diagnostics },
  ) {
    this.#file = file;
    this.#index = index;
    this.#scope = scope;
    this.#report = report;
    this.#globals = globalVariables(file, scope);
    this.origin = stageBaseOf(file, index, this.#globals, report);
    const platform = platformOf(base.platform, scope.platform);
    const hasPath = base.env.some((pair) => /^PATH(=|$)/.test(pair));
    const env = hasPath || platform.os === "windows" ? base.env : [...base.env, PATH];
    this.#config = { ...base, platform };
    this.#env = [...env];
    this.#labels = new Map(base.labels);
    this.#ports = new Set(base.exposedPorts);
    this.#volumes = new Set(base.volumes);
    const set = env.map((pair) => splitPair(pair));
    for (const [i, [name]] of set.entries()) if (!this.#envAt.has(name)) this.#envAt.set(name, i);
    const hints = hintsOf(file, index, this.#globals);
    const options = { token: file.escape, report, hints };
    this.#environment = new Environment([...base.variables, ...set], options);
  }

  config(): ContainerConfig {
    return {
      ...this.#config,
      env: this.#env,
      labels: this.#labels,
      exposedPorts: sortedUnique(this.#ports),
      volumes: sortedUnique(this.#volumes),
      onBuild: this.#onBuild,
      variables: this.#environment.values(),
    };
  }

  /** Takes one instruction. Undefined where it has no line of history. @throws too-large */
  step(said: Instruction): Step | undefined {
    const step = this.#take(said);
    this.#told += step?.createdBy.length ?? 0;
    if (this.#told <= MANIFEST_LIMIT) return step;
    // No one could read the config that has it.
    const [at, actual] = [this.#report.file, this.#told];
    throw new IngotError("too-large", {
      what: "the history of",
      at,
      actual,
      limit: MANIFEST_LIMIT,
    });
  }

  #take(said: Instruction): Step | undefined {
    const config = this.#config;
    const filled = (text: string, own?: string) => this.#environment.text(text, said.at, own);
    switch (said.kind) {
      case "env":
        return this.#setEnv(said);
      case "label":
        return this.#setLabels(said);
      case "arg":
        return this.#arg(said);
      case "copy": {
        const from = copyFrom(this.#file, this.#index, said, this.#report);
        if (from === undefined) return undefined;
        const { workingDir } = config;
        const around = { environment: this.#environment, workingDir, report: this.#report };
        return copyStep(said, from, around);
      }
      case "run":
        refuseUnsupported(said, this.#report);
        return undefined;
      case "cmd":
        this.#warnOnce("CMD", said);
        config.cmd = this.#command(said);
        config.argsEscaped = true;
        return empty(`CMD ${quotedList(config.cmd)}`);
      case "entrypoint":
        this.#warnOnce("ENTRYPOINT", said);
        config.entrypoint = this.#command(said);
        // A CMD of the base belongs to the base's entrypoint.
        if (!this.#once.has("CMD")) config.cmd = [];
        return empty(`ENTRYPOINT ${quotedList(config.entrypoint)}`);
      case "expose":
        return this.#expose(said);
      case "volume":
        return this.#volume(said);
      case "user":
        config.user = filled(said.value);
        return empty(`USER ${config.user}`);
      case "workdir":
        return this.#workdir(filled(said.value));
      case "stopsignal":
        config.stopSignal = filled(said.value);
        this.#checkSignal(config.stopSignal, said.at);
        return empty(`STOPSIGNAL ${config.stopSignal}`);
      case "maintainer":
        config.author = said.value;
        return empty(`MAINTAINER ${said.value}`);
      case "shell":
        config.shell = said.words;
        return empty(`SHELL ${plainList(said.words)}`);
      case "healthcheck":
        this.#warnOnce("HEALTHCHECK", said);
        config.healthcheck = said.health;
        return empty(`HEALTHCHECK ${healthText(said.health)}`);
      case "onbuild":
        this.#onBuild.push(said.expression);
        return undefined;
    }
  }

  #setEnv({ pairs, at }: Of<"env">): Step {
    const filled = pairs.map(({ key, value }) => ({
      key: this.#environment.text(key, at),
      value: this.#environment.text(value, at, key),
    }));
    for (const { key, value } of filled) {
      this.#environment.set(key, value);
      const place = this.#envAt.get(key) ?? this.#env.length;
      this.#envAt.set(key, place);
      this.#env[place] = `${key}=${value}`;
    }
    return empty(["ENV", ...filled.map(({ key, value }) => `${key}=${value}`)].join(" "));
  }

  #setLabels({ pairs, at }: Of<"label">): Step {
    const words = pairs.map(({ key, value }) => {
      const name = this.#environment.text(key, at);
      const text = this.#environment.text(value, at);
      this.#labels.set(name, text);
      return `${name}=${text}`;
    });
    return empty(["LABEL", ...words].join(" "));
  }

  /** An argument's value: what is given, else its own default, else what a global ARG or nature gives. */
  #arg({ args, at }: Of<"arg">): Step {
    const { buildArgs, epoch } = this.#scope;
    const words = args.map(({ name, value }) => {
      const isEpoch = name === "SOURCE_DATE_EPOCH" && epoch !== undefined;
      const given = buildArgs.get(name) ?? (isEpoch ? String(epoch) : undefined);
      const own = value === undefined ? this.#globals.get(name) : undefined;
      const text = given ?? (value === undefined ? own : this.#environment.text(value, at, name));
      if (text === undefined) return name;
      this.#environment.set(name, text);
      return `${name}=${text}`;
    });
    return empty(`ARG ${words.join(" ")}`);
  }

  #command({ words, json }: Of<"cmd" | "entrypoint">): readonly string[] {
    if (json) return words;
    const { shell, platform } = this.#config;
    const usual = platform.os === "windows" ? ["cmd", "/S", "/C"] : ["/bin/sh", "-c"];
    return [...(shell.length > 0 ? shell : usual), words.join(" ")];
  }

  #expose({ words, at }: Of<"expose">): Step {
    const ports: string[] = [];
    // BuildKit orders the words before it expands them.
    for (const word of sorted(words)) {
      for (const text of this.#environment.words(word, at)) {
        try {
          const found = parsePorts(text);
          for (const port of found.ports) ports.push(port);
          if (ports.length > PORTS) throw this.#tooMany(ports.length);
          if (found.published) {
            const hint = "which port of the host it gets is said when it is run: docker run -p";
            this.#report.warning(
              at,
              `EXPOSE ${quoteExcerpt(text)} is taken as ${found.ports.join(" ")}`,
              hint,
            );
          }
        } catch (error) {
          if (!(error instanceof BadPort)) throw error;
          this.#report.error(at, `EXPOSE ${quoteExcerpt(text)} is not a port: ${error.message}`);
        }
      }
    }
    for (const port of ports) this.#ports.add(port);
    return empty(`EXPOSE ${plainList(ports)}`);
  }

  #tooMany(actual: number): IngotError {
    const what = "the ports of one EXPOSE of";
    return new IngotError("too-large", {
      what,
      at: this.#report.file,
      actual,
      limit: PORTS,
      unit: "ports",
    });
  }

  #volume({ words, at }: Of<"volume">): Step {
    const volumes = words.map((word) => this.#environment.text(word, at));
    if (volumes.includes("")) this.#report.error(at, "VOLUME has an empty path");
    for (const volume of volumes) this.#volumes.add(volume);
    return empty(`VOLUME ${plainList(volumes)}`);
  }

  #workdir(written: string): Step {
    const config = this.#config;
    config.workingDir = workdirOf(config.workingDir, written);
    const createdBy = `WORKDIR ${config.workingDir}`;
    const path = posix.resolve("/", config.workingDir);
    const { user } = config;
    return { kind: "workdir", createdBy, path, ...(user ? { user } : {}) };
  }

  #checkSignal(signal: string, at: SourcePosition): void {
    if (isSignal(signal)) return;
    const near = suggest(signal.toUpperCase(), SIGNALS);
    this.#report.error(
      at,
      `STOPSIGNAL ${quoteExcerpt(signal)} is not a signal`,
      didYouMean(near) ?? "for example SIGTERM",
    );
  }

  #warnOnce(name: string, { at }: Instruction): void {
    const before = this.#once.get(name);
    if (before !== undefined) {
      const message = `${name} has no effect: the one on line ${at.line} takes its place`;
      this.#report.warning(before, message);
    }
    this.#once.set(name, at);
  }
}

const empty = (createdBy: string): Step => ({ kind: "empty", createdBy });

/** The words by their bytes, each as often as it stands there. */
const sorted = (words: readonly string[]) => sortedBy(words, (word) => word);

/** The platform that is built for; a base for the same processor lends its variant where none is asked for. */
function platformOf(base: Platform, wanted: Platform): Platform {
  const same = base.os === wanted.os && base.architecture === wanted.architecture;
  return same ? { ...base, ...wanted } : wanted;
}
