/** Signs images where they are, or into a new archive. */
import { signImages } from "../../transfer/sign.ts";
import { defineCommand } from "../args/define-command.ts";
import { applySignatures, SIGNING } from "./apply.ts";

const FORMS = ["bundle", "tag"] as const;

export const signCommand = defineCommand({
  name: "sign",
  description: "sign images with a key, without a registry",
  args: {
    ...SIGNING,
    form: {
      type: "string",
      valueHint: "FORM",
      words: FORMS,
      description:
        "bundle (sigstore's, as cosign 3 writes them) or tag (as cosign before version 3 does); default: bundle",
    },
  },
  notes: [
    "The image is signed, and each of its platforms: with one platform alone its signature stays. Nothing of the image changes.\nThe same key and image give the same bytes, on every machine and at any time: ECDSA as RFC 6979 says, Ed25519, or RSA PKCS #1 v1.5.",
    "cosign 3 verifies what is pushed: cosign verify --key cosign.pub --insecure-ignore-tlog=true IMAGE. ingot verify --key does without a registry.",
  ],
  examples: [
    { line: "ingot sign trace:v1 --key cosign.key", does: "a stored image" },
    {
      line: "ingot sign all.tar --key cosign.key -o signed.tar",
      does: "every image of an archive, into a new one",
    },
    { line: "ingot sign oci:/srv/layout:v1 --key key.pem --form tag", does: "for cosign 2" },
  ],
  document:
    '{"images": [{"reference", "digest"}], "key": {"id", "type"}, "form",\n "signatures": [{"subject", "platform"?, "digest"}], "output"?}; subject = the manifest that is signed, digest = the one that signs it',
  async run(words, context) {
    const { form = "bundle" } = words;
    await applySignatures(
      words,
      context,
      (images, referring, key) => signImages(images, referring, form, key),
      { noun: "signature", more: { form } },
    );
    return 0;
  },
});
