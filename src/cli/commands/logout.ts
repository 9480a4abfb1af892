import { forgetCredentials } from "../../registry/auth/credentials.ts";
import { defineCommand } from "../args/define-command.ts";
import { registryName } from "../args/registry-name.ts";
import { authFiles, helperPlace, REGISTRY } from "../shared/registry-flags.ts";

export const logoutCommand = defineCommand({
  name: "logout",
  description: "log out of a registry",
  store: false,
  args: {
    registry: { type: "positional", required: true, description: "its host, as in ghcr.io" },
    authfile: REGISTRY.authfile,
  },
  notes: [
    "Forgets what the files of podman and Docker, and the helpers that they name, have for the registry as a whole.",
  ],
  examples: [{ line: "ingot logout ghcr.io", does: "forget its password" }],
  no: "nothing was known of it",
  document: '{"registry", "forgotten": [...]}; the files and helpers that knew of it',
  async run({ registry: text, authfile }, { reporter, settings }) {
    const registry = registryName(text);
    const files = authFiles(settings, authfile);
    const forgotten = await forgetCredentials(files, registry, helperPlace(settings));
    for (const where of forgotten) reporter.print(where);
    if (forgotten.length === 0) reporter.info(`nothing is known of ${registry}`);
    reporter.document({ registry, forgotten });
    return forgotten.length === 0 ? 1 : 0;
  },
});
