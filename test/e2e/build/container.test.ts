/** `ingot build` of a Dockerfile: what is asked for, where it goes, what is said. */
import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, it, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { noise, sha256 } from "../../support/images/archive.ts";
import { ingot } from "../../support/process/ingot.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";
import { readTar } from "../../support/tar/raw-tar.ts";
import { readUstar } from "../../support/tar/ustar.ts";
import { writeTree } from "../../support/trees/tree.ts";

const DOCKERFILE = `ARG VERSION=1
FROM scratch AS files
COPY data /srv/data
COPY --chmod=755 tool /usr/bin/tool

FROM files AS prod
ARG VERSION
ENV VERSION=$VERSION
WORKDIR /srv
ENTRYPOINT ["/usr/bin/tool"]
`;

/** A context with this Dockerfile. */
function context(t: Ends, dockerfile = DOCKERFILE): string {
  const folder = join(tempDir(t), "app");
  mkdirSync(folder);
  writeTree(folder, {
    Dockerfile: dockerfile,
    "data/a": "a\n",
    "data/deep/b": "b\n",
    tool: "#!/bin/sh\n",
  });
  return folder;
}

interface Answer {
  readonly digest: string;
  readonly mediaType: string;
  readonly created: string;
  readonly layers: readonly { digest: string; size: number; diffID: string; known: boolean }[];
  readonly manifests: readonly { platform: string; digest: string }[];
  readonly warnings: readonly { message: string; hint: string | null }[];
}

/** Builds, and gives what `--json` says. */
async function build(folder: string, store: string, ...args: readonly string[]): Promise<Answer> {
  const { code, stdout, stderr } = await ingot(
    ["build", folder, "-t", "app:1", "--store", store, "--json", ...args],
    {},
  );
  assert.equal(code, 0, `${stdout}${stderr}`);
  return JSON.parse(`${stdout}`);
}

/** A build that ends with 2; what it says. Nothing may be left of it. */
async function refused(t: Ends, folder: string, ...args: readonly string[]): Promise<string> {
  const dir = tempDir(t);
  const words = [
    "build",
    folder,
    "-t",
    "app:1",
    "--store",
    join(dir, "store"),
    "-o",
    join(dir, "x.tar"),
  ];
  const { code, stdout, stderr } = await ingot([...words, ...args]);
  assert.deepEqual([code, `${stdout}`], [2, ""], stderr);
  assert.deepEqual(
    readdirSync(dir).filter((name) => name !== "store"),
    [],
  );
  return stderr;
}

/** The blobs of an archive of one image for one platform, read by nothing of ours. */
function opened(archive: string) {
  const members = new Map(readUstar(readFileSync(archive)).map((m) => [m.name, m.content]));
  const blob = (digest: string) => members.get(`blobs/sha256/${digest.slice(7)}`) as Uint8Array;
  const json = (bytes: unknown) => JSON.parse(`${bytes}`);
  const manifest = json(blob(json(members.get("index.json")).manifests[0].digest));
  const config = json(blob(manifest.config.digest));
  const layers: string[][] = manifest.layers.map(
    ({ digest, mediaType }: Record<string, string>) => {
      const bytes = blob(digest as string);
      const tar = mediaType?.endsWith("+gzip") ? gunzipSync(bytes) : bytes;
      return readTar(Buffer.from(tar)).map(({ name }) => name);
    },
  );
  return { manifest, config, layers };
}

describe("what a build writes into its own context", () => {
  /** Builds `COPY . /`, and gives the digest and what is said. */
  async function whole(folder: string, ...args: readonly string[]) {
    const words = ["build", folder, "-t", "app:1", "--json", ...args];
    const { code, stdout, stderr } = await ingot(words);
    assert.equal(code, 0, `${stdout}${stderr}`);
    return { digest: JSON.parse(`${stdout}`).digest as string, stderr };
  }
  const warnings = (stderr: string) => stderr.split("is not part of the image").length - 1;

  it(
    "is no part of the image: an archive, what is beside it, and the store",
    tidily(async (t) => {
      const folder = context(t, "FROM scratch\nCOPY . /\n");
      const elsewhere = tempDir(t);
      const store = ["--store", join(elsewhere, "s")];
      const { digest } = await whole(folder, ...store);
      const out = join(folder, "data/app.tar");
      const first = await whole(folder, "-o", out, ...store);
      assert.deepEqual(first, { digest, stderr: "" });
      writeFileSync(join(folder, "data/.app.tar.partial.free.x"), "half");
      symlinkSync(folder, join(elsewhere, "link"));
      for (const name of [out, join(elsewhere, "link/data/app.tar")]) {
        const again = await whole(folder, "-o", name, ...store);
        assert.equal(again.digest, digest);
        assert.equal(warnings(again.stderr), 1, again.stderr);
        assert.ok(again.stderr.includes(JSON.stringify(name)), again.stderr);
      }
      rmSync(out);
      rmSync(join(folder, "data/.app.tar.partial.free.x"), { force: true });
      const inside = join(folder, "store");
      for (const said of [0, 1]) {
        const built = await whole(folder, "--store", inside);
        assert.equal(built.digest, digest);
        assert.equal(warnings(built.stderr), said, built.stderr);
      }
      const both = await whole(folder, "--store", inside, "-o", out, "--platform", "amd64,arm64");
      assert.equal(warnings(both.stderr), 1);
      assert.ok(both.stderr.includes(JSON.stringify(inside)), both.stderr);
    }),
  );

  it(
    "is passed over in silence where .dockerignore leaves it out, and is not there to be copied",
    tidily(async (t) => {
      const folder = context(t, "FROM scratch\nCOPY . /\n");
      writeFileSync(join(folder, ".dockerignore"), "*.tar\n.dockerignore\n");
      const out = join(folder, "app.tar");
      await whole(folder, "-o", out);
      assert.equal((await whole(folder, "-o", out)).stderr, "");
      writeFileSync(join(folder, "Dockerfile"), "FROM scratch\nCOPY app.tar /\n");
      writeFileSync(join(folder, ".dockerignore"), "");
      const { code, stderr } = await ingot(["build", folder, "-t", "app:1", "-o", out]);
      assert.equal(code, 2, stderr);
      assert.match(stderr, /cannot find the source "app.tar"/);
      assert.doesNotMatch(stderr, /dockerignore/);
    }),
  );

  it(
    "may lie beside the context under a name that begins alike",
    tidily(async (t) => {
      const folder = context(t, "FROM scratch\nCOPY . /\n");
      const { stderr } = await whole(folder, "-o", `${folder}.tar`);
      const again = await whole(folder, "-o", `${folder}.tar`);
      assert.deepEqual([stderr, again.stderr], ["", ""]);
      writeFileSync(join(folder, "..tar"), "theirs");
      const theirs = await whole(folder, "-o", `${folder}.tar`);
      assert.notEqual(theirs.digest, again.digest);
    }),
  );
});

test("who logs in to a registry is not told, whatever else is wrong with FROM", async (t) => {
  for (const from of [
    "https://me:s3cret@h/x",
    "docker://me:s3cret@h/x",
    "me:s3cret@h/x",
    `https://me:s3cret@h/x@sha256:${"0".repeat(64)}`,
    "$B",
  ])
    for (const more of [[], ["--pull"], ["--debug"]]) {
      const folder = context(t, `ARG B\nFROM ${from}\nCOPY --from=${from} /x /x\n`);
      const args = ["--build-arg", "B=https://me:s3cret@h/x", ...more];
      const stderr = await refused(t, folder, ...args);
      assert.doesNotMatch(stderr, /s3cret/);
      assert.match(stderr, /\*\*\*@h\/x|\$B/);
    }
});

describe("--build-arg SOURCE_DATE_EPOCH", () => {
  const arg = (value: string) => ["--build-arg", `SOURCE_DATE_EPOCH=${value}`];

  it("is in the help, where the time of a build is told", async () => {
    const { stdout } = await ingot(["build", "--help"]);
    assert.match(`${stdout}`, /--source-date-epoch TIME .*--build-arg SOURCE_DATE_EPOCH=N/);
    assert.match(`${stdout}`, /by --build-arg SOURCE_DATE_EPOCH=N; both must agree/);
  });
  const flag = (value: string) => ["--source-date-epoch", value];

  it(
    "is the time of the build, before the variable, and after a flag that says the same",
    tidily(async (t) => {
      const folder = context(t, "FROM scratch\nARG SOURCE_DATE_EPOCH\nCOPY data /\n");
      const store = join(tempDir(t), "s");
      const wanted = await build(folder, store, ...flag("1700000000"));
      assert.equal(wanted.created, "2023-11-14T22:13:20Z");
      for (const args of [arg("1700000000"), [...flag("1700000000"), ...arg("1700000000")]])
        assert.deepEqual((await build(folder, store, ...args)).digest, wanted.digest);
      const words = ["build", folder, "-t", "app:1", "--store", store, "--json"];
      const before = await ingot([...words, ...arg("1700000000")], {
        env: { SOURCE_DATE_EPOCH: "5" },
      });
      assert.equal(JSON.parse(`${before.stdout}`).digest, wanted.digest);
      const lone = await ingot([...words, "--build-arg", "SOURCE_DATE_EPOCH"], {
        env: { SOURCE_DATE_EPOCH: "1700000000" },
      });
      assert.equal(JSON.parse(`${lone.stdout}`).digest, wanted.digest);
    }),
  );

  it(
    "is refused where it is no time, and where the flag says another one",
    tidily(async (t) => {
      const folder = context(t);
      for (const text of ["", "soon", "-1", "253402300800"])
        assert.ok(
          (await refused(t, folder, ...arg(text))).includes(
            `--build-arg SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, should be whole seconds`,
          ),
        );
      for (const other of ["6", "mtime"])
        assert.match(
          await refused(t, folder, ...arg("5"), ...flag(other)),
          /--source-date-epoch is "(6|mtime)" and --build-arg SOURCE_DATE_EPOCH is "5", should be the same/,
        );
    }),
  );
});

test("--modes set: the umask of whoever cloned the context does not show", async (t) => {
  const store = join(tempDir(t), "store");
  const digests = async (modes: Record<string, number>) => {
    const folder = context(t);
    for (const [path, mode] of Object.entries(modes)) chmodSync(join(folder, path), mode);
    const kept = await build(folder, store);
    const set = await build(folder, store, "--modes", "set");
    return { kept: kept.digest, set: set.digest };
  };
  const plain = await digests({
    data: 0o755,
    "data/deep": 0o755,
    "data/a": 0o644,
    "data/deep/b": 0o755,
  });
  const tight = await digests({
    data: 0o700,
    "data/deep": 0o2750,
    "data/a": 0o600,
    "data/deep/b": 0o740,
  });
  const wide = await digests({
    data: 0o775,
    "data/deep": 0o777,
    "data/a": 0o664,
    "data/deep/b": 0o775,
  });
  assert.equal(new Set([plain.kept, tight.kept, wide.kept]).size, 3);
  assert.deepEqual([plain.set, tight.set, wide.set], [plain.kept, plain.kept, plain.kept]);
  const odd = await ingot(["build", context(t), "-t", "app:1", "--store", store, "--modes", "git"]);
  assert.equal(odd.code, 2);
  assert.match(odd.stderr, /--modes is "git", should be keep or set/);
});

test("a platform may be called by another name, and twins are one", async (t) => {
  const folder = context(
    t,
    "FROM --platform=linux/aarch64 scratch\nARG TARGETPLATFORM\nCOPY data /\n",
  );
  const store = join(tempDir(t), "s");
  for (const [some, same] of [
    ["linux/aarch64,linux/arm64/v8,arm64", "linux/arm64"],
    ["linux/x86_64", "linux/amd64"],
    ["linux/armhf", "linux/arm/v7"],
  ] as const) {
    const { digest } = await build(folder, store, "--platform", some);
    assert.equal(digest, (await build(folder, store, "--platform", same)).digest);
  }
});

test("nothing is built for Windows: its layers have another form", async (t) => {
  const folder = context(t, "FROM scratch\nCOPY data /\n");
  const words = ["build", folder, "-t", "x:1", "--platform", "linux/amd64,windows/amd64"];
  const { code, stderr } = await ingot([...words, "--store", join(tempDir(t), "s")]);
  assert.equal(code, 2, stderr);
  assert.match(stderr, /cannot use the platform "windows\/amd64": found Windows, /);
});

describe("a Dockerfile", () => {
  it(
    "is the same image in a store, in a file, on a pipe, and with one thread",
    tidily(async (t) => {
      const folder = context(t);
      const dir = tempDir(t);
      const { digest } = await build(folder, join(dir, "s"));
      const file = join(dir, "a.tar");
      assert.equal((await build(folder, join(dir, "unused"), "-o", file)).digest, digest);
      assert.equal(existsSync(join(dir, "unused")), false);
      const piped = await ingot(["build", folder, "-t", "app:1", "-o", "-", "--jobs", "1"]);
      assert.equal(piped.code, 0, piped.stderr);
      assert.ok(Buffer.from(piped.stdout).equals(readFileSync(file)));
      assert.match(piped.stderr, new RegExp(`app:1 ${digest}`));
      const exported = join(dir, "b.tar");
      const ran = await ingot(["export", "app:1", "-o", exported, "--store", join(dir, "s")]);
      assert.equal(ran.code, 0, ran.stderr);
      assert.ok(readFileSync(exported).equals(readFileSync(file)));
    }),
  );

  it(
    "has a layer for each copy, a line of history for each instruction, and the times of the epoch",
    tidily(async (t) => {
      const folder = context(t);
      const file = join(tempDir(t), "a.tar");
      await build(folder, "unused", "-o", file, "--source-date-epoch", "1700000000");
      const { config, layers } = opened(file);
      assert.deepEqual(layers, [
        ["srv/", "srv/data/", "srv/data/a", "srv/data/deep/", "srv/data/deep/b"],
        ["usr/", "usr/bin/", "usr/bin/tool"],
      ]);
      assert.equal(config.created, "2023-11-14T22:13:20Z");
      assert.deepEqual(
        config.history.map(({ created, created_by, empty_layer }: Record<string, unknown>) => [
          created,
          created_by,
          empty_layer,
        ]),
        [
          ["2023-11-14T22:13:20Z", "COPY data /srv/data", undefined],
          ["2023-11-14T22:13:20Z", "COPY --chmod=755 tool /usr/bin/tool", undefined],
          ["2023-11-14T22:13:20Z", "ARG VERSION=1", true],
          ["2023-11-14T22:13:20Z", "ENV VERSION=1", true],
          ["2023-11-14T22:13:20Z", "WORKDIR /srv", true],
          ["2023-11-14T22:13:20Z", 'ENTRYPOINT ["/usr/bin/tool"]', true],
        ],
      );
      assert.deepEqual(config.config.Entrypoint, ["/usr/bin/tool"]);
      assert.equal(config.config.WorkingDir, "/srv");
    }),
  );

  it(
    "is built to a stage, with arguments, labels and annotations",
    tidily(async (t) => {
      const folder = context(t);
      const file = join(tempDir(t), "a.tar");
      const words = [
        "--label",
        "a=1",
        "--label",
        "b=x=y",
        "--annotation",
        "org.opencontainers.image.title=app",
      ];
      await build(
        folder,
        "unused",
        "-o",
        file,
        "--target",
        "PROD",
        "--build-arg",
        "VERSION=7",
        ...words,
      );
      const { config, manifest } = opened(file);
      assert.ok(config.config.Env.includes("VERSION=7"));
      assert.deepEqual(config.config.Labels, { a: "1", b: "x=y" });
      assert.deepEqual(manifest.annotations, { "org.opencontainers.image.title": "app" });
      await build(folder, "unused", "-o", file, "--target", "files");
      assert.equal(opened(file).config.config.Entrypoint, undefined);
    }),
  );

  it(
    "for several platforms is an index, in whatever order they are named",
    tidily(async (t) => {
      const folder = context(t);
      const store = tempDir(t);
      const one = await build(folder, join(store, "1"), "--platform", "linux/arm/v7,linux/amd64");
      const two = await build(folder, join(store, "2"), "--platform", "linux/amd64,linux/arm/v7");
      assert.equal(one.digest, two.digest);
      assert.deepEqual(
        one.manifests.map(({ platform }) => platform),
        ["linux/amd64", "linux/arm/v7"],
      );
      // What is the same for both is made once.
      assert.equal(one.layers.length, 2);
    }),
  );

  it(
    "without compression has the layers' tars as they are",
    tidily(async (t) => {
      const folder = context(t);
      const store = join(tempDir(t), "s");
      const packed = await build(folder, store);
      const plain = await build(folder, store, "--compression", "none");
      assert.deepEqual(
        plain.layers.map(({ digest }) => digest),
        packed.layers.map(({ diffID }) => diffID),
      );
      assert.deepEqual(
        plain.layers.map(({ diffID }) => diffID),
        packed.layers.map(({ diffID }) => diffID),
      );
    }),
  );

  it(
    "keeps or clamps the times of files when it is told to",
    tidily(async (t) => {
      const folder = context(t, "FROM scratch\nCOPY data/a /a\n");
      const time = (seconds: number) => utimesSync(join(folder, "data/a"), seconds, seconds);
      const store = join(tempDir(t), "s");
      const diffID = async (...args: string[]) => {
        const { layers } = await build(folder, store, "--compression", "none", ...args);
        return layers[0]?.diffID;
      };
      time(1000);
      const [set, clamped, kept] = [
        await diffID(),
        await diffID("--timestamps", "clamp", "--source-date-epoch", "2000"),
        await diffID("--timestamps", "keep"),
      ];
      assert.notEqual(set, kept);
      assert.equal(clamped, kept);
      time(3000);
      assert.equal(await diffID(), set);
      assert.equal(
        await diffID("--timestamps", "keep", "--source-date-epoch", "7"),
        await diffID("--timestamps", "keep"),
      );
      time(9000);
      const late = await diffID("--timestamps", "clamp", "--source-date-epoch", "2000");
      assert.equal(late, await diffID("--timestamps", "set", "--source-date-epoch", "2000"));
    }),
  );
});

describe("FROM", () => {
  it(
    "takes an image of the store, of a layout and of an archive, and leaves its layers as they are",
    tidily(async (t) => {
      const base = context(t);
      const dir = tempDir(t);
      const store = join(dir, "store");
      const { layers } = await build(base, store);
      const archive = join(dir, "base.tar");
      assert.equal((await ingot(["export", "app:1", "-o", archive, "--store", store])).code, 0);
      const digests = new Set<string>();
      for (const from of [
        "app:1",
        `oci:${store}:docker.io/library/app:1`,
        `oci-archive:${archive}`,
      ]) {
        const folder = join(dir, `on-${digests.size}-${from.length}`);
        mkdirSync(folder);
        writeTree(folder, { Dockerfile: `FROM ${from}\nCOPY x /srv/data/x\n`, x: "x\n" });
        // Into a file: the base's layers are found where they are.
        const file = join(folder, "out.tar");
        const built = await build(folder, store, "-o", file);
        digests.add(built.digest);
        const { manifest, config, layers: names } = opened(file);
        assert.deepEqual(
          manifest.layers.slice(0, 2).map(({ digest }: { digest: string }) => digest),
          layers.map(({ digest }) => digest),
        );
        assert.deepEqual(names[2], ["srv/", "srv/data/", "srv/data/x"]);
        assert.equal(config.history.length, 7);
        // And into another store: they are there afterwards.
        const other = join(folder, "other");
        if (from === "app:1") continue;
        assert.equal((await build(folder, other)).digest, built.digest);
        assert.equal((await ingot(["verify", `oci:${other}`])).code, 0);
      }
      assert.equal(digests.size, 1);
    }),
  );

  it(
    "of what is not there says where it stands, and what is meant",
    tidily(async (t) => {
      const folder = context(t, "FROM aap:1\n");
      const store = join(tempDir(t), "s");
      await build(context(t), store);
      const { code, stderr } = await ingot(["build", folder, "-t", "x", "--store", store]);
      assert.equal(code, 2);
      assert.match(
        stderr,
        /cannot find the image of .*Dockerfile:1:1: looked for "docker.io\/library\/aap:1"/,
      );
      assert.match(stderr, /did you mean "docker.io\/library\/app:1"/);
    }),
  );

  it(
    "of a gadget is refused",
    tidily(async (t) => {
      const store = join(tempDir(t), "s");
      const built = await ingot([
        "build",
        "examples/gadget/hello",
        "-t",
        "hello:1",
        "--store",
        store,
      ]);
      assert.equal(built.code, 0, built.stderr);
      const folder = context(t, "FROM ghcr.io/inspektor-gadget/gadget/hello:1\n");
      const { code, stderr } = await ingot(["build", folder, "-t", "x", "--store", store]);
      assert.equal(code, 2);
      assert.match(stderr, /linux\/amd64|container image/);
    }),
  );
});

describe("a build that cannot be", () => {
  const cases: readonly (readonly [
    name: string,
    dockerfile: string,
    args: string[],
    said: RegExp,
  ])[] = [
    ["RUN", "FROM scratch\nRUN make\n", [], /Dockerfile:2:1: error: RUN is not carried out/],
    [
      "ADD of a URL",
      "FROM scratch\nADD https://example.com/x /\n",
      [],
      /Dockerfile:2:5: error: ADD of "https/,
    ],
    [
      "a source that is not there",
      "FROM scratch\nCOPY dta /\n",
      [],
      /cannot find the source "dta"/,
    ],
    [
      "a stage that is not there",
      DOCKERFILE,
      ["--target", "prd"],
      /cannot find the stage: looked for "prd" in ".*Dockerfile"\n.*did you mean "prod"\? \(its stages are /,
    ],
    ["a flag for gadgets", DOCKERFILE, ["--clang", "clang"], /--clang is for a gadget/],
    [
      "an unknown compression",
      DOCKERFILE,
      ["--compression", "zstd"],
      /"zstd", should be gzip or none/,
    ],
    [
      "an unknown way with times",
      DOCKERFILE,
      ["--timestamps", "now"],
      /should be set, clamp or keep/,
    ],
    ["a label without a value", DOCKERFILE, ["--label", "a"], /should be KEY=VALUE/],
    [
      "a warning where they are errors",
      DOCKERFILE,
      ["--strict", "--build-arg", "OTHER=1"],
      /--build-arg OTHER has no effect/,
    ],
  ];
  for (const [name, dockerfile, args, said] of cases) {
    it(
      `for ${name} says so, and leaves nothing`,
      tidily(async (t) => {
        assert.match(await refused(t, context(t, dockerfile), ...args), said);
      }),
    );
  }

  it(
    "for a folder that is a gadget's and a container's asks which is meant",
    tidily(async (t) => {
      const folder = context(t);
      writeTree(folder, { "gadget.yaml": "name: x\n" });
      assert.match(await refused(t, folder), /it has gadget.yaml and Dockerfile/);
      const file = join(tempDir(t), "a.tar");
      await build(folder, "unused", "-o", file, "-f", join(folder, "Dockerfile"));
      assert.ok(existsSync(file));
    }),
  );
});

test("a layer that is worth threads is the same with any number of them, and is what its digests say", async (t) => {
  const folder = context(t, "FROM scratch\nCOPY large /large\n");
  mkdirSync(join(folder, "large"));
  for (let i = 0; i < 12; i++) writeFileSync(join(folder, `large/${i}`), noise(3_000_000 + i, i));
  for (let i = 0; i < 500; i++) writeFileSync(join(folder, `large/small-${i}`), noise(i, i));
  for (const compression of ["none", "gzip"]) {
    const said = new Set<string>();
    for (const jobs of ["1", "2", "5"]) {
      const store = join(tempDir(t), "s");
      const words = ["--jobs", jobs, "--compression", compression];
      const { digest, layers } = await build(folder, store, ...words);
      const [layer] = layers;
      const blob = readFileSync(join(store, "blobs/sha256", layer!.digest.slice(7)));
      assert.equal(sha256(blob), layer?.digest);
      assert.equal(sha256(compression === "gzip" ? gunzipSync(blob) : blob), layer?.diffID);
      // A second build finds it, by what the first one wrote down.
      assert.equal((await build(folder, store, ...words)).layers[0]?.known, true);
      said.add(digest);
    }
    assert.equal(said.size, 1);
  }
});

test("a Dockerfile of another name brings its own list of ignored files", async (t) => {
  const folder = context(t);
  writeTree(folder, {
    "other.Dockerfile": "FROM scratch\nCOPY data /\n",
    "other.Dockerfile.dockerignore": "data/deep\n",
    ".dockerignore": "data/a\n",
  });
  const file = join(tempDir(t), "a.tar");
  await build(folder, "unused", "-o", file, "-f", join(folder, "other.Dockerfile"));
  assert.deepEqual(opened(file).layers, [["a"]]);
});

test("warnings are said, and do not stop a build", async (t) => {
  const { warnings } = await build(context(t), join(tempDir(t), "s"), "--build-arg", "OTHER=1");
  assert.match(`${warnings[0]?.message}`, /--build-arg OTHER has no effect/);
});
