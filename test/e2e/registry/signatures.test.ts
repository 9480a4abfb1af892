/** Signatures travel with their image by every road, whatever the image and the form; everything else does when asked for. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { putBlob } from "../../support/images/layout.ts";
import { type Blob, nameAll, OCI, put, putContainer } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { readUstar } from "../../support/tar/ustar.ts";

const COSIGN = "application/vnd.dev.cosign.artifact.sig.v1+json";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
const NOTATION = "application/vnd.cncf.notary.signature";
const SPDX = "application/spdx+json";
const SIMPLE = "application/vnd.dev.cosign.simplesigning.v1+json";
const EMPTY = "application/vnd.oci.empty.v1+json";

const sumOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

/** Runs ingot, which must succeed; its JSON answer. */
async function done(words: readonly string[], store = "/dev/null/store") {
  const env = { INGOT_STORE: store, REGISTRY_AUTH_FILE: "/dev/null" };
  const { code, stdout, stderr } = await ingot([...words, "--json"], { env });
  assert.equal(code, 0, `${words.join(" ")}\n${stderr}${stdout}`);
  return JSON.parse(`${stdout}`);
}

/** The index of a gadget for two architectures. */
function putGadget(layout: string, seed: string): Blob {
  const manifests = ["amd64", "arm64"].map((architecture) => {
    const manifest = {
      schemaVersion: 2,
      artifactType: "application/vnd.gadget.v1+binary",
      config: put(layout, "application/vnd.gadget.config.v1+yaml", Buffer.from(`name: ${seed}\n`)),
      layers: [
        put(layout, "application/vnd.gadget.ebpf.program.v1+binary", Buffer.from(architecture)),
      ],
    };
    return { ...put(layout, OCI.manifest, manifest), platform: { architecture, os: "linux" } };
  });
  return put(layout, OCI.index, { schemaVersion: 2, mediaType: OCI.index, manifests });
}

/** What refers to `subject`; without an artifact type it is by its config's type what it is. */
function putArtifact(layout: string, type: string, subject?: Blob, artifactType?: string): Blob {
  const blob = put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    ...(artifactType === undefined ? {} : { artifactType }),
    config: putBlob(layout, Buffer.from("{}"), artifactType === undefined ? type : EMPTY),
    layers: [putBlob(layout, Buffer.from(`${type} of ${subject?.digest}`), SIMPLE)],
    ...(subject === undefined ? {} : { subject }),
  });
  // As lists of referrers have it.
  return Object.assign(blob, { artifactType: type });
}

/** What cosign keeps under its tag: it looks like a container, of no platform, and its layer is what is signed. */
function putCosign(layout: string, subject: Blob): Blob {
  const payload = Buffer.from(
    JSON.stringify({
      critical: {
        identity: { "docker-reference": "" },
        image: { "docker-manifest-digest": subject.digest },
        type: "cosign container image signature",
      },
      optional: null,
    }),
  );
  const layer = putBlob(layout, payload, SIMPLE);
  const config = put(layout, OCI.config, {
    architecture: "",
    created: "0001-01-01T00:00:00Z",
    history: [{ created: "0001-01-01T00:00:00Z" }],
    os: "",
    rootfs: { type: "layers", diff_ids: [layer.digest] },
    config: {},
  });
  const annotations = { "dev.cosignproject.cosign/signature": "bm90aGluZw==" };
  return put(layout, OCI.manifest, {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    config,
    layers: [{ ...layer, annotations }],
  });
}

/** A list of referrers as clients write it, some of which leave out the types. */
const putList = (layout: string, referrers: readonly Blob[]): Blob =>
  put(layout, OCI.index, {
    schemaVersion: 2,
    mediaType: OCI.index,
    manifests: [...referrers].sort((a, b) => (a.digest < b.digest ? -1 : 1)),
  });

const tagOf = ({ digest }: Blob) => digest.replace(":", "-");

/** What refers to an image: under cosign's tags, and in the list of its referrers. */
interface Attached {
  readonly tagged?: Readonly<Record<string, Blob>>;
  readonly listed?: readonly Blob[];
  /** What travels when nothing is said. */
  readonly signatures: readonly Blob[];
}

interface Case {
  readonly attached: (layout: string, subject: Blob) => Attached;
  readonly container?: true;
}

const cosignTag: Case["attached"] = (layout, subject) => {
  const signature = putCosign(layout, subject);
  return { tagged: { ".sig": signature }, signatures: [signature] };
};

const CASES: Readonly<Record<string, Case>> = {
  "cosign's tag, of a gadget": { attached: cosignTag },
  "cosign's tag, of a container": { attached: cosignTag, container: true },
  "cosign's artifact": {
    attached: (layout, subject) => {
      const signature = putArtifact(layout, COSIGN, subject, COSIGN);
      return { listed: [signature], signatures: [signature] };
    },
  },
  "an artifact by its config's type, of a container": {
    attached: (layout, subject) => {
      const signature = putArtifact(layout, COSIGN, subject);
      return { listed: [signature], signatures: [signature] };
    },
    container: true,
  },
  "a sigstore bundle and a notation signature, beside an SBOM and an attestation": {
    attached: (layout, subject) => {
      const signatures = [BUNDLE, NOTATION].map((type) => putArtifact(layout, type, subject, type));
      return {
        listed: [...signatures, putArtifact(layout, SPDX, subject, SPDX)],
        tagged: { ".att": putArtifact(layout, "application/x.attestation") },
        signatures,
      };
    },
    container: true,
  },
  "an SBOM by tag and one by subject, and no signature": {
    attached: (layout, subject) => ({
      listed: [putArtifact(layout, SPDX, subject, SPDX)],
      tagged: { ".sbom": putArtifact(layout, "application/x.sbom") },
      signatures: [],
    }),
  },
};

const digests = (list: readonly { readonly digest: string }[]) =>
  list.map(({ digest }) => digest).sort();

for (const [name, { attached, container }] of Object.entries(CASES)) {
  testWith(["docker-registry"], `what travels: ${name}`, async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const image = container ? putContainer(layout, name) : putGadget(layout, name);
    const { tagged = {}, listed = [], signatures } = attached(layout, image);
    const everything = [...Object.values(tagged), ...listed];
    const named = Object.entries(tagged).map(([suffix, blob]) => [
      `r.example/g:${tagOf(image)}${suffix}`,
      blob,
    ]);
    const list = { [`r.example/g:${tagOf(image)}`]: putList(layout, listed) };
    nameAll(layout, {
      "r.example/g:v1": image,
      ...Object.fromEntries(named),
      ...(listed.length > 0 && list),
    });
    const here = `oci:${layout}:r.example/g:v1`;

    /** Checks that a registry has those, bit for bit, and none of the others. */
    const has = async (repository: string, expected: readonly Blob[]) => {
      const get = async (tag: string) => {
        const headers = { accept: `${OCI.index}, ${OCI.manifest}` };
        const url = `http://${host}/v2/${repository}/manifests/${tag}`;
        const answer = await globalThis.fetch(url, { headers });
        const bytes = Buffer.from(await answer.arrayBuffer());
        return answer.status === 200 ? bytes : undefined;
      };
      const wanted = (blob: Blob) => digests(expected).includes(blob.digest);
      for (const [suffix, blob] of Object.entries(tagged)) {
        const bytes = await get(`${tagOf(image)}${suffix}`);
        const digest = bytes && `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
        assert.equal(digest, wanted(blob) ? blob.digest : undefined, `${repository} ${suffix}`);
      }
      const index = await get(tagOf(image));
      const entries = index === undefined ? [] : JSON.parse(`${index}`).manifests;
      assert.deepEqual(digests(entries), digests(listed.filter(wanted)), repository);
      for (const { artifactType } of entries) assert.match(artifactType, /^application\//);
    };
    const [full, bare] = [["--referrers"], ["--no-referrers"]];
    for (const [flags, expected, to] of [
      [[], signatures, "default"],
      [full, everything, "full"],
      [bare, [], "bare"],
    ] as const) {
      const moved = (answer: { referrers: { digest: string }[] }) => digests(answer.referrers);
      const stays = flags.length === 0 ? everything.length - expected.length : 0;
      const from = `${host}/full/g:v1`;
      if (to === "default")
        assert.deepEqual(
          moved(await done(["copy", here, `docker://${from}`, ...full])),
          digests(everything),
        );

      const copied = await done(["copy", here, `docker://${host}/${to}/copied:v1`, ...flags]);
      assert.deepEqual(moved(copied), digests(expected));
      assert.equal(copied.left.length, stays);
      await has(`${to}/copied`, expected);
      const across = await done([
        ...["copy", `docker://${from}`, `docker://${host}/${to}/across:v1`],
        ...flags,
      ]);
      assert.equal(across.left.length, stays);
      await has(`${to}/across`, expected);

      const store = join(dir, `store-${to}`);
      assert.deepEqual(moved(await done(["pull", from, ...flags], store)), digests(expected));
      const whole = join(dir, "whole");
      await done(["pull", from, ...full], whole);
      assert.deepEqual(
        moved(await done(["push", from, `${host}/${to}/pushed:v1`, ...flags], whole)),
        digests(expected),
      );
      await has(`${to}/pushed`, expected);
      // Under another name in another repository they are the image's still.
      await done(["tag", from, "r.example/renamed:v2"], whole);
      await done(["push", "r.example/renamed:v2", `${host}/${to}/tagged:v1`, ...flags], whole);
      await has(`${to}/tagged`, expected);

      const files = ["straight", "stored", "copied"].map((file) => join(dir, `${to}-${file}.tar`));
      const [straight = "", stored = "", archived = ""] = files;
      const written = await done(["export", `docker://${from}`, "-o", straight, ...flags]);
      assert.equal(written.images.length, 1);
      assert.deepEqual(moved(written), digests(expected));
      await done(["export", from, "-o", stored, ...flags], whole);
      await done(["copy", `docker://${from}`, `oci-archive:${archived}`, ...flags]);
      assert.equal(sumOf(stored), sumOf(straight));
      assert.equal(sumOf(archived), sumOf(straight));
      const { sources } = await done(["verify", straight, "--canonical"]);
      assert.deepEqual(moved(sources[0]), digests(expected));
      checkIndex(straight, { image, expected, isGadget: !container });

      // And out of the archive, on the far side.
      const back = join(dir, `far-${to}`);
      assert.deepEqual(moved(await done(["import", straight], back)), digests(expected));
      await done(["push", from, `${host}/${to}/far:v1`, ...flags], back);
      await has(`${to}/far`, expected);
      const again = join(dir, `${to}-again.tar`);
      await done(["export", from, "-o", again, ...flags], back);
      assert.equal(sumOf(again), sumOf(straight));
      await done(["push", "--all", straight, "--to", `${host}/${to}/all`, ...flags]);
      await has(`${to}/all/full/g`, expected);
    }
    const { code, stderr } = await ingot(["pull", `${host}/full/g:v1`, ...full, ...bare], {
      env: { INGOT_STORE: join(dir, "store") },
    });
    assert.equal(code, 2);
    assert.match(stderr, /--referrers and --no-referrers are both given/);
  });
}

/** The archive's index.json has one image, and then each referrer by its subject; only a gadget's have tags, which `ig` looks for. */
function checkIndex(
  archive: string,
  { image, expected, isGadget }: { image: Blob; expected: readonly Blob[]; isGadget: boolean },
) {
  const index = readUstar(readFileSync(archive)).find(({ name }) => name === "index.json");
  const [first, ...others] = JSON.parse(`${index!.content}`).manifests;
  assert.equal(first.digest, image.digest);
  assert.deepEqual(digests(others), digests(expected));
  for (const { annotations } of others) {
    const { "io.containerd.manifest.subject": subject, ...rest } = annotations;
    assert.equal(subject, image.digest);
    const tag = rest["org.opencontainers.image.ref.name"];
    if (tag !== undefined) assert.ok(isGadget && tag.startsWith(`${tagOf(image)}.`), tag);
  }
}
