/** Docker, podman and containerd load what a Dockerfile was built into, run it, and give it back as what it was. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import {
  BOX,
  type BoxKind,
  boxFile,
  boxKinds,
  boxLayout,
  makeBoxes,
  SAID,
} from "../support/clients/box.ts";
import { startContainerd } from "../support/clients/containerd.ts";
import { DOCKER, withDocker } from "../support/clients/dockerd.ts";
import { podmanIn } from "../support/clients/podman.ts";
import { binary, ingot, root } from "../support/process/ingot.ts";
import { testUnless, testWith } from "../support/process/needs.ts";
import { type Ran, succeed } from "../support/process/run.ts";
import { whyNoContainer } from "../support/process/runtime.ts";
import { type Ends, tempDir, tidily } from "../support/process/temp.ts";

const hindrance =
  process.getuid?.() === 0 ? await whyNoContainer() : "only root can run a container";

/** Of what inspect says. */
interface Shown {
  readonly digest: string;
  readonly manifests: readonly { readonly config: { readonly digest: string } }[];
}

describe("a container from a Dockerfile", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));
  before(() => makeBoxes(dir));

  const here = (programs: readonly string[], name: string, body: (t: Ends) => Promise<void>) =>
    hindrance === undefined
      ? testWith(["busybox", "runc", ...programs], name, tidily(body))
      : testUnless(hindrance, name, tidily(body));

  const json = (kind: BoxKind, name: string) =>
    JSON.parse(readFileSync(join(boxLayout(dir, kind), name), "utf8"));
  /** What Docker calls an image by. */
  const configOf = (kind: BoxKind) =>
    `sha256:${json(kind, "manifest.json")[0].Config.slice("blobs/sha256/".length)}`;
  const digestOf = (kind: BoxKind): string => json(kind, "index.json").manifests[0].digest;

  /** Imports an archive that somebody made, and proves all of it. */
  async function takeBack(t: Ends, archive: Uint8Array) {
    const store = join(tempDir(t), "store");
    const taken = await ingot(["import", "-", "--store", store], { input: archive });
    assert.equal(taken.code, 0, taken.stderr);
    const proof = await ingot(["verify", "--layers", store]);
    assert.equal(proof.code, 0, proof.stderr);
    const { stdout } = await ingot(["inspect", BOX, "--store", store, "--json"]);
    const { images } = JSON.parse(`${stdout}`) as { images: Shown[] };
    const [{ digest, manifests }] = images as [Shown];
    return { digest, configs: manifests.map(({ config }) => config.digest) };
  }

  const done = async (running: Promise<Ran>) => {
    const { code, stdout, stderr } = await running;
    assert.equal(code, 0, stderr);
    return `${stdout}`;
  };

  here(["dockerd", DOCKER], "Docker loads, runs and saves each of them", (t) =>
    withDocker(tempDir(t), async (docker) => {
      for (const kind of boxKinds) {
        const loaded = await done(docker("load", "--input", boxFile(dir, kind)));
        assert.match(loaded, /^Loaded image: box:v1$/m);
        const id = await done(docker("image", "inspect", "--format", "{{.Id}}", "box:v1"));
        assert.equal(id.trim(), configOf(kind));
        assert.equal(await done(docker("run", "--rm", "--network", "none", "box:v1")), SAID, kind);
        const { stdout: saved } = await docker("save", "box:v1");
        assert.deepEqual((await takeBack(t, saved)).configs, [configOf(kind)]);
        await done(docker("image", "rm", "--force", "box:v1"));
      }
    }),
  );

  here(["dockerd", DOCKER], "ingot in its own container judges what is mounted into it", (t) =>
    withDocker(tempDir(t), async (docker) => {
      const work = tempDir(t);
      await binary();
      await succeed(["sh", "scripts/container.sh", join(work, "ingot.tar")], { cwd: root });
      const loaded = await done(docker("load", "--input", join(work, "ingot.tar")));
      const [, name] = /^Loaded image: (ingot:\S+)$/m.exec(loaded)!;
      const bytes = readFileSync(boxFile(dir, "gzip"));
      writeFileSync(join(work, "whole.tar"), bytes);
      bytes[bytes.length >> 1]! ^= 1;
      writeFileSync(join(work, "damaged.tar"), bytes);
      const verify = (archive: string) => {
        const mounted = ["--network", "none", "--volume", `${work}:/work:ro`, name!];
        return docker("run", "--rm", ...mounted, "verify", "--canonical", archive);
      };
      assert.match(await done(verify("whole.tar")), /^OK whole\.tar: 1 image, .*, canonical$/m);
      const { code, stdout } = await verify("damaged.tar");
      assert.match(`${stdout}`, /^NOT OK damaged\.tar: /m);
      assert.equal(code, 1);
    }),
  );

  here(["podman"], "podman loads, runs and saves each of them", async (t) => {
    const folder = tempDir(t);
    for (const kind of boxKinds) {
      const podman = podmanIn(join(folder, kind));
      try {
        const loaded = await podman("load", "--input", boxFile(dir, kind));
        assert.match(`${loaded.stdout}`, new RegExp(`^Loaded image.*: ${BOX}$`, "m"));
        const { stdout: id } = await podman("image", "inspect", "--format", "{{.Id}}", BOX);
        assert.equal(`sha256:${`${id}`.trim()}`, configOf(kind));
        const { stdout } = await podman("run", "--rm", "--network", "none", BOX);
        assert.equal(`${stdout}`, SAID, kind);
        const file = join(folder, `${kind}.tar`);
        await podman("save", "--format", "oci-archive", "--output", file, BOX);
        assert.deepEqual((await takeBack(t, readFileSync(file))).configs, [configOf(kind)]);
      } finally {
        await podman("system", "reset", "--force");
      }
    }
  });

  here(["containerd", "ctr"], "containerd imports, runs and exports each of them", async (t) => {
    const ctr = await startContainerd(t);
    for (const kind of boxKinds) {
      await ctr("images", "import", "--all-platforms", boxFile(dir, kind));
      const [, , digest] = (await ctr("images", "ls", `name==${BOX}`)).split("\n")[1]!.split(/\s+/);
      assert.equal(digest, digestOf(kind));
      assert.equal(await ctr("run", "--rm", BOX, `box-${kind}`), SAID, kind);
      const file = join(tempDir(t), "out.tar");
      await ctr("images", "export", "--all-platforms", file, BOX);
      assert.equal((await takeBack(t, readFileSync(file))).digest, digestOf(kind));
      await ctr("images", "rm", BOX);
    }
  });
});
