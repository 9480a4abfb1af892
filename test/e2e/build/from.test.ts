/** What FROM and COPY --from name, and what is said where that is nothing to build on. */
import assert from "node:assert/strict";
import { cpSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { dockerArchive, layer } from "../../support/images/docker-archive.ts";
import { nameAll, putContainer } from "../../support/images/platforms.ts";
import { root } from "../../support/process/ingot.ts";
import { succeed } from "../../support/process/run.ts";
import { plain, say } from "../../support/process/say.ts";
import { type Ends, tempDir } from "../../support/process/temp.ts";
import { writeTree } from "../../support/trees/tree.ts";

const GADGET = "ghcr.io/inspektor-gadget/gadget/x:latest";

/** A folder to build in, with a store. */
function place(t: Ends) {
  const dir = tempDir(t);
  const store = join(dir, "store");
  const app = writeTree(join(dir, "app"), { file: "file\n" });
  /** Builds `app` from these lines: what `say` gives, and the digest. */
  const build = async (
    dockerfile: string,
    more: readonly string[] = [],
    cwd = dir,
    folder = app,
  ) => {
    writeTree(app, { Dockerfile: dockerfile });
    const words = ["build", folder, "-t", "out:1", "--store", store, ...more];
    const said = await say(words, { cwd });
    return { ...said, digest: /sha256:[0-9a-f]{64}/.exec(said.out)?.[0] };
  };
  /** The error of such a build, as it stands on stderr without the folder's name. */
  const refused = async (dockerfile: string, more: readonly string[] = [], cwd = dir) => {
    const { code, out, err } = await build(dockerfile, more, cwd);
    assert.deepEqual([code, out], [2, ""], err);
    plain(err);
    return err.replaceAll(`${dir}/`, "").replace(/^ingot build: error: /, "");
  };
  return { dir, store, app, build, refused };
}

async function done(words: readonly string[]): Promise<void> {
  const { code, err } = await say(words);
  assert.equal(code, 0, err);
}

describe("a name in the store", () => {
  const hello = join(root, "examples/gadget/hello");

  test("a short one is a container's, whatever gadgets there are", async (t) => {
    const { store, build, refused } = place(t);
    await done(["build", hello, "-t", "x", "--store", store]);
    const missing =
      'cannot find the image of app/Dockerfile:1:1: looked for "docker.io/library/x:latest" in "store"\n' +
      "hint: bring it into the store with ingot pull or ingot import, or build with --pull; or name an archive: oci-archive:FILE\n";
    assert.equal(await refused("FROM x\n"), missing);
    const copied = await refused("FROM scratch\nCOPY --from=x / /\n");
    assert.equal(copied, missing.replace(":1:1", ":2:1"));
    assert.equal((await build("FROM scratch\nCOPY file /\n", ["-t", "x"])).code, 0);
    const both = await build("FROM x\nCOPY --from=x file /copy\n");
    assert.equal(both.code, 0, both.err);
  });

  test("of a gadget, it is said that it is one", async (t) => {
    const { store, refused } = place(t);
    await done(["build", hello, "-t", "x", "--store", store]);
    for (const name of [GADGET, GADGET.replace(":latest", "")]) {
      const says = `app/Dockerfile:1:1, "${name}": found a gadget, should be a container image\n`;
      assert.equal(await refused(`FROM ${name}\n`), `cannot use the image of ${says}`);
    }
  });

  test("with a digest is the repository's image of that digest, under any tag", async (t) => {
    const { build, refused } = place(t);
    const base = await build("FROM scratch\nCOPY file /\n", ["-t", "me/base:3"]);
    const { digest } = await build("FROM me/base:3\nCOPY file /own\n");
    for (const name of ["me/base", "me/base:3", "me/base:4"]) {
      const pinned = await build(`FROM ${name}@${base.digest}\nCOPY file /own\n`);
      assert.deepEqual([pinned.code, pinned.digest], [0, digest], pinned.err);
    }
    const none = `sha256:${"0".repeat(64)}`;
    for (const name of [`me/base@${none}`, `me/base:3@${none}`, `me/bas@${base.digest}`])
      assert.match(await refused(`FROM ${name}\n`), /^cannot find the image/, name);
  });

  test("one that looks like it is named, and no gadget", async (t) => {
    const { store, build, refused } = place(t);
    await done(["build", hello, "-t", "alpine", "--store", store]);
    assert.equal((await build("FROM scratch\nCOPY file /\n", ["-t", "me/alpine:3"])).code, 0);
    assert.match(
      await refused("FROM me/alpin:3\n"),
      /^cannot find .*"docker.io\/me\/alpin:3" in "store"\nhint: did you mean "docker.io\/me\/alpine:3"\? \(bring/,
    );
    assert.doesNotMatch(await refused("FROM alpin\n"), /did you mean/);
  });
});

describe("an archive or a layout", () => {
  const BASE = "docker.io/library/base:1";
  const OTHER = "docker.io/library/other:1";

  /** A layout and archives of it: `one` has a single image, `two` has two; each under `dir`. */
  async function shelf(t: Ends) {
    const here = place(t);
    const { dir, store } = here;
    const tags = (name: string) => ["-t", name, "-t", `${name}-too`];
    for (const [name, text] of [
      ["base:1", "base\n"],
      ["other:1", "other\n"],
    ] as const) {
      const folder = writeTree(join(dir, name.slice(0, -2)), {
        Dockerfile: "FROM scratch\nCOPY file /\n",
        file: text,
      });
      await done(["build", folder, ...tags(name), "--store", store]);
    }
    const export_ = (file: string, ...names: string[]) =>
      done(["export", ...names, "-o", join(dir, file), "--store", store]);
    await export_("one.tar", BASE);
    await export_("twice.tar", BASE, `${BASE}-too`);
    await export_("two.tar", BASE, OTHER);
    for (const name of ["one", "two"]) {
      mkdirSync(join(dir, name));
      await succeed(["tar", "-xf", join(dir, `${name}.tar`), "-C", join(dir, name)]);
    }
    return here;
  }

  /** Rewrites the index of a layout. */
  function rewrite(layout: string, change: (index: Index) => void): void {
    const file = join(layout, "index.json");
    const index = JSON.parse(readFileSync(file, "utf8")) as Index;
    change(index);
    writeFileSync(file, JSON.stringify(index));
  }

  interface Index {
    annotations?: unknown;
    manifests: { digest: string; annotations?: Record<string, string> }[];
  }

  test("with one image needs no name, also where that has none or two", async (t) => {
    const { dir, build } = await shelf(t);
    const nameless = join(dir, "nameless");
    cpSync(join(dir, "one"), nameless, { recursive: true });
    rewrite(nameless, (index) => {
      for (const one of index.manifests) delete one.annotations;
      delete index.annotations;
    });
    const { digest } = await build(`FROM ${BASE}\nCOPY file /own\n`);
    assert.ok(digest);
    const froms = ["oci-archive:DIR/one.tar", "docker-archive:DIR/one.tar", "oci:DIR/one"];
    for (const from of [
      ...froms,
      ...froms.map((text) => `${text}:${BASE}`),
      "oci:DIR/one:base:1",
      "oci:DIR/nameless",
      "oci-archive:DIR/twice.tar",
      "oci-archive:DIR/two.tar:base:1",
      "oci:DIR/two:base:1",
    ]) {
      const said = await build(`FROM ${from.replace("DIR", dir)}\nCOPY file /own\n`);
      assert.equal(said.code, 0, `${from}: ${said.err}`);
      assert.equal(said.digest, digest, from);
    }
  });

  test("of Docker's form is an image like every other", async (t) => {
    const { dir, build } = place(t);
    const layers = [layer("one\n"), layer("two\n")];
    writeFileSync(join(dir, "saved.tar"), dockerArchive({ layers, tags: ["box:v1"] }));
    writeFileSync(join(dir, "bare.tar"), dockerArchive({ layers, tags: null }));
    const digests = new Set<string | undefined>();
    for (const from of [
      "docker-archive:DIR/saved.tar",
      "docker-archive:DIR/saved.tar:box:v1",
      "oci-archive:DIR/saved.tar",
      "docker-archive:DIR/bare.tar",
    ]) {
      const text = from.replace("DIR", dir);
      const said = await build(`FROM ${text}\nCOPY --from=${text} /etc/motd /copy\n`);
      assert.equal(said.code, 0, `${from}: ${said.err}`);
      digests.add(said.digest);
    }
    assert.equal(digests.size, 1);
  });

  test("with several wants a name, and lists them", async (t) => {
    const { dir, refused, build } = await shelf(t);
    const list = JSON.parse(readFileSync(join(dir, "two/index.json"), "utf8")) as Index;
    const [base, other] = list.manifests.map(({ digest }) => digest);
    const lines = `  ${BASE} ${base}\n  ${OTHER} ${other}\n`;
    for (const from of ["oci:DIR/two", "oci-archive:DIR/two.tar"]) {
      assert.equal(
        await refused(`FROM ${from.replace("DIR", dir)}\n`),
        `cannot choose the image of app/Dockerfile:1:1: "${from.replace(/.*DIR\//, "")}" fits 2 of them, should fit one\n${lines}hint: give the complete name, or the digest\n`,
      );
      const said = await build(`FROM ${from.replace("DIR", dir)}:${other}\nCOPY file /own\n`);
      assert.equal(said.code, 0, said.err);
    }
    assert.equal(
      await refused(`FROM oci:${dir}/two:none:1\n`),
      `cannot find the image of app/Dockerfile:1:1: looked for "none:1" in "two"\nhint: there is ${lines.trim().replace("\n  ", ", ")}\n`,
    );
  });

  test("is where it is relative to the folder that is built, wherever one stands", async (t) => {
    const { dir, app, build } = await shelf(t);
    // What is relative to where one stands is another image.
    cpSync(join(dir, "other"), join(dir, "elsewhere/base"), { recursive: true });
    cpSync(join(dir, "two.tar"), join(dir, "elsewhere/base.tar"));
    cpSync(join(dir, "one"), join(app, "base"), { recursive: true });
    cpSync(join(dir, "one.tar"), join(app, "base.tar"));
    writeTree(app, { ".dockerignore": "base\nbase.tar\n" });
    symlinkSync(app, join(dir, "elsewhere/link"));
    const { digest } = await build(`FROM ${BASE}\nCOPY --from=${BASE} file /copy\n`);
    assert.ok(digest);
    for (const from of [
      "oci:base",
      "oci-archive:base.tar",
      "docker-archive:./base.tar",
      "oci:../one",
    ])
      for (const [cwd, words] of [
        [dir, []],
        [app, []],
        ["/", []],
        [join(dir, "elsewhere"), []],
        [join(dir, "elsewhere"), ["link"]],
        [app, ["."]],
      ] as const) {
        const lines = `FROM ${from}\nCOPY --from=${from} file /copy\n`;
        const said = await build(lines, [], cwd, words[0]);
        assert.equal(said.code, 0, `${from} in ${cwd}: ${said.err}`);
        assert.equal(said.digest, digest, `${from} in ${cwd}`);
      }
    // The same Dockerfile from elsewhere: it is the folder that counts.
    const outside = join(dir, "elsewhere/Dockerfile");
    writeFileSync(outside, `FROM oci:base\nCOPY --from=oci:base file /copy\n`);
    assert.equal((await build("FROM scratch\n", ["-f", outside], "/")).digest, digest);
  });

  test("that is not there: where it was looked for, and where a path begins", async (t) => {
    const { dir, refused } = await shelf(t);
    const law = "hint: a path in a Dockerfile is relative to the folder that is built, app";
    const none = (at: string) =>
      `cannot find the image of app/Dockerfile:1:1: looked for "${at}"\n`;
    assert.equal(await refused("FROM oci:no:x\n"), `${none("app/no")}${law}\n`);
    assert.equal(await refused("FROM oci-archive:no.tar\n"), `${none("app/no.tar")}${law}\n`);
    assert.equal(
      await refused("FROM oci-archive:one.tar\n"),
      `${none("app/one.tar")}${law}; what is relative to the folder you are in would be ../one.tar\n`,
    );
    assert.equal(await refused(`FROM oci:${dir}/no\n`), `${none("no")}hint: check the path\n`);
    assert.equal(
      await refused("FROM scratch\nCOPY --from=oci:no / /\n", ["--pull"]),
      `${none("app/no").replace(":1:1", ":2:1")}${law}\n`,
    );
  });

  test("that is the other one, or none", async (t) => {
    const { refused } = await shelf(t);
    const not = 'cannot use the image of app/Dockerfile:1:1, "';
    assert.equal(
      await refused("FROM oci:../one.tar\n"),
      `${not}one.tar": found no folder, should be the folder of an image layout\nhint: an archive is oci-archive:../one.tar\n`,
    );
    assert.equal(
      await refused("FROM oci-archive:../one\n"),
      `${not}one": found a folder, should be an archive\nhint: a layout in a folder is oci:../one\n`,
    );
    assert.match(
      await refused("FROM oci:../base\n"),
      /"base\/oci-layout"\nhint: .* not an OCI image layout/,
    );
    for (const text of ["oci:", "oci-archive::x"])
      assert.equal(
        await refused(`FROM ${text}\n`),
        `cannot read the image of app/Dockerfile:1:1, "${text}": it names no path\n`,
      );
  });

  test("needs to have no more of an index than what is asked for", async (t) => {
    const { dir, build, refused } = place(t);
    const layout = join(dir, "sparse");
    const image = putContainer(layout, "base");
    nameAll(layout, { "base:1": image });
    const whole = await build(`FROM oci:${layout}\nCOPY file /own\n`);
    assert.equal(whole.code, 0, whole.err);
    const [, arm] = image.platforms;
    rmSync(join(layout, "blobs/sha256", arm!.digest.slice(7)));
    await succeed(["tar", "-cf", join(dir, "sparse.tar"), "-C", layout, "."]);
    for (const from of [`oci:${layout}`, `oci-archive:${dir}/sparse.tar:base:1`]) {
      const said = await build(`FROM ${from}\nCOPY file /own\n`);
      assert.equal(said.code, 0, said.err);
      assert.equal(said.digest, whole.digest);
    }
    assert.match(
      await refused(`FROM oci:${layout}\nCOPY file /own\n`, ["--platform", "linux/arm64"]),
      /^cannot find the platform: looked for "linux\/arm64"/,
    );
  });

  test("that has an image and its signature has one image", async (t) => {
    const { dir, build } = await shelf(t);
    const layout = join(dir, "two");
    rewrite(layout, ({ manifests: [base, other] }) => {
      const tag = `docker.io/library/base:${base!.digest.replace(":", "-")}.sig`;
      other!.annotations = { "org.opencontainers.image.ref.name": tag };
    });
    const said = await build(`FROM oci:${layout}\nCOPY file /own\n`);
    assert.equal(said.code, 0, said.err);
  });
});

test("a transport that is not read is refused, with what to do instead", async (t) => {
  const { refused } = place(t);
  const cases: Readonly<Record<string, string>> = {
    "docker://alpine:3": "(ingot pull docker://alpine:3), then name it without the transport",
    "docker-image://alpine": "(ingot pull docker://alpine), then name it without the transport",
    "docker-daemon:alpine:3": "(docker save alpine:3 | ingot import -)",
    "containers-storage:localhost/a:1":
      "(podman save --format oci-archive localhost/a:1 | ingot import -)",
    "dir:/srv/image": "(skopeo copy dir:/srv/image oci:FOLDER), then name oci:FOLDER",
    "oci-layout://srv/image": "a layout in a folder is named oci:srv/image",
  };
  for (const [text, hint] of Object.entries(cases)) {
    const transport = /^[a-z-]+:/.exec(text)?.[0];
    for (const pull of [[], ["--pull"]]) {
      const err = await refused(`FROM ${text}\n`, pull);
      const says = `cannot use the image of app/Dockerfile:1:1, "${text}": found the transport ${transport}, should be oci:, oci-archive:, docker-archive:, or an image's name\n`;
      assert.ok(err.startsWith(says), err);
      assert.ok(err.slice(says.length).includes(hint), err);
    }
  }
  const secret = await refused("FROM docker://me:secret@r.test/x\n");
  assert.doesNotMatch(secret, /secret/);
});
