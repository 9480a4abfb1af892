/** A gadget's signatures go where the gadget goes, in every form that `ig` takes, without being asked for. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ingot } from "./support/ingot.ts";
import { putBlob } from "./support/layout.ts";
import { testWith } from "./support/needs.ts";
import { type Blob, nameAll, OCI, put, putContainer } from "./support/platforms.ts";
import { startRegistry } from "./support/registry.ts";
import { tempDir } from "./support/temp.ts";

const COSIGN = "application/vnd.dev.cosign.artifact.sig.v1+json";
const BUNDLE = "application/vnd.dev.sigstore.bundle.v0.3+json";
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

interface Case {
  /** What refers to the image, by the ending of the tag that has it. */
  readonly referring: (layout: string, subject: Blob) => Readonly<Record<string, Blob>>;
  /** The endings of what goes along when nothing is said. */
  readonly goes: readonly string[];
  readonly container?: true;
}

const CASES: Readonly<Record<string, Case>> = {
  "cosign's tag": {
    referring: (layout, subject) => ({ ".sig": putCosign(layout, subject) }),
    goes: [".sig"],
  },
  "cosign's artifact": {
    referring: (layout, subject) => ({
      "": putList(layout, [putArtifact(layout, COSIGN, subject, COSIGN)]),
    }),
    goes: [""],
  },
  "an artifact by its config's type": {
    referring: (layout, subject) => ({
      "": putList(layout, [putArtifact(layout, COSIGN, subject)]),
    }),
    goes: [""],
  },
  "a sigstore bundle, beside something else": {
    referring: (layout, subject) => ({
      "": putList(layout, [
        putArtifact(layout, BUNDLE, subject, BUNDLE),
        putArtifact(layout, "application/spdx+json", subject, "application/spdx+json"),
      ]),
      ".att": putArtifact(layout, "application/x.attestation"),
    }),
    goes: [""],
  },
  "no signature at all": {
    referring: (layout, subject) => ({
      "": putList(layout, [
        putArtifact(layout, "application/spdx+json", subject, "application/spdx+json"),
      ]),
      ".sbom": putArtifact(layout, "application/x.sbom"),
    }),
    goes: [],
  },
  "a container's signature": {
    referring: (layout, subject) => ({ ".sig": putCosign(layout, subject) }),
    goes: [],
    container: true,
  },
};

for (const [name, { referring, goes, container }] of Object.entries(CASES)) {
  testWith(["docker-registry"], `what goes along: ${name}`, async (t) => {
    const { host } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const image = container ? putContainer(layout, name) : putGadget(layout, name);
    const there = referring(layout, image);
    const named = Object.entries(there).map(([ending, blob]) => [
      `r.example/g:${tagOf(image)}${ending}`,
      blob,
    ]);
    nameAll(layout, { "r.example/g:v1": image, ...Object.fromEntries(named) });
    const [here, all] = [`oci:${layout}:r.example/g:v1`, Object.keys(there)];

    /** Checks that a registry has those, bit for bit, and none of the others. */
    const has = async (repository: string, endings: readonly string[]) => {
      for (const [ending, blob] of Object.entries({ ...there })) {
        const path = `${repository}/manifests/${tagOf(image)}${ending}`;
        const headers = { accept: `${OCI.index}, ${OCI.manifest}` };
        const answer = await globalThis.fetch(`http://${host}/v2/${path}`, { headers });
        const bytes = Buffer.from(await answer.arrayBuffer());
        const digest = `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
        assert.equal(answer.status, endings.includes(ending) ? 200 : 404, path);
        if (answer.status === 200) assert.equal(digest, blob.digest, path);
      }
    };
    const [full, bare] = [["--referrers"], ["--no-referrers"]];
    for (const [flags, expected, to] of [
      [[], goes, "default"],
      [full, all, "full"],
      [bare, [], "bare"],
    ] as const) {
      const names = expected.map((ending) => `${tagOf(image)}${ending}`).sort();
      const tags = (answer: { referrers: { reference: string }[] }) =>
        answer.referrers.map(({ reference }) => reference.replace(/.*:/, "")).sort();
      const from = `${host}/full/g:v1`;
      if (to === "default")
        assert.deepEqual(
          tags(await done(["copy", here, `docker://${from}`, ...full])),
          Object.keys(there)
            .map((ending) => `${tagOf(image)}${ending}`)
            .sort(),
        );

      assert.deepEqual(
        tags(await done(["copy", here, `docker://${host}/${to}/copied:v1`, ...flags])),
        names,
      );
      await has(`${to}/copied`, expected);
      await done(["copy", `docker://${from}`, `docker://${host}/${to}/across:v1`, ...flags]);
      await has(`${to}/across`, expected);

      const store = join(dir, `store-${to}`);
      assert.deepEqual(tags(await done(["pull", from, ...flags], store)), names);
      const whole = join(dir, "whole");
      await done(["pull", from, ...full], whole);
      assert.deepEqual(
        tags(await done(["push", from, `${host}/${to}/pushed:v1`, ...flags], whole)),
        names,
      );
      await has(`${to}/pushed`, expected);

      const files = ["straight", "stored", "copied"].map((file) => join(dir, `${to}-${file}.tar`));
      const [straight = "", stored = "", copied = ""] = files;
      const written = await done(["export", `docker://${from}`, "-o", straight, ...flags]);
      assert.equal(written.images.length, 1 + names.length);
      await done(["export", from, "-o", stored, ...flags], whole);
      await done(["copy", `docker://${from}`, `oci-archive:${copied}`, ...flags]);
      assert.equal(sumOf(stored), sumOf(straight));
      assert.equal(sumOf(copied), sumOf(straight));
      await done(["verify", straight, "--canonical"]);

      // And out of the archive, on the far side.
      const back = join(dir, `far-${to}`);
      await done(["import", straight], back);
      await done(["push", from, `${host}/${to}/far:v1`, ...flags], back);
      await has(`${to}/far`, expected);
      await done(["push", "--all", straight, "--to", `${host}/${to}/all`]);
      await has(`${to}/all/full/g`, expected);
    }
    const { code, stderr } = await ingot(["pull", `${host}/full/g:v1`, ...full, ...bare], {
      env: { INGOT_STORE: join(dir, "store") },
    });
    assert.equal(code, 2);
    assert.match(stderr, /--referrers and --no-referrers are both given/);
  });
}
