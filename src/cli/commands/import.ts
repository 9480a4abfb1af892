import { volumeSummary } from "../../archive/volumes/find.ts";
import type { Finding } from "../../image/findings.ts";
import { FolderStore } from "../../store/folder-store.ts";
import { importArchive } from "../../verify/import.ts";
import { defineCommand } from "../args/define-command.ts";
import { storePath } from "../args/settings.ts";
import { findingJson, formatFinding } from "../output/error-messages.ts";
import { formatBytes, plural } from "../output/text.ts";
import { absentJson } from "../shared/absent-platforms.ts";
import { summaryJson } from "../shared/delta-flags.ts";
import { REPOSITORY } from "../shared/name-flags.ts";
import { kindsOf, referrerCount, referrersJson } from "../shared/referrer-flags.ts";
import {
  FOREIGN,
  imageLine,
  JOBS,
  PLATFORM,
  parsePlatformFlag,
  readJobs,
  withProgress,
} from "../shared/task.ts";
import { readTrustFlags, TRUST, trustJson } from "../shared/trust-flags.ts";
import { archiveOf } from "../shared/volume-args.ts";

const isUnchecked = ({ level }: Finding) => level === "unchecked";

export const importCommand = defineCommand({
  name: "import",
  description: "take the images of an archive into the store, every byte verified",
  args: {
    file: {
      type: "positional",
      required: true,
      multiple: true,
      description:
        "an OCI archive or one of docker save, anyone's, also gzip or zstd; - is stdin; its list of volumes, or volumes; or a layout in a folder",
    },
    name: {
      type: "string",
      valueHint: "REF",
      description:
        "what to call the one image of the archive that has no name there, and is no part of another",
    },
    repository: REPOSITORY,
    platform: PLATFORM,
    "allow-missing-foreign": FOREIGN,
    ...TRUST,
    jobs: JOBS,
  },
  notes: [
    "Nothing gets a name unless everything it needs has arrived and is proven. What cannot be checked (a digest that is not sha256) is\nnot taken, and the exit code is 2 then; the other images are. Of an image that is there in part, the platforms that are there are\ntaken, and its digest stays.",
    "A blob in the store that was damaged is\nwhole afterwards. What a delta leaves out must be in the store, whole: else it says what is missing. Prints `REF sha256:…` for each image.",
    "An archive in volumes is taken as a whole, by its list (FILE.volumes.json) or by any volume: the others are looked for beside\nit and beside those that are named, and each is hashed as it is read.",
    "With --key, or --identity, --issuer and --trusted-root, nothing is taken unless every image is signed as verify demands it.",
  ],
  examples: [
    { line: "ingot import trace.tar", does: "an archive in a file" },
    { line: "docker save app:v1 | ingot import -", does: "through a pipe" },
    { line: "ingot import big.tar.volumes.json", does: "in volumes, all beside the list" },
    {
      line: "ingot import /media/a/big.tar.* /media/b/big.tar.*",
      does: "in volumes on two sticks, in any order",
    },
    {
      line: "ingot import backup.tar --repository ghcr.io/me/app",
      does: "images that have tags alone, as skopeo and oras write them",
    },
    {
      line: "ingot import trace.tar --key cosign.pub",
      does: "only if it is signed with this key",
    },
    { line: "ingot import app.tar.zst --name ghcr.io/me/app:v1", does: "compressed, and nameless" },
  ],
  document:
    '{"store", "images": [{"reference", "digest", "mediaType", "size"}], "referrers": [{"subject", "digest"}],\n "blobs", "added", "bytes",\n "list"?, "volumes"?, "base"?, "trust"?, "skipped": [{"reference", "digest"}],\n "absent": [{"platform", "digest"}], "warnings": [{"code", "at", "message"}]};\n an archive in volumes has the path of their "list" and the number of "volumes"; "trust" is as verify has it',
  async run(words, context) {
    const { file: files, name, repository, platform, jobs, store: folder } = words;
    const { reporter, settings } = context;
    const threads = readJobs(jobs);
    const foreign = words["allow-missing-foreign"];
    const trust = await readTrustFlags(words);
    const taking = { name, repository, platforms: parsePlatformFlag(platform), foreign, trust };
    const { source, total } = await archiveOf(files, context, threads);
    const volumes = "volumes" in source ? volumeSummary(source.volumes) : undefined;
    const store = new FolderStore(storePath(settings, folder));
    const done = await withProgress(context, { label: "import", total, threads }, (working) =>
      importArchive(source, store, working, taking),
    );
    for (const finding of done.warnings) reporter.warn(formatFinding(finding));
    for (const { reference, digest } of done.skipped)
      reporter.warn(`not taken: ${reference} ${digest}, which could not be checked`);
    for (const { reference, descriptor } of done.images)
      reporter.print(imageLine({ reference, digest: descriptor.digest }));
    const referrers = done.referrers.flatMap((one) =>
      one.refers === undefined ? [] : [{ ...one, refers: one.refers }],
    );
    if (referrers.length > 0) reporter.info(`with ${referrerCount(kindsOf(referrers, store))}`);
    reporter.info(
      `${plural(done.blobs, "blob")}, ${formatBytes(done.bytes)}; ${done.added} of them new in ${store.at}`,
    );
    if (done.trust !== undefined)
      reporter.info(`${plural(done.trust.length, "image")} signed as asked`);
    if (done.base !== undefined)
      reporter.info(
        `${plural(done.base.layers, "layer")} that the delta leaves out: in ${store.at}, and proven there`,
      );
    reporter.document({
      store: store.at,
      images: done.images.map(({ reference, descriptor: { digest, mediaType, size } }) => ({
        reference,
        digest,
        mediaType,
        size,
      })),
      referrers: referrersJson(referrers),
      blobs: done.blobs,
      added: done.added,
      bytes: done.bytes,
      list: volumes?.list,
      volumes: volumes?.count,
      base: done.base && summaryJson(done.base),
      trust: done.trust?.map(trustJson),
      skipped: done.skipped.map((image) => ({ ...image })),
      absent: absentJson(done.absent),
      warnings: done.warnings.map(findingJson),
    });
    const isPart = done.skipped.length > 0 || done.warnings.some(isUnchecked);
    return isPart ? 2 : 0;
  },
});
