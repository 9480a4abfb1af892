/** Says something of images, signed: an SBOM, where they come from, that they were checked. */
import { readFile } from "../../base/fs/file.ts";
import { attestImages } from "../../transfer/sign.ts";
import { PREDICATE_TYPES, predicateTypeOf } from "../../trust/forms/predicate-types.ts";
import { PREDICATE_LIMIT, parsePredicate } from "../../trust/sign/make-signature.ts";
import { defineCommand } from "../args/define-command.ts";
import { PLATFORM, parsePlatformFlag } from "../shared/task.ts";
import { applySignatures, SIGNING } from "./apply.ts";

export const attestCommand = defineCommand({
  name: "attest",
  description: "attach a signed statement about images: an SBOM, provenance, …",
  args: {
    ...SIGNING,
    predicate: {
      type: "string",
      valueHint: "FILE",
      required: true,
      description: "what is said, a JSON object; its bytes go into the statement as they are",
    },
    type: {
      type: "string",
      valueHint: "TYPE",
      required: true,
      description: `its type: ${Object.keys(PREDICATE_TYPES).join(", ")}, or a URI`,
    },
    platform: PLATFORM,
  },
  notes: [
    "The statement is in-toto's (v1), in a sigstore bundle, about each image as a whole; with --platform about these platforms instead.\nThe same key, image and predicate give the same bytes. ingot verify --attestation TYPE demands one, cosign verify-attestation reads it.",
  ],
  examples: [
    {
      line: "ingot attest app:v1 --key cosign.key --type spdx --predicate sbom.json --platform linux/amd64",
      does: "the SBOM of one platform of a stored image",
    },
    {
      line: "ingot attest app.tar --key ci.key --type slsaprovenance1 --predicate p.json -o out.tar",
      does: "provenance, in a new archive",
    },
  ],
  document:
    '{"images": [{"reference", "digest"}], "key": {"id", "type"}, "predicateType",\n "attestations": [{"subject", "platform"?, "digest"}], "output"?}; subject = what it is about, digest = the manifest that holds it',
  async run(words, context) {
    const predicateType = predicateTypeOf(words.type, "--type");
    const platforms = parsePlatformFlag(words.platform);
    const file = readFile(words.predicate, PREDICATE_LIMIT);
    const predicate = parsePredicate(file, predicateType, words.predicate);
    await applySignatures(
      words,
      context,
      (images, _, key) => attestImages(images, platforms, predicate, key),
      { noun: "attestation", more: { predicateType } },
    );
    return 0;
  },
});
