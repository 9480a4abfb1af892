/** build, and the commands that keep the store. */
import assert from "node:assert/strict";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { ingot } from "../../support/process/ingot.ts";
import { ask, HELLO, place, say, stocked } from "../../support/process/say.ts";
import type { Ends } from "../../support/process/temp.ts";

describe("the store", () => {
  test("list, of nothing", async (t) => {
    const { in_, store } = place(t);
    const { code, out } = await say(in_("list"));
    assert.deepEqual([code, out], [0, ""]);
    assert.deepEqual((await ask(in_("list"))).document, { store, images: [], referrers: [] });
    assert.equal(existsSync(store), false, "looking makes no store");
  });

  test("list, as a table and as JSON", async (t) => {
    const { in_, digest, store } = await stocked(t);
    await say(in_("tag", "hello:v1", "me/other"));
    const { out } = await say(in_("list"));
    const short = digest.slice(0, 19);
    assert.deepEqual(out.split("\n"), [
      "REFERENCE                   DIGEST",
      `${HELLO}  ${short}`,
      `docker.io/me/other:latest   ${short}`,
      "",
    ]);
    assert.ok((await say(in_("list", "--digests"))).out.includes(digest));
    const { document } = await ask(in_("list"));
    assert.equal(document.store, store);
    const [first] = document.images;
    assert.deepEqual(Object.keys(first), ["reference", "digest", "mediaType", "size"]);
    assert.deepEqual([first.reference, first.digest], [HELLO, digest]);
  });

  test("INGOT_STORE chooses it, --store before it", async (t) => {
    const { store, dir } = await stocked(t);
    const env = { INGOT_STORE: store };
    assert.equal((await ask(["list"], { env })).document.images.length, 1);
    const other = join(dir, "other");
    assert.equal((await ask(["list", "--store", other], { env })).document.store, other);
  });

  test("inspect, as text and as JSON", async (t) => {
    const { in_, digest } = await stocked(t);
    const { code, out } = await say(in_("inspect", "hello:v1"));
    assert.equal(code, 0);
    assert.match(out, new RegExp(`^${HELLO}\\n {2}digest +${digest}\\n {2}kind +container\\n`));
    assert.match(out, /^ {2}platforms +linux\/amd64$/m);
    const { document } = await ask(in_("inspect", digest));
    const [image] = document.images;
    assert.deepEqual([image.reference, image.digest, image.blobs], [HELLO, digest, 4]);
    assert.deepEqual([image.created, image.manifests.length], [null, 1]);
    assert.equal(image.manifests[0].layers.length, 2);
  });

  test("tag, with several names, short ones completed", async (t) => {
    const { in_, digest } = await stocked(t);
    const { code, out } = await say(in_("tag", "hello:v1", "a", "ghcr.io/b/c:d"));
    assert.equal(code, 0);
    assert.equal(out, `docker.io/library/a:latest ${digest}\nghcr.io/b/c:d ${digest}\n`);
    const bad = await say(in_("tag", "hello:v1", "good", "Bad Name"));
    assert.equal(bad.code, 2);
    assert.match(bad.err, /cannot read the image name "Bad Name"/);
    assert.equal((await ask(in_("list"))).document.images.length, 3, "good was not tagged either");
  });

  test("remove takes all names or none, and names near ones", async (t) => {
    const { in_, digest } = await stocked(t);
    await say(in_("tag", "hello:v1", "hello:v2"));
    const wrong = await say(in_("remove", "hello:v2", "helo:v1"));
    assert.deepEqual([wrong.code, wrong.out], [2, ""]);
    assert.match(wrong.err, /"helo:v1".*\nhint: did you mean .*hello:v1"/);
    assert.equal((await ask(in_("list"))).document.images.length, 2);
    const v2 = "docker.io/library/hello:v2";
    const { code, document } = await ask(in_("remove", "hello:v2"));
    assert.deepEqual(
      [code, document],
      [0, { removed: [{ reference: v2, digest }], referrers: [] }],
    );
    await say(in_("tag", "hello:v1", "hello:v2"));
    assert.equal((await ask(in_("remove", digest))).document.removed.length, 2);
  });

  test("a name without its tag: what was looked for, and the tags that there are", async (t) => {
    const { dir, in_, store } = await stocked(t);
    const words = [
      ["inspect", "hello"],
      ["export", "hello", "-o", join(dir, "no.tar")],
      ["tag", "hello", "other"],
    ];
    for (const asked of words) {
      const { code, err } = await say(in_(...asked));
      assert.equal(code, 2);
      assert.ok(
        err.endsWith(
          `cannot find the image: looked for "hello" in "${store}", as "ghcr.io/inspektor-gadget/gadget/hello:latest" or "docker.io/library/hello:latest"\nhint: did you mean "${HELLO}"?\n`,
        ),
        err,
      );
    }
    for (const name of ["me/hello", "hello:a-branch", `hello@sha256:${"0".repeat(64)}`])
      assert.match((await say(in_("inspect", name))).err, /did you mean "docker.io.*hello:v1"\?/);
    const { document } = await ask(in_("inspect", HELLO.replace("v1", "a-branch")));
    assert.deepEqual([document.error.facts.as, document.error.facts.near], [undefined, [HELLO]]);
    for (let i = 0; i < 5; i++)
      await say(in_("tag", "hello:v1", `hello:sha256-${"0".repeat(64)}`, `hello:other-${i}`));
    const { err } = await say(in_("inspect", "hello"));
    assert.equal(err.match(/did you mean .*/)?.[0].match(/hello:/g)?.length, 3);
    assert.doesNotMatch(err, /hello:sha256-/);
  });

  test("prune says what it freed", async (t) => {
    const { in_, store } = await stocked(t);
    const nothing = await ask(in_("prune"));
    assert.deepEqual(nothing.document, { store, removed: [], bytes: 0, orphans: [] });
    await say(in_("remove", "hello:v1"));
    const { code, out, err } = await say(in_("prune"));
    assert.equal(code, 0);
    assert.equal(out.match(/^sha256:[0-9a-f]{64} \d+ bytes$/gm)?.length, 4);
    assert.match(err, /removed 4 blobs, freed \d+ bytes/);
    assert.deepEqual(readdirSync(join(store, "blobs/sha256")), []);
  });

  test("prune names the image that is damaged, and removes nothing", async (t) => {
    const { in_, store, digest } = await stocked(t);
    await say(in_("tag", "hello:v1", "hello:v2"));
    const blobs = join(store, "blobs/sha256");
    const at = (of: string) => join(blobs, of.slice("sha256:".length));
    const index = readFileSync(at(digest));
    const [{ digest: manifest }] = JSON.parse(`${index}`).manifests ?? [{ digest }];
    const whole = readFileSync(at(manifest));
    const cases: readonly (readonly [damage: () => void, said: RegExp])[] = [
      [
        () => rmSync(at(manifest)),
        new RegExp(`: ${manifest} is not in .*, and (?:${digest} of )?${HELLO} needs it\\n`),
      ],
      [
        () => writeFileSync(at(manifest), `${whole} `),
        new RegExp(`cannot use "${manifest}" in "${HELLO}": it has \\d+ bytes`),
      ],
      [
        () =>
          writeFileSync(
            at(manifest),
            whole.map((byte) => byte ^ 1),
          ),
        new RegExp(`cannot use "${manifest}" in "${HELLO}": its bytes are `),
      ],
    ];
    for (const [damage, said] of cases) {
      damage();
      const before = readdirSync(blobs);
      const { code, err } = await say(in_("prune"));
      assert.equal(code, 2);
      assert.match(err, said);
      assert.deepEqual(readdirSync(blobs), before);
    }
    writeFileSync(at(manifest), whole);
    assert.equal((await say(in_("prune"))).code, 0);
  });
});

describe("build", () => {
  const source = (t: Ends) => {
    const here = place(t);
    const gadget = join(here.dir, "gadget");
    mkdirSync(gadget);
    writeFileSync(join(gadget, "gadget.yaml"), "name: hello\ndescription: says hello\n");
    return { ...here, gadget };
  };

  test("into the store, and straight into an archive without one", async (t) => {
    const { gadget, dir, in_, store } = source(t);
    const archive = join(dir, "a.tar");
    const direct = await say(in_("build", gadget, "-t", "hello", "-t", "me/x:v1", "-o", archive));
    assert.equal(direct.code, 0, direct.err);
    assert.match(
      direct.out,
      /^ghcr\.io\/inspektor-gadget\/gadget\/hello:latest sha256:[0-9a-f]{64}\nghcr\.io\/me\/x:v1 sha256:[0-9a-f]{64}\n$/,
    );
    assert.equal(existsSync(store), false);
    const stored = await say(in_("build", "-t", "hello", "-t", "me/x:v1"), { cwd: gadget });
    assert.deepEqual([stored.code, stored.out], [0, direct.out]);
    const exported = await ingot(in_("export", "me/x:v1", "hello", "-o", "-"));
    assert.ok(exported.stdout.equals(readFileSync(archive)));
    const piped = await ingot(in_("build", gadget, "-t", "me/x:v1", "-t", "hello", "-o", "-"));
    assert.ok(piped.stdout.equals(readFileSync(archive)));
    assert.equal(piped.stderr, direct.out);
  });

  test("--json", async (t) => {
    const { gadget, in_ } = source(t);
    const { code, document } = await ask(
      in_("build", gadget, "-t", "hello", "--source-date-epoch", "86400"),
    );
    assert.equal(code, 0);
    assert.deepEqual(Object.keys(document), [
      ...["images", "digest", "mediaType", "size", "created"],
      ...["manifests", "blobs", "btf", "output", "warnings"],
    ]);
    assert.equal(document.created, "1970-01-02T00:00:00Z");
    assert.deepEqual(document.images[0].digest, document.digest);
  });
});
