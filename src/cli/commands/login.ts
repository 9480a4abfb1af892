import { IngotError } from "../../base/error.ts";
import { keepCredentials } from "../../registry/auth/credentials.ts";
import { Registry } from "../../registry/registry.ts";
import { defineCommand } from "../args/define-command.ts";
import { registryName } from "../args/registry-name.ts";
import {
  helperPlace,
  LOGIN,
  loginFile,
  REGISTRY,
  readLogin,
  registryOptions,
} from "../shared/registry-flags.ts";

export const loginCommand = defineCommand({
  name: "login",
  description: "log in to a registry",
  store: false,
  args: {
    registry: { type: "positional", required: true, description: "its host, as in ghcr.io" },
    ...LOGIN,
    ...REGISTRY,
  },
  notes: [
    "Asks the registry first; only what it takes is kept: in --authfile, else REGISTRY_AUTH_FILE, else Docker's config.json,\nor in the credential helper that the file names. Docker, podman and skopeo know it from there. Without a helper the\npassword can be read from the file, which is for its owner alone.",
  ],
  examples: [
    {
      line: "ingot login ghcr.io --username me --password-stdin < token.txt",
      does: "with a password or a token from a file",
    },
  ],
  document: '{"registry", "username", "kept"}; kept is the file, or the helper',
  async run(words, { reporter, settings }) {
    const registry = registryName(words.registry);
    const who = await readLogin(words);
    if (who === undefined)
      throw new IngotError("usage", {
        message: "--username and --password-stdin are missing",
        hint: `for example: ingot login ${registry} --username NAME --password-stdin < password.txt`,
      });
    const options = await registryOptions(settings, {
      ...words,
      username: undefined,
      "password-stdin": false,
    });
    const asked = new Registry(registry, { ...options, credentials: async () => who });
    try {
      await asked.ping();
    } finally {
      asked.close();
    }
    const file = loginFile(settings, words.authfile);
    const kept = await keepCredentials(file, registry, who, helperPlace(settings));
    reporter.print(`${registry} ${who.username}`);
    reporter.info(`kept in ${kept}`);
    reporter.document({ registry, username: who.username, kept });
    return 0;
  },
});
