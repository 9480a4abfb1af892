/** What the world's tools make of our archives, and what we make of theirs. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { writeLayout } from "../support/images/image-layout.ts";
import { ingot, root } from "../support/process/ingot.ts";
import { testWith } from "../support/process/needs.ts";
import { succeed } from "../support/process/run.ts";
import { type Ends, tempDir } from "../support/process/temp.ts";
import { igExport, layerOf } from "../support/tar/go-tar.ts";
import { readUstar } from "../support/tar/ustar.ts";

const HELLO = "ghcr.io/inspektor-gadget/gadget/hello:latest";
const BOX = "docker.io/library/box:v1";
const MOTD = "a container that the tests made\n";
/** Made by `ExportGadgetImages` of Inspektor Gadget v0.55.0, as root, after it had imported our hello.tar. */
const IG_EXPORT = join(root, "test/fixtures/ig-export-hello.tar");

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

/** Runs ingot, which must succeed. */
async function ok(args: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await ingot(args, { cwd: root });
  assert.equal(code, 0, `ingot ${args.join(" ")}: ${stdout}${stderr}`);
  return `${stdout}`;
}

/** Every file below `folder`, its bytes by its name. */
function filesOf(folder: string): Record<string, Buffer> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) =>
    entry.isFile(),
  );
  const paths = files.map((entry) => join(entry.parentPath, entry.name));
  return Object.fromEntries(
    paths.map((path) => [path.slice(folder.length + 1), readFileSync(path)]),
  );
}

const isRoot = process.getuid?.() === 0;
/** Who is not root: skopeo then may not give what it unpacks to anybody else. */
const ORDINARY = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"];

describe("clients", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));

  /** One archive of each kind: its file, its name, its one image's digest, and itself unpacked. */
  const archives = {
    gadget: {
      file: join(dir, "gadget.tar"),
      reference: HELLO,
      layout: join(dir, "gadget"),
      digest: "",
    },
    container: {
      file: join(dir, "container.tar"),
      reference: BOX,
      layout: join(dir, "container"),
      digest: "",
    },
  };
  const kinds = Object.keys(archives) as (keyof typeof archives)[];

  before(async () => {
    const { gadget, container } = archives;
    const made = join(dir, "made");
    const [digest = ""] = writeLayout(made, [
      { reference: BOX, layers: [layerOf({ "etc/motd": MOTD })] },
    ]);
    await ok(["build", "examples/gadget/hello", "-t", "hello", "-o", gadget.file]);
    await ok(["export", `oci:${made}`, "-o", container.file]);
    container.digest = digest;
    for (const { file, layout } of [gadget, container]) {
      for (const { name, content } of readUstar(readFileSync(file))) {
        if (name.endsWith("/")) mkdirSync(join(layout, name), { recursive: true });
        else writeFileSync(join(layout, name), content);
      }
    }
    gadget.digest = JSON.parse(
      readFileSync(join(gadget.layout, "index.json"), "utf8"),
    ).manifests[0].digest;
  });

  /** Brings an archive of someone's into a new store; fails unless the image's export is what it was from here. */
  async function comesBack(t: Ends, file: string, kind: keyof typeof archives): Promise<void> {
    const folder = tempDir(t);
    const [store, out] = [join(folder, "store"), join(folder, "out.tar")];
    const { reference, digest } = archives[kind];
    assert.equal(await ok(["import", file, "--store", store]), `${reference} ${digest}\n`);
    await ok(["export", reference, "-o", out, "--store", store]);
    assert.ok(readFileSync(out).equals(readFileSync(archives[kind].file)), `${file}: other bytes`);
  }

  test("an archive is plain ustar, directories and regular files, in order, with one and the same header fields", () => {
    // What Deno's @std/tar and every other reader can read: see readUstar.
    for (const kind of kinds) {
      const members = readUstar(readFileSync(archives[kind].file));
      const names = members.map(({ name }) => name);
      const inOrder = [...names].sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
      assert.deepEqual(names, inOrder);
      assert.equal(new Set(names).size, names.length);
      for (const { name, mode, uid, gid, uname, gname, mtime, content } of members) {
        assert.deepEqual(
          { mode, uid, gid, uname, gname, mtime },
          {
            mode: name.endsWith("/") ? 0o755 : 0o644,
            uid: 0,
            gid: 0,
            uname: "",
            gname: "",
            mtime: 0,
          },
        );
        if (/^blobs\/sha256\/./.test(name)) assert.equal(name, `blobs/sha256/${sha256(content)}`);
      }
      const others = names.filter((name) => !name.startsWith("blobs/"));
      assert.deepEqual(others, [
        "index.json",
        ...(kind === "container" ? ["manifest.json"] : []),
        "oci-layout",
      ]);
    }
  });

  for (const kind of kinds) {
    testWith(
      ["skopeo", ...(isRoot ? ["setpriv"] : [])],
      `skopeo reads the ${kind} as an ordinary user, with any umask`,
      async (t) => {
        const { file, reference, digest } = archives[kind];
        const folder = tempDir(t);
        const readable = join(folder, "a.tar");
        copyFileSync(file, readable);
        chmodSync(folder, 0o777);
        chmodSync(readable, 0o644);
        const skopeo = `skopeo inspect --raw "oci-archive:$1:$2"`;
        for (const umask of ["022", "077"]) {
          const shell = ["sh", "-c", `umask ${umask}; HOME=$3 TMPDIR=$3 exec ${skopeo}`, "sh"];
          const words = [...(isRoot ? ORDINARY : []), ...shell, readable, reference, folder];
          const { stdout } = await succeed(words);
          assert.equal(`sha256:${sha256(stdout)}`, digest, umask);
        }
      },
    );

    testWith(
      ["skopeo"],
      `skopeo copies the ${kind} out of its archive, digest for digest`,
      async (t) => {
        const { file, reference, layout, digest } = archives[kind];
        const out = join(tempDir(t), "out");
        const source = `oci-archive:${file}:${reference}`;
        const raw = await succeed(["skopeo", "inspect", "--raw", source]);
        assert.equal(`sha256:${sha256(raw.stdout)}`, digest);
        await succeed([
          "skopeo",
          "--insecure-policy",
          "copy",
          "--all",
          "--preserve-digests",
          source,
          `dir:${out}`,
        ]);
        const { version, "manifest.json": manifest, ...blobs } = filesOf(out);
        assert.ok(version && manifest);
        assert.equal(`sha256:${sha256(manifest)}`, digest);
        const copied = [manifest, ...Object.values(blobs)].map(
          (bytes) => `blobs/sha256/${sha256(bytes)}`,
        );
        for (const name of Object.keys(blobs)) {
          const hex = name.replace(/\.manifest\.json$/, "");
          assert.ok(copied.includes(`blobs/sha256/${hex}`), name);
        }
        assert.deepEqual(
          copied.sort(),
          Object.keys(filesOf(layout))
            .filter((name) => name.startsWith("blobs/"))
            .sort(),
        );
      },
    );

    testWith(
      ["umoci"],
      `umoci lists the ${kind} in the unpacked archive under its name`,
      async () => {
        const { layout, reference } = archives[kind];
        const { stdout } = await succeed(["umoci", "ls", "--layout", layout]);
        assert.equal(`${stdout}`, `${reference}\n`);
      },
    );

    for (const tar of [["tar"], ["bsdtar"], ["busybox", "tar"]]) {
      testWith(
        [tar[0]!],
        `${tar.join(" ")} lists and extracts the ${kind}'s archive without a word`,
        async (t) => {
          const out = tempDir(t);
          const { file } = archives[kind];
          const members = readUstar(readFileSync(file));
          const listed = await succeed([...tar, "-tf", file]);
          const extracted = await succeed([...tar, "-xf", file, "-C", out]);
          assert.deepEqual(
            `${listed.stdout}`.trim().split("\n"),
            members.map(({ name }) => name),
          );
          assert.equal(`${listed.stderr}${extracted.stdout}${extracted.stderr}`, "");
          assert.deepEqual(
            filesOf(out),
            Object.fromEntries(
              members
                .filter(({ name }) => !name.endsWith("/"))
                .map(({ name, content }) => [name, Buffer.from(content)]),
            ),
          );
        },
      );

      testWith(
        [tar[0]!],
        `an archive that ${tar.join(" ")} makes of the ${kind}'s layout is imported, and exported as ours`,
        async (t) => {
          const { layout } = archives[kind];
          const folder = tempDir(t);
          await succeed([...tar, "-cf", join(folder, "dot.tar"), "-C", layout, "."]);
          await comesBack(t, join(folder, "dot.tar"), kind);
          // As people write it: cd layout && tar -cf x.tar *
          const names = readdirSync(layout);
          await succeed([...tar, "-cf", join(folder, "star.tar"), ...names], { cwd: layout });
          await comesBack(t, join(folder, "star.tar"), kind);
        },
      );
    }

    testWith(
      ["skopeo"],
      `an archive that skopeo makes of the ${kind}'s layout is imported, and exported as ours`,
      async (t) => {
        const { layout, reference } = archives[kind];
        const file = join(tempDir(t), "skopeo.tar");
        const places = [`oci:${layout}:${reference}`, `oci-archive:${file}:${reference}`];
        await succeed([
          "skopeo",
          "--insecure-policy",
          "copy",
          "--all",
          "--preserve-digests",
          ...places,
        ]);
        await comesBack(t, file, kind);
      },
    );

    test(`an archive as ig image export writes it of the ${kind}, by any user, is imported, and exported as ours`, async (t) => {
      const folder = tempDir(t);
      for (const owner of [
        { id: 0, name: "root" },
        { id: 1000, name: "user" },
        { id: 65534, name: "nobody" },
      ]) {
        const file = join(folder, `${owner.name}.tar`);
        writeFileSync(file, igExport(archives[kind].layout, owner));
        await comesBack(t, file, kind);
      }
    });
  }

  testWith(
    ["umoci"],
    "umoci unpacks the container: every digest, size and diffID is right",
    async (t) => {
      const bundle = join(tempDir(t), "bundle");
      const { layout, reference } = archives.container;
      const rootless = isRoot ? [] : ["--rootless"];
      await succeed(["umoci", "unpack", ...rootless, "--image", `${layout}:${reference}`, bundle]);
      assert.equal(readFileSync(join(bundle, "rootfs/etc/motd"), "utf8"), MOTD);
    },
  );

  test("an archive that Inspektor Gadget exported is imported, and exported as ours", async (t) => {
    const folder = tempDir(t);
    const out = join(folder, "out.tar");
    const store = ["--store", join(folder, "store")];
    const bytes = readFileSync(IG_EXPORT);
    for (const { name, content } of readUstar(bytes)) {
      mkdirSync(join(folder, "layout", name, ".."), { recursive: true });
      writeFileSync(join(folder, "layout", name), content);
    }
    // The writer that stands in for ig above spells as ig does.
    assert.ok(igExport(join(folder, "layout"), { id: 0, name: "root" }).equals(bytes));
    const [golden] = JSON.parse(
      readFileSync(join(root, "test/reproducibility/golden/hello-v1.json"), "utf8"),
    ).images;
    assert.equal(await ok(["import", IG_EXPORT, ...store]), `${HELLO} ${golden.digest}\n`);
    await ok(["export", "hello", "-o", out, ...store]);
    const { sha256: expected } = JSON.parse(
      readFileSync(join(root, "test/reproducibility/golden/hello-v1.json"), "utf8"),
    );
    assert.equal(sha256(readFileSync(out)), expected);
  });
});
