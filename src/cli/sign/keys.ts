/** Commands about keys: making them, and showing the public one. */
import { utf8 } from "../../base/bytes.ts";
import { IngotError } from "../../base/error.ts";
import { writeFileAtomic } from "../../base/fs/atomic-file.ts";
import { readFile, stat } from "../../base/fs/file.ts";
import { KEY_TYPES, makeKeyPair } from "../../trust/sign/key-pair.ts";
import { publicPem } from "../../trust/sign/private-key.ts";
import { defineCommand } from "../args/define-command.ts";
import { KEY_FILE_LIMIT } from "../shared/trust-flags.ts";
import { PASSWORD_FILE, passwordFor } from "./password.ts";

export const keygenCommand = defineCommand({
  name: "keygen",
  description: "make a key pair that signs images",
  store: false,
  args: {
    output: {
      type: "string",
      alias: "o",
      valueHint: "PREFIX",
      description: "writes PREFIX.key and PREFIX.pub; default: cosign",
    },
    type: {
      type: "string",
      valueHint: "TYPE",
      words: KEY_TYPES,
      description: `of which kind: ${KEY_TYPES.join(", ")}; default: ecdsa-p256`,
    },
    "password-file": PASSWORD_FILE,
  },
  notes: [
    "The private key is encrypted as cosign does it (scrypt, nacl/secretbox), and is for its owner alone (0600); cosign signs with it as well.\nFiles that are there are never overwritten.",
  ],
  examples: [
    { line: "ingot keygen", does: "cosign.key and cosign.pub, with a password that is asked for" },
    {
      line: "ingot keygen --type ed25519 -o team --password-file secret.txt",
      does: "team.key and team.pub, of Ed25519",
    },
  ],
  document: '{"private", "public", "type", "id"}; id is SHA256: and the digest of the public key',
  async run(words, context) {
    const { output = "cosign", type = "ecdsa-p256" } = words;
    const { reporter } = context;
    const [secret, open] = [`${output}.key`, `${output}.pub`];
    for (const file of [secret, open])
      if (stat(file) !== undefined)
        throw new IngotError("usage", {
          message: `${JSON.stringify(file)} is there already, and keys are never overwritten`,
          hint: "choose another name: ingot keygen -o PREFIX",
        });
    const password = await passwordFor(secret, words["password-file"], context, true)();
    const { privatePem, publicPem: pem, key } = makeKeyPair(type, password, secret);
    writeFileAtomic(secret, utf8(privatePem), 0o600);
    writeFileAtomic(open, utf8(pem));
    reporter.print(`${open} ${key.id}`);
    reporter.info(`the private key is in ${secret}`);
    reporter.document({ private: secret, public: open, type, id: key.id });
    return 0;
  },
});

export const publicKeyCommand = defineCommand({
  name: "public-key",
  description: "print the public key of a private one",
  store: false,
  args: {
    key: {
      type: "string",
      valueHint: "FILE",
      required: true,
      description: "a private key: cosign.key, or one in PEM; a public one is checked and printed",
    },
    "password-file": PASSWORD_FILE,
  },
  examples: [
    { line: "ingot public-key --key cosign.key > cosign.pub", does: "for those who verify" },
  ],
  document: '{"type", "id", "pem"}',
  async run(words, context) {
    const { key: file } = words;
    const password = passwordFor(file, words["password-file"], context);
    const { pem, key } = await publicPem(readFile(file, KEY_FILE_LIMIT), file, password);
    for (const line of pem.trimEnd().split("\n")) context.reporter.print(line);
    context.reporter.document({ type: key.kind, id: key.id, pem });
    return 0;
  },
});
