/**
 * One Dockerfile over a context of odd files, built under conditions that vary one at a time: one and the same archive.
 * Each test is an axis and bears its name.
 *
 * The Dockerfile has three targets: `open` takes what anybody may read; `all` has files and folders besides that nobody may
 * (mode 0000), so that it takes root, or a user with CAP_DAC_OVERRIDE, to build it; `marked` has extended attributes.
 * Files of mode 0000 are in `open`, too: in a tar that ADD unpacks.
 */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { chmodSync, copyFileSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe } from "node:test";
import { mountTmpfs, whyNoMount, whyNoOther } from "../support/clients/mount.ts";
import { mountDisorder, mountLoop, whyNoFuse, whyNoLoop } from "../support/process/file-system.ts";
import { testUnless, testWith, which } from "../support/process/needs.ts";
import { type Ends, tempDir, tidily } from "../support/process/temp.ts";
import { readUstar } from "../support/tar/ustar.ts";
import { whyNoOddTree, writeOddContext } from "../support/trees/odd-tree.ts";
import {
  asUser,
  axes,
  difference,
  NOISE,
  placeIn,
  type Condition as Shared,
  under,
  withUmask,
} from "../support/trees/variation.ts";

type Target = "open" | "all" | "marked";
const TARGETS: readonly Target[] = ["open", "all", "marked"];
const TAGS = ["example.org/odd:v1", "odd"];
const USERS = [1000, 65534, 2_147_483_646];
const NEEDS = ["getfattr", "setfattr"];

interface Condition extends Shared {
  readonly context?: string;
  readonly targets?: readonly Target[];
}

/** Why nobody can be given the right to read everything; undefined where it can be done. */
const RIGHT = ["--inh-caps=+dac_override", "--ambient-caps=+dac_override"];
const whyNoRight: string | undefined = (() => {
  if (whyNoOther !== undefined) return whyNoOther;
  try {
    execFileSync("setpriv", ["--reuid=1000", "--regid=1000", "--clear-groups", ...RIGHT, "true"]);
    return undefined;
  } catch {
    return "the right to read everything cannot be given";
  }
})();

describe("one container", () => {
  const ends: (() => void)[] = [];
  const dir = tempDir({ after: (clean) => void ends.push(clean) });
  after(() => ends.forEach((end) => void end()));
  const context = join(dir, "context");
  const expected = new Map<Target, Buffer>();

  const place = () => placeIn(dir);

  async function cast(target: Target, condition: Condition): Promise<Buffer> {
    const { tags = TAGS, place: folder = place(), more = [] } = condition;
    const file = join(folder, `${target}.tar`);
    const named = tags.flatMap((tag) => ["-t", tag]);
    const flags = ["--target", target, ...(target === "marked" ? ["--xattrs"] : [])];
    const from = condition.context ?? context;
    await under(condition, ["build", from, ...named, ...flags, "-o", file, ...more]);
    return readFileSync(file);
  }

  async function same(condition: Condition): Promise<void> {
    for (const target of condition.targets ?? TARGETS)
      assert.equal(difference(await cast(target, condition), expected.get(target)!), "", target);
  }

  before(async () => {
    chmodSync(dir, 0o755);
    // Then every test below is skipped, or fails, by name.
    if (whyNoOddTree !== undefined || NEEDS.some((name) => which(name) === undefined)) return;
    writeOddContext(context);
    for (const target of TARGETS) expected.set(target, await cast(target, {}));
    // What is compared is there: the layers, a config and a manifest of each.
    const blobs = (target: Target) =>
      readUstar(expected.get(target)!).filter(
        ({ name }) => name.startsWith("blobs/sha256/") && !name.endsWith("/"),
      ).length;
    assert.deepEqual(TARGETS.map(blobs), [7, 8, 8]);
  });

  const axis = (
    name: string,
    condition: (t: Ends) => Condition | Promise<Condition>,
    needs: readonly string[] = [],
    own?: string,
  ) => {
    const hindrance = whyNoOddTree ?? own;
    const body = tidily(async (t) => same(await condition(t)));
    if (hindrance === undefined) testWith([...NEEDS, ...needs], name, body);
    else testUnless(hindrance, name, body);
  };

  axes(axis, place, TAGS);

  for (const seed of [1, 2, 3]) {
    axis(`the order in which files came to be: ${seed}`, () => {
      const at = join(place(), "context");
      writeOddContext(at, { seed });
      return { context: at };
    });
  }

  for (const how of ["shuffle", "reverse"] as const) {
    axis(
      `the order of directories: ${how}`,
      (t) => {
        const at = mountDisorder(t, context, how);
        const look = () => execFileSync("find", [join(at, "tree"), "-maxdepth", "1"]).toString();
        const orders = new Set(Array.from({ length: 5 }, look));
        if (how === "shuffle") assert.ok(orders.size > 1, "the order does not vary");
        return { context: at };
      },
      ["disorderfs"],
      whyNoFuse(),
    );
  }

  for (const kind of ["ext4", "xfs"] as const) {
    axis(
      `the file system: ${kind}`,
      (t) => {
        const at = mountLoop(t, kind);
        writeOddContext(join(at, "context"), { seed: 7 });
        return { context: join(at, "context"), place: at };
      },
      [`mkfs.${kind}`],
      whyNoLoop(kind),
    );
  }

  axis(
    "the file system: tmpfs",
    (t) => {
      const at = mountTmpfs(t, "size=100m");
      writeOddContext(join(at, "context"), { seed: 8 });
      return { context: join(at, "context"), place: at };
    },
    [],
    whyNoMount,
  );

  axis("what is not in the image: other files, other links to the same files", () => {
    const at = join(place(), "context");
    writeOddContext(at, { seed: 9 });
    mkdirSync(join(at, "outside"));
    execFileSync("cp", ["-al", join(at, "tree"), join(at, "outside/tree")]);
    execFileSync("touch", ["-d", "@2000000000", join(at, "Dockerfile"), at]);
    return { context: at };
  });

  axis("the times and the owners of the files", () => {
    const at = join(place(), "context");
    writeOddContext(at, { owner: 4321, seed: 10 });
    execFileSync("find", [at, "-exec", "touch", "-h", "-d", "@1999999999.123456789", "{}", "+"]);
    return { context: at };
  });

  axis("sparse files that are not sparse", () => {
    const at = join(place(), "context");
    writeOddContext(at);
    for (const name of ["tree/sparse", "tree/only a hole"]) {
      copyFileSync(join(at, name), join(at, "dense"));
      execFileSync("cp", ["--sparse=never", join(at, "dense"), join(at, name)]);
    }
    return { context: at };
  });

  axis("the folder: its depth, its name, with a space and beyond ASCII", () => {
    const at = join(place(), "a b/ü/c/d/other name");
    writeOddContext(at);
    return { context: at };
  });

  axis("the path: relative", () => ({ cwd: context, context: "." }));
  axis("the path: through a link", () => {
    const folder = place();
    symlinkSync(context, join(folder, "link"));
    return { context: join(folder, "link") };
  });

  for (const uid of USERS) {
    axis(
      `the user: ${uid}`,
      async () => ({ ...(await asUser(uid, place())), targets: ["open", "marked"] }),
      ["setpriv"],
      whyNoOther,
    );
    axis(
      `the user: ${uid}, who may read everything`,
      () => asUser(uid, place(), RIGHT),
      ["setpriv"],
      whyNoRight,
    );
  }

  for (const umask of ["000", "027", "077", "777"]) {
    axis(`the umask: ${umask}`, () => {
      const at = join(place(), "context");
      const before = process.umask(Number.parseInt(umask, 8));
      try {
        writeOddContext(at, { seed: 11 });
      } finally {
        process.umask(before);
      }
      return { context: at, wrap: withUmask(umask) };
    });
  }

  axis("the environment: whatever builders of containers may listen to", () => ({
    env: {
      BUILDKIT_PROGRESS: "plain",
      BUILDX_BUILDER: "other",
      DOCKER_BUILDKIT: "0",
      DOCKER_DEFAULT_PLATFORM: "linux/s390x",
      DOCKER_HOST: "tcp://127.0.0.1:1",
      TARGETARCH: "s390x",
      HTTP_PROXY: "http://127.0.0.1:1",
      GZIP: "-1",
      ...NOISE,
    },
  }));

  const body = tidily(async () => {
    const folder = place();
    const store = ["--store", join(folder, "store")];
    const ingot = (...args: string[]) => under({}, [...args, ...store]);
    const tags = TAGS.flatMap((tag) => ["-t", tag]);
    for (const [i, more] of [[], [], ["--no-cache"], []].entries()) {
      for (const target of i % 2 === 0 ? TARGETS : TARGETS.toReversed()) {
        const flags = ["--target", target, ...(target === "marked" ? ["--xattrs"] : [])];
        const built = await ingot("build", context, ...tags, ...flags, ...more, "--json");
        const { layers } = JSON.parse(`${built.stdout}`) as { layers: { known: boolean }[] };
        const known = layers.filter((layer) => layer.known).length;
        // What is made of a tar in the context may be made anew each time.
        if (i % 2 === 1) assert.ok(known >= layers.length - 1, target);
        else if (i === 2) assert.equal(known, 0, target);
        const file = join(folder, `${target}.tar`);
        await ingot("export", ...TAGS, "-o", file);
        assert.equal(difference(readFileSync(file), expected.get(target)!), "");
      }
    }
  });
  const way = "the way: through a store, and from the layers of an earlier build";
  if (whyNoOddTree === undefined) testWith(NEEDS, way, body);
  else testUnless(whyNoOddTree, way, body);
});
