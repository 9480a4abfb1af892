/** Pull, export, import elsewhere, push, pull: nothing changes on the way, whatever kind of image goes round. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { putBlob } from "../../support/images/layout.ts";
import { type Blob, nameAll, OCI, put } from "../../support/images/platforms.ts";
import { ingot } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { startRegistry } from "../../support/registries/registry.ts";
import { writeTree } from "../../support/trees/tree.ts";

/** A wasm module whose one function, gadgetAPIVersion, returns 1. */
const PROGRAM = `\0asm\u0001\0\0\0\u0001\u0005\u0001\u0060\0\u0001\u007e\u0003\u0002\u0001\0\u0007\u0014\u0001\u0010gadgetAPIVersion\0\0\u000a\u0006\u0001\u0004\0\u0042\u0001\u000b`;

const sumOf = (path: string) => createHash("sha256").update(readFileSync(path)).digest("hex");

interface Image {
  readonly reference: string;
  readonly digest: `sha256:${string}`;
  readonly mediaType: string;
  readonly size: number;
}

/** A signature and a list with one more artifact, both of `subject`; their names by the ends of their tags. */
function putReferring(layout: string, { digest, mediaType, size }: Image): Record<string, Blob> {
  const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const artifact = (artifactType: string, of?: object) =>
    put(layout, OCI.manifest, {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      artifactType,
      config,
      layers: [putBlob(layout, Buffer.from(`${artifactType} of ${digest}`), "application/x.text")],
      ...(of === undefined ? {} : { subject: of }),
    });
  const type = "application/vnd.dev.sigstore.bundle.v0.3+json";
  const bundle = { ...artifact(type, { mediaType, digest, size }), artifactType: type };
  const list = { schemaVersion: 2, mediaType: OCI.index, manifests: [bundle] };
  const tag = digest.replace(":", "-");
  return {
    [`${tag}.sig`]: artifact("application/x.signature"),
    [tag]: put(layout, OCI.index, list),
  };
}

testWith(
  ["docker-registry"],
  "a gadget, a container, one of two platforms, all signed: every digest stays",
  async (t) => {
    const [near, far] = [await startRegistry(t), await startRegistry(t)];
    const dir = tempDir(t);
    const store = (name: string) => join(dir, name);
    const run = async (words: readonly string[], at: string) => {
      const env = { INGOT_STORE: store(at), REGISTRY_AUTH_FILE: "/dev/null" };
      const { code, stdout, stderr } = await ingot([...words, "--json"], { env });
      assert.equal(code, 0, `${words.join(" ")}\n${stderr}${stdout}`);
      return JSON.parse(`${stdout}`);
    };
    const stored = async (at: string): Promise<Image[]> => (await run(["list"], at)).images;
    const digests = async (at: string, host: string) => {
      const { images, referrers } = await run(["list"], at);
      const names = images.map(({ reference, digest }: Image) => [
        reference.replace(host, "HOST"),
        digest,
      ]);
      const referring = referrers.map((one: { subject: string; digest: string }) =>
        [one.subject, one.digest].join(" "),
      );
      return { images: Object.fromEntries(names), referring: referring.sort() };
    };
    const blobs = (at: string) => readdirSync(join(store(at), "blobs/sha256")).sort();

    const gadget = writeTree(join(dir, "gadget"), {
      "gadget.yaml": "name: circle\n",
      "build.yaml": "wasm: program.wasm\n",
      "program.wasm": PROGRAM,
    });
    const container = writeTree(join(dir, "container"), {
      Dockerfile: "FROM scratch\nCOPY a /a\nCOPY b /b\n",
      a: "a\n",
      b: "b".repeat(100_000),
    });
    const [g, c, p] = ["me/gadget/g:v1", "me/c:v1", "me/p:v1"].map(
      (name) => `${near.host}/${name}`,
    ) as [string, string, string];
    await run(["build", gadget, "-t", g], "built");
    await run(["build", container, "-t", c, "--platform", "linux/amd64"], "built");
    await run(["build", container, "-t", p, "--platform", "linux/amd64,linux/arm64"], "built");
    const layout = join(dir, "layout");
    const images = await stored("built");
    // What refers to an image comes with it, out of a layout too.
    for (const name of [g, c, p]) await run(["copy", name, `oci:${layout}:${name}`], "built");
    const signed = images.flatMap((image) => {
      const repository = image.reference.replace(/:[^:]*$/, "");
      const referring = Object.entries(putReferring(layout, image)).map(
        ([tag, blob]) => [`${repository}:${tag}`, blob] as const,
      );
      return [[image.reference, image] as const, ...referring];
    });
    nameAll(layout, Object.fromEntries(signed));
    for (const name of [g, c, p])
      await run(["copy", `oci:${layout}:${name}`, name, "--referrers"], "built");
    const listed = await run(["list"], "built");
    assert.deepEqual([listed.images.length, listed.referrers.length], [3, 6]);
    const built = join(dir, "built.tar");
    await run(["export", g, c, p, "--referrers", "-o", built], "built");

    for (const name of [g, c, p]) await run(["push", name, "--referrers"], "built");
    await run(["pull", g, c, p, "--referrers"], "pulled");
    assert.deepEqual(await digests("pulled", near.host), await digests("built", near.host));
    const pulled = join(dir, "pulled.tar");
    await run(["export", g, c, p, "--referrers", "-o", pulled], "pulled");
    assert.equal(sumOf(pulled), sumOf(built));

    await run(["import", pulled], "elsewhere");
    assert.deepEqual(blobs("elsewhere"), blobs("pulled"));
    await run(["push", "--all", "--to", far.host, "--referrers"], "elsewhere");
    const there = [g, c, p].map((name) => name.replace(near.host, far.host));
    await run(["pull", ...there, "--referrers"], "last");
    assert.deepEqual(await digests("last", far.host), await digests("built", near.host));
    assert.deepEqual(blobs("last"), blobs("pulled"));
    for (const at of ["built", "pulled", "elsewhere", "last"])
      await run(["verify", store(at)], "none");

    // One platform, chosen when it is exported or when it is pulled: the same.
    const [whole, part] = [join(dir, "whole.tar"), join(dir, "part.tar")];
    const arm = ["--platform", "linux/arm64"];
    await run(["export", p, ...arm, "-o", whole], "built");
    await run(["pull", p, ...arm], "arm");
    await run(["export", p, "-o", part], "arm");
    assert.equal(sumOf(part), sumOf(whole));
    await run(["export", `docker://${p}`, ...arm, "-o", part], "none");
    assert.equal(sumOf(part), sumOf(whole));
  },
);
