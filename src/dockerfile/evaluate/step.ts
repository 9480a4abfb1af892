import type { Diagnostic } from "../../base/error.ts";
import type { Platform } from "../../oci/platform.ts";
import type { ContainerConfig } from "../image/config.ts";

/** What a build is told from outside the Dockerfile. */
export interface BuildScope {
  /** `--build-arg`. */
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly platform: Platform;
  /** As the Dockerfile is to see it: the same as `platform`, so that nothing of the host is in the image. */
  readonly buildPlatform: Platform;
  /** The value of `ARG SOURCE_DATE_EPOCH`, in seconds; undefined = only what `--build-arg` says. */
  readonly epoch?: number | undefined;
  /** `--target`, as `ARG TARGETSTAGE` says it; undefined = the last stage. */
  readonly target?: string | undefined;
}

/** What a stage begins with, or COPY copies from. */
export type StageBase =
  | { readonly kind: "scratch" }
  | { readonly kind: "stage"; readonly index: number }
  | {
      readonly kind: "image";
      readonly text: string;
      /** FROM --platform; undefined = the one that is built for. */
      readonly platform?: Platform | undefined;
      /** `Dockerfile:3:1`, for messages. */
      readonly place: string;
    };

/** A stage, worked out. */
export interface EvaluatedStage {
  readonly config: ContainerConfig;
  readonly steps: readonly Step[];
  /** Warnings. */
  readonly problems: readonly Diagnostic[];
}

/**
 * What an instruction does to the file system, and its line of history.
 *
 * `createdBy` has BuildKit's words: the instruction's name in capitals and its words, expanded. So `ENV A=1 B=c d`,
 * `WORKDIR /a/b`, `COPY --chown=1:2 a b /c/` (of the flags only --parents, --chown and --chmod, here-documents as
 * `<<NAME`), `CMD ["/bin/sh" "-c" "x"]`, `EXPOSE [80/tcp]`. Left out are BuildKit's suffix ` # buildkit` and
 * its comment: they would not be true. ONBUILD has no line, as it has none with BuildKit; what it triggers
 * has its own. Nothing in it comes from the machine: sources are written as in the Dockerfile.
 */
export type Step =
  | { readonly kind: "empty"; readonly createdBy: string }
  | {
      readonly kind: "workdir";
      readonly createdBy: string;
      /** Absolute, without "." and "..". */
      readonly path: string;
      /** USER, who owns the folders that are made: a name or number, maybe with a group. */
      readonly user?: string | undefined;
    }
  | { readonly kind: "copy"; readonly createdBy: string; readonly copy: CopyStep };

/** COPY or ADD, expanded. */
export interface CopyStep {
  /** Whether local archives are unpacked: ADD without --unpack=false. */
  readonly add: boolean;
  /** Patterns without leading slash, "" = all; with --parents one `/./` may stand in them. */
  readonly sources: readonly string[];
  /** Here-documents. */
  readonly files: readonly { readonly name: string; readonly bytes: Uint8Array }[];
  /** Absolute; a "/" at its end says that it is a folder. */
  readonly dest: string;
  readonly from:
    | { readonly kind: "context" }
    | { readonly kind: "stage"; readonly index: number }
    | { readonly kind: "image"; readonly text: string };
  readonly chown?: string | undefined;
  readonly chmod?: string | undefined;
  readonly exclude: readonly string[];
  readonly parents: boolean;
  readonly link: boolean;
  /** `Dockerfile:3:1`, for messages. */
  readonly place: string;
}
