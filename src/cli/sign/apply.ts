/** What `sign` and `attest` share: images, a key, and where what is made goes. */
import { IngotError } from "../../base/error.ts";
import { readFile } from "../../base/fs/file.ts";
import type { Referring } from "../../image/referrers.ts";
import type { StoredImage } from "../../image/select.ts";
import { parseSource } from "../../source/source.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { resolveSources } from "../../transfer/endpoint.ts";
import { planImages } from "../../transfer/plan-images.ts";
import { addSignatures, type SignatureChange, withSignatures } from "../../transfer/sign.ts";
import { parsePrivateKey, type SigningKey } from "../../trust/sign/private-key.ts";
import type { Context } from "../args/define-command.ts";
import type { JsonAnswer } from "../output/reporter.ts";
import { archiveTarget } from "../shared/archive-target.ts";
import { passingOver, REPOSITORY } from "../shared/name-flags.ts";
import { imageLine, JOBS, lazyStore, readJobs, withProgress } from "../shared/task.ts";
import { KEY_FILE_LIMIT } from "../shared/trust-flags.ts";
import { PASSWORD_FILE, passwordFor } from "./password.ts";

/** The flags that both have. */
export const SIGNING = {
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
  output: {
    type: "string",
    alias: "o",
    valueHint: "FILE",
    description:
      "a new archive with the images, what refers to them and what is made, - is stdout; else the store or the layout gets it",
  },
  "password-file": PASSWORD_FILE,
  repository: REPOSITORY,
  jobs: JOBS,
} as const;

interface SigningWords {
  readonly source: string;
  readonly key: string;
  readonly output: string | undefined;
  readonly "password-file": string | undefined;
  readonly repository: string | undefined;
  readonly jobs: string | undefined;
  readonly store: string | undefined;
}

/** How the answer calls what was made. */
interface Told {
  /** `signature`. */
  readonly noun: string;
  /** Members of the document. */
  readonly more: Readonly<Record<string, JsonAnswer>>;
}

/** Makes signatures of images, puts them where the words say, and answers. Nothing is changed before all of them are made. */
export async function applySignatures(
  words: SigningWords,
  context: Context,
  make: (
    images: readonly StoredImage[],
    referring: readonly Referring[],
    key: SigningKey,
  ) => SignatureChange,
  { noun, more }: Told,
): Promise<void> {
  const { source, key: file, output, repository } = words;
  const { reporter } = context;
  if (output === "-") reporter.answerOnStderr();
  const threads = readJobs(words.jobs);
  const place = parseSource(source);
  if (place.kind === "archive" && output === undefined)
    throw new IngotError("usage", {
      message: `${JSON.stringify(source)} is an archive, and an archive is never changed`,
      hint: `name a new one for the images and each ${noun}: -o FILE`,
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
      throw new IngotError("internal", { message: "no registry is signed in" });
    },
  });
  const change = make(images, referring, key);
  if (write !== undefined) {
    const plan = await planImages(withSignatures(images, referring, change));
    const task = { label: noun, total: plan.size, threads };
    await withProgress(context, task, (working) => write(plan, working));
  } else {
    const store = place.kind === "layout" ? new FolderStore(place.path) : openStore();
    await withProgress(context, { label: noun, threads }, (working) =>
      addSignatures(store, change, working),
    );
  }
  const { id, kind } = key.publicKey;
  const named = images.map(({ reference, descriptor: { digest } }) => ({ reference, digest }));
  const made = change.made.map(({ refers: { subject }, descriptor, platform }) => ({
    subject,
    platform,
    digest: descriptor.digest,
  }));
  for (const image of named) reporter.print(imageLine(image));
  for (const { subject, platform, digest } of made)
    reporter.print(`  ${noun} of ${platform ?? subject}: ${digest}`);
  reporter.info(`signed with ${id} (${kind})`);
  reporter.document({
    images: named,
    key: { id, type: kind },
    ...more,
    [`${noun}s`]: made,
    output,
  });
}
