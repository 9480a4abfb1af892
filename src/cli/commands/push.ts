import { Fault } from "../../base/fault.ts";
import { bytesToPush, pushImage } from "../../image/push.ts";
import { pushNamed, storedReferrers } from "../../image/referrers.ts";
import { select } from "../../image/select.ts";
import { nameOf } from "../../oci/layout.ts";
import { parsePlatforms } from "../../oci/platform.ts";
import { formatRemote, parseRemote } from "../../oci/remote.ts";
import { resolve } from "../../store/store.ts";
import { command, type ExitCode } from "../command.ts";
import { alongOf, LOGIN, REFERRERS, REGISTRY, TRANSFERS, withRegistries } from "../registry.ts";
import { imageLine, PLATFORM, storeOpener, threadsFor, watched } from "../task.ts";
import { count, formatBytes } from "../text.ts";

export const pushCommand = command({
  name: "push",
  description: "bring an image of the store into a registry",
  args: {
    source: { type: "positional", required: true, description: "a name in the store, or a digest" },
    image: {
      type: "positional",
      required: false,
      description: "registry/repository[:tag] to push it as; default: its own name",
    },
    platform: PLATFORM,
    ...REFERRERS,
    jobs: TRANSFERS,
    ...LOGIN,
    ...REGISTRY,
  },
  notes: [
    "Blobs go first, then the manifests, then the tag: whoever pulls meanwhile gets the old image or the new one. What the\nregistry has is not sent. The bytes and all digests stay what they are. Prints `REF sha256:…`.",
  ],
  examples: [
    { line: "ingot push ghcr.io/me/gadget/trace:v1", does: "under its own name" },
    { line: "ingot push trace:v1 localhost:5000/trace:v1", does: "elsewhere" },
  ],
  document:
    '{"reference", "digest", "blobs", "sent", "mounted", "bytes", "referrers": [{"reference", "digest"}]}',
  async run(words, context) {
    const { source, image: target, platform, jobs, store: folder } = words;
    const { talk } = context;
    const threads = threadsFor(jobs);
    const store = storeOpener(context, folder)();
    const found = { ...resolve(store, source), store };
    const remote = parseRemote(target ?? found.reference);
    if (remote.digest !== undefined)
      throw new Fault("usage", {
        message: `${formatRemote(remote)} has a digest, should be registry/repository[:tag]`,
        hint: "the digest is that of the image; say as what to push it: ingot push SOURCE REF",
      });
    const image = select(found, platform === undefined ? [] : parsePlatforms(platform));
    const referring = storedReferrers(image, alongOf(words));
    const [other] = store.images().flatMap((it) => {
      const name = it.digest === found.descriptor.digest ? nameOf(it) : undefined;
      const other = name === undefined ? undefined : parseRemote(`docker://${name}`);
      return other?.registry === remote.registry ? other.repository : [];
    });
    return withRegistries<ExitCode>(context, words, async (open) => {
      const to = open(remote, "push");
      const total = [image, ...referring].reduce((sum, each) => sum + bytesToPush(each), 0);
      const { tag } = remote;
      const done = await watched(context, { label: "push", total, threads }, async (working) => {
        const pushed = await pushImage(image, { to, tag, beside: () => other }, working);
        return [pushed, ...(await pushNamed(referring, { to }, working))];
      });
      const sum = (what: "blobs" | "sent" | "mounted" | "bytes") =>
        done.reduce((all, each) => all + each[what], 0);
      const answer = { reference: formatRemote(remote), digest: image.descriptor.digest };
      const also = referring.map(({ reference, descriptor: { digest } }) => ({
        reference: `${to.at}${reference.slice(reference.lastIndexOf(":"))}`,
        digest,
      }));
      for (const line of [answer, ...also]) talk.print(imageLine(line));
      talk.info(
        `${count(sum("blobs"), "blob")}; ${sum("sent")} of them sent, ${formatBytes(sum("bytes"))}; ${sum("mounted")} mounted`,
      );
      talk.document({
        ...answer,
        blobs: sum("blobs"),
        sent: sum("sent"),
        mounted: sum("mounted"),
        bytes: sum("bytes"),
        referrers: also,
      });
      return 0;
    });
  },
});
