/** What the world's tools make of an archive that a Dockerfile was built into. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { BOX, boxFile, boxKinds, boxLayout, makeBoxes, SAID } from "../support/clients/box.ts";
import { testUnless, testWith } from "../support/process/needs.ts";
import { succeed } from "../support/process/run.ts";
import { runBundle, whyNoContainer } from "../support/process/runtime.ts";
import { tempDir, tidily } from "../support/process/temp.ts";

const hindrance =
  process.getuid?.() === 0 ? await whyNoContainer() : "only root can run a container";

const sha256 = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

describe("a container from a Dockerfile", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));
  before(() => makeBoxes(dir));

  const tested = (programs: readonly string[], name: string, body: Parameters<typeof tidily>[0]) =>
    testWith(["busybox", ...programs], name, tidily(body));

  for (const kind of boxKinds) {
    tested(["skopeo"], `skopeo copies ${kind}, digest for digest`, async (t) => {
      const out = join(tempDir(t), "out");
      const from = `oci-archive:${boxFile(dir, kind)}:${BOX}`;
      const flags = ["--insecure-policy", "copy", "--all", "--preserve-digests"];
      await succeed(["skopeo", ...flags, from, `oci:${out}:${BOX}`]);
      const blobs = (of: string) => readdirSync(join(of, "blobs/sha256")).sort();
      assert.deepEqual(blobs(out), blobs(boxLayout(dir, kind)));
    });

    tested(["skopeo"], `skopeo takes ${kind} for what docker load takes`, async () => {
      const from = `docker-archive:${boxFile(dir, kind)}`;
      const { stdout } = await succeed(["skopeo", "inspect", "--config", from]);
      const config = JSON.parse(`${stdout}`);
      assert.deepEqual(config.config.Entrypoint, ["sh", "/bin/greet"]);
      assert.equal(config.config.User, "1000:1000");
      assert.equal(config.architecture, "amd64");
      const names = await succeed(["skopeo", "inspect", from, "--format", "{{.Labels}}"]);
      assert.match(`${names.stdout}`, /org\.example\.what:a box/);
    });
  }

  tested(["skopeo"], "skopeo chooses each of two platforms", async (t) => {
    const digests = new Set<string>();
    for (const architecture of ["amd64", "arm64"]) {
      const out = join(tempDir(t), "out");
      const flags = ["--insecure-policy", "--override-arch", architecture];
      const from = `oci-archive:${boxFile(dir, "several")}:${BOX}`;
      await succeed(["skopeo", ...flags, "copy", "--preserve-digests", from, `dir:${out}`]);
      const manifest = readFileSync(join(out, "manifest.json"));
      const { config } = JSON.parse(`${manifest}`);
      const blob = JSON.parse(readFileSync(join(out, config.digest.slice(7)), "utf8"));
      assert.equal(blob.architecture, architecture);
      digests.add(sha256(manifest));
    }
    assert.equal(digests.size, 2);
  });

  for (const kind of ["gzip", "none"] as const) {
    tested(
      ["umoci"],
      `umoci unpacks ${kind}: every digest, size and diffID is right`,
      async (t) => {
        const bundle = join(tempDir(t), "bundle");
        await succeed(["umoci", "unpack", "--image", `${boxLayout(dir, kind)}:${BOX}`, bundle]);
        assert.equal(readFileSync(join(bundle, "rootfs/home/me/secret"), "utf8"), "a secret\n");
        assert.equal(readFileSync(join(bundle, "rootfs/etc/arch"), "utf8"), "amd64\n");
        const { process: said } = JSON.parse(readFileSync(join(bundle, "config.json"), "utf8"));
        assert.deepEqual(said.args, ["sh", "/bin/greet", "one", "two three"]);
        assert.equal(said.cwd, "/home/me");
        assert.deepEqual([said.user.uid, said.user.gid], [1000, 1000]);
        assert.ok(said.env.includes("GREETING=from ingot"));
      },
    );

    const name = `runc runs what umoci unpacked of ${kind}`;
    const runs = tidily(async (t) => {
      const bundle = join(tempDir(t), "bundle");
      await succeed(["umoci", "unpack", "--image", `${boxLayout(dir, kind)}:${BOX}`, bundle]);
      const { code, stdout, stderr } = await runBundle(bundle);
      assert.equal(code, 0, stderr);
      assert.equal(`${stdout}`, SAID);
    });
    if (hindrance === undefined) testWith(["busybox", "umoci", "runc"], name, runs);
    else testUnless(hindrance, name, runs);
  }
});
