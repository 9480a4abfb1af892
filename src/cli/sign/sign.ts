/** Signs images where they are, or into a new archive. */
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";
import { parseSource } from "../../source/source.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { resolveSources } from "../../transfer/endpoint.ts";
import { planImages } from "../../transfer/plan-images.ts";
import { addSignatures, signImages, withSignatures } from "../../transfer/sign.ts";
import { parsePrivateKey } from "../../trust/sign/private-key.ts";
import { defineCommand } from "../args/define-command.ts";
import { archiveTarget } from "../shared/archive-target.ts";
import { passingOver, REPOSITORY } from "../shared/name-flags.ts";
import { imageLine, JOBS, lazyStore, readJobs, withProgress } from "../shared/task.ts";
import { KEY_FILE_LIMIT } from "../shared/trust-flags.ts";
import { PASSWORD_FILE, passwordFor } from "./password.ts";

const FORMS = ["bundle", "tag"] as const;

export const signCommand = defineCommand({
  name: "sign",
  description: "sign images with a key, without a registry",
  args: {
    source: {
      type: "positional",
      required: true,
      description:
        "a name in the store, a layout, oci:DIR[:REF], or an archive; of the last two every image, where no REF is given",
    },
    key: {
      type: "string",
      valueHint: "FILE",
      required: true,
      description: "the private key: cosign.key, or one in PEM",
    },
    form: {
      type: "string",
      valueHint: "FORM",
      words: FORMS,
      description:
        "bundle (sigstore's, as cosign 3 writes them) or tag (as cosign before version 3 does); default: bundle",
    },
    output: {
      type: "string",
      alias: "o",
      valueHint: "FILE",
      description:
        "a new archive with the images, what refers to them and the signatures, - is stdout; else the store or the layout gets the signatures",
    },
    "password-file": PASSWORD_FILE,
    repository: REPOSITORY,
    jobs: JOBS,
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
    const { source, key: file, form = "bundle", output, repository } = words;
    const { reporter } = context;
    if (output === "-") reporter.answerOnStderr();
    const threads = readJobs(words.jobs);
    const place = parseSource(source);
    if (place.kind === "archive" && output === undefined)
      throw new IngotError("usage", {
        message: `${JSON.stringify(source)} is an archive, and an archive is never changed`,
        hint: "name a new one for the images and their signatures: -o FILE",
      });
    const write = output === undefined ? undefined : archiveTarget(output);
    const openStore = lazyStore(context, words.store);
    const password = passwordFor(file, words["password-file"], context);
    const key = await parsePrivateKey(readFile(file, KEY_FILE_LIMIT), file, password);
    const { images, referring } = await resolveSources(source, {
      platforms: [],
      along: "all",
      repository,
      passOver: place.kind === "archive" ? passingOver(reporter) : undefined,
      openStore,
      openRepository: () => {
        throw new IngotError("internal", { message: "sign opens no registry" });
      },
    });
    const change = signImages(images, referring, form, key);
    if (write !== undefined) {
      const all = withSignatures(images, referring, change);
      const plan = await planImages(all);
      const task = { label: "sign", total: plan.size, threads };
      await withProgress(context, task, (working) => write(plan, working));
    } else {
      const store = place.kind === "layout" ? new FolderStore(place.path) : openStore();
      await withProgress(context, { label: "sign", threads }, (working) =>
        addSignatures(store, change, working),
      );
    }
    const { id, kind } = key.publicKey;
    const named = images.map(({ reference, descriptor: { digest } }) => ({ reference, digest }));
    const signatures = change.made.map(({ refers: { subject }, descriptor, platform }) => ({
      subject,
      platform,
      digest: descriptor.digest,
    }));
    for (const image of named) reporter.print(imageLine(image));
    for (const { subject, platform, digest } of signatures)
      reporter.print(`  signature of ${platform ?? subject}: ${digest}`);
    reporter.info(`signed with ${id} (${kind})`);
    reporter.document({ images: named, key: { id, type: kind }, form, signatures, output });
    return 0;
  },
});
