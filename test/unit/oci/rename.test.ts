import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { NameMapping, parseMirrorTarget, parseRenameRule } from "../../../src/oci/rename.ts";
import { faultOf } from "../../support/fault.ts";

const renamed = (name: string, to: string, ...rules: string[]) =>
  new NameMapping(parseMirrorTarget(to), rules.map(parseRenameRule)).of(name);

test("the place takes the registry's stead, and a rule goes before it", () => {
  const app = "ghcr.io/me/app:v1";
  const box = "docker.io/library/busybox:latest";
  const local = "localhost:5000/team/x:v2";
  for (const [name, to, rules, expected] of [
    [app, "far.example", [], "far.example/me/app:v1"],
    [app, "far.example:5000/", [], "far.example:5000/me/app:v1"],
    [app, "docker://far.example/a/b", [], "far.example/a/b/me/app:v1"],
    [app, "localhost/a", [], "localhost/a/me/app:v1"],
    [app, "[::1]:5000/a", [], "[::1]:5000/a/me/app:v1"],
    [box, "far.example/m", [], "far.example/m/library/busybox:latest"],
    [local, "far.example", [], "far.example/team/x:v2"],
    ["r.example/x:v1", "docker.io", [], "docker.io/library/x:v1"],
    // A part of the old host stays.
    [box, "far.example", ["docker.io/library=hub"], "far.example/hub/busybox:latest"],
    [app, "far.example/m", ["ghcr.io=ghcr"], "far.example/m/ghcr/me/app:v1"],
    [app, "far.example/m", ["ghcr.io/=mirror/ghcr.io/"], "far.example/m/mirror/ghcr.io/me/app:v1"],
    // What it begins with afterwards is a registry again: the place has its stead.
    [app, "far.example/m", ["ghcr.io/me=other.example/you"], "far.example/m/you/app:v1"],
    // Of the whole, without the tag and with it; nothing is left of what stood there.
    [app, "far.example", ["ghcr.io/me/app=app"], "far.example/app:v1"],
    [app, "far.example", ["ghcr.io/me/app:v1=app:v2"], "far.example/app:v2"],
    [app, "far.example", ["ghcr.io/me/app:v1=app"], "far.example/app:latest"],
    [app, "far.example", ["ghcr.io/me="], "far.example/app:v1"],
    // The longest that fits, whatever their order.
    [app, "far.example", ["ghcr.io=a", "ghcr.io/me=b"], "far.example/b/app:v1"],
    [app, "far.example", ["ghcr.io/me=b", "ghcr.io=a"], "far.example/b/app:v1"],
    [app, "far.example", ["ghcr.io/me/other=b", "ghcr.io=a"], "far.example/a/me/app:v1"],
    // A part of a name is a part, and a port is none.
    [app, "far.example", ["ghcr.i=a", "ghcr.io/m=b", "ghcr.io/me/ap=c"], "far.example/me/app:v1"],
    [app, "far.example", ["ghcr.io/me/app:v=d", "me=e"], "far.example/me/app:v1"],
    [local, "far.example", ["localhost=a"], "far.example/team/x:v2"],
    [local, "far.example", ["localhost:5000=a"], "far.example/a/team/x:v2"],
  ] as const)
    assert.equal(renamed(name, to, ...rules), expected, `${name} ${to} ${rules.join(" ")}`);
});

test("what is no place, no rule or no name is refused, in words", async () => {
  for (const [act, said] of [
    [() => parseMirrorTarget("registry/mirror"), /does not begin with a registry's host/],
    [() => parseMirrorTarget("mirror"), /should be HOST or HOST\/PREFIX/],
    [() => parseMirrorTarget("far.example/a:v1"), /has a tag or a digest/],
    [
      () => parseMirrorTarget("far.example/A"),
      /is not valid: "A" is not a valid part of a repository/,
    ],
    [() => parseMirrorTarget("far.example//a"), /is not valid: "" is not a valid part/],
    [
      () => parseMirrorTarget("https://far.example"),
      /is a URL or says who logs in, should be HOST/,
    ],
    [
      () => parseMirrorTarget("u:secret@far.example/a"),
      /place "\*\*\*@far\.example\/a" is a URL or says/,
    ],
    [() => parseRenameRule("ghcr.io"), /expected OLD=NEW/],
    [() => parseRenameRule("=a"), /expected OLD=NEW/],
    [() => parseRenameRule("/=a"), /expected OLD=NEW/],
    [() => parseRenameRule("a=b=c"), /expected OLD=NEW/],
    [() => parseRenameRule("docker://a=b"), /expected OLD=NEW/],
    [() => renamed("a.b/x:v1", "far.example", "a.b=c", "a.b/=d"), /two rules for a\.b/],
    [
      () => renamed("a.b/x:v1", "far.example", "a.b=UPPER"),
      /would be called "far\.example\/UPPER\/x:v1", which is not a valid name: "UPPER"/,
    ],
    [() => renamed("a.b/x:v1", "far.example", "a.b/x="), /which is not a valid name/],
    [() => renamed("a.b/x:v1", `far.example/${"a".repeat(510)}`), /longer than 512 characters/],
  ] as const)
    assert.match((await faultOf("usage", act)).message, said);
});

test("a rule that fits no name is told of", () => {
  const renaming = new NameMapping(
    parseMirrorTarget("far.example"),
    ["a.b=x", "c.d=y"].map(parseRenameRule),
  );
  assert.equal(renaming.of("a.b/p:v1"), "far.example/x/p:v1");
  assert.deepEqual(
    renaming.unused.map(({ text }) => text),
    ["c.d=y"],
  );
});

const part = fc.stringMatching(/^[a-z0-9]{1,6}(?:[._-][a-z0-9]{1,6})?$/);
const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("/"));
const host = fc
  .stringMatching(/^[a-z0-9]{1,6}\.[a-z]{2,5}(?::[1-9][0-9]{0,3})?$/)
  .filter((name) => name !== "docker.io");
const tag = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,10}$/);

test("law: without rules everything but the registry stays, behind the prefix", () => {
  const name = fc.record({ host, path, tag });
  fc.assert(
    fc.property(name, host, fc.option(path, { nil: undefined }), (old, to, prefix) => {
      const place = prefix === undefined ? to : `${to}/${prefix}`;
      assert.equal(
        renamed(`${old.host}/${old.path}:${old.tag}`, place),
        `${place}/${old.path}:${old.tag}`,
      );
    }),
  );
});

test("law: the order of the rules means nothing, and a rule for the whole name wins", () => {
  const name = fc.record({ host, path, tag });
  fc.assert(
    fc.property(name, path, fc.infiniteStream(fc.nat()), (old, after, chances) => {
      const whole = `${old.host}/${old.path}`;
      const parts = whole.split("/");
      const rules = parts.map((_, i) => `${parts.slice(0, i + 1).join("/")}=n${i}`);
      const all = [...rules.slice(0, -1), `${whole}=${after}`];
      const shuffled = all
        .map((rule) => [chances.next().value as number, rule] as const)
        .sort(([a], [b]) => a - b)
        .map(([, rule]) => rule);
      const expected = `far.example/p/${withoutHost(after)}:${old.tag}`;
      for (const order of [all, shuffled])
        assert.equal(renamed(`${whole}:${old.tag}`, "far.example/p", ...order), expected);
    }),
  );
});

/** A first part with a dot is a registry. */
function withoutHost(text: string): string {
  const [first = "", ...rest] = text.split("/");
  return rest.length > 0 && first.includes(".") ? rest.join("/") : text;
}
