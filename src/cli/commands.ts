/** ingot as a whole: its commands, each loaded when it is asked for, in the order of the help. */
import type { SubCommandsDef } from "citty";
import manifest from "../../package.json" with { type: "json" };
import type { Command } from "./args/define-command.ts";

/** The release of ingot. No result may depend on it, except where a gadget names its builder. */
export const VERSION: string = manifest.version;

export const DESCRIPTION =
  "reproducible OCI images, and one canonical archive that proves itself offline";

const lazy = {
  build: async () => (await import("./commands/build.ts")).buildCommand,
  check: async () => (await import("./build/check.ts")).checkCommand,
  metadata: async () => (await import("./build/metadata.ts")).metadataCommand,
  export: async () => (await import("./commands/export.ts")).exportCommand,
  import: async () => (await import("./commands/import.ts")).importCommand,
  verify: async () => (await import("./commands/verify.ts")).verifyCommand,
  sign: async () => (await import("./sign/sign.ts")).signCommand,
  attest: async () => (await import("./sign/attest.ts")).attestCommand,
  keygen: async () => (await import("./sign/keys.ts")).keygenCommand,
  "public-key": async () => (await import("./sign/keys.ts")).publicKeyCommand,
  pull: async () => (await import("./commands/pull.ts")).pullCommand,
  push: async () => (await import("./commands/push.ts")).pushCommand,
  copy: async () => (await import("./commands/copy.ts")).copyCommand,
  login: async () => (await import("./commands/login.ts")).loginCommand,
  logout: async () => (await import("./commands/logout.ts")).logoutCommand,
  list: async () => (await import("./commands/list.ts")).listCommand,
  inspect: async () => (await import("./commands/inspect.ts")).inspectCommand,
  tag: async () => (await import("./commands/tag.ts")).tagCommand,
  remove: async () => (await import("./commands/remove.ts")).removeCommand,
  prune: async () => (await import("./commands/prune.ts")).pruneCommand,
  completion: async () => (await import("./commands/completion.ts")).completionCommand,
} satisfies SubCommandsDef;

export const commands: Readonly<Record<string, () => Promise<Command>>> = lazy;
