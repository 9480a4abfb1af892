/** Registries that have no lists of referrers, or no such tags, and the ways in which they say so. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { INDEX } from "../../../src/oci/media-types.ts";
import { faultOf } from "../../support/fault.ts";
import type { Ends } from "../../support/process/temp.ts";
import {
  type Asked,
  indexOf,
  manifestOf,
  sha256,
  startOddRegistry,
} from "../../support/registries/odd-registry.ts";

type Way = (response: ServerResponse, asked: Asked) => unknown;

const status =
  (code: number, headers: Record<string, string> = {}, body = "{}"): Way =>
  (response) =>
    response.writeHead(code, headers).end(body);
const PAGE = "\ufeff\n<!doctype html><title>Log in</title>";

const WAYS: Readonly<Record<string, Way>> = {
  "401": status(401),
  "401 with a challenge": status(401, { "www-authenticate": 'Basic realm="x"' }),
  "403": status(403, {}, '{"errors":[{"code":"DENIED"}]}'),
  "404": status(404),
  "405": status(405),
  "406": status(406),
  "501": status(501),
  "a web page": status(200, { "content-type": "text/html" }, PAGE),
  "a web page that is said to be JSON": status(200, { "content-type": "application/json" }, PAGE),
  "a web page that is said to be a list": status(200, { "content-type": INDEX }, PAGE),
  "a web page of no type": status(200, {}, PAGE),
  "a redirect to itself": (response, { url }) => response.writeHead(302, { location: url }).end(),
  "a redirect to a login page": (response, { url }) =>
    url.includes("/login")
      ? response.writeHead(200, { "content-type": "text/html" }).end(PAGE)
      : response.writeHead(302, { location: `${url}/login` }).end(),
  "a token server that does not know it": (response) =>
    response.writeHead(401, { "www-authenticate": 'Bearer realm="/x"' }).end(),
  "a token server that is a web page": (response, { headers: { host } }) =>
    response.writeHead(401, { "www-authenticate": `Bearer realm="http://${host}/token"` }).end(),
};

/** An image of `count` platforms in a registry that answers all that is asked for referrers in this way. */
async function without(t: Ends, way: Way, { count = 1, readable = true } = {}) {
  const registry = await startOddRegistry(t, {
    instead(asked, response) {
      const { url } = asked;
      if (url === "/token") response.writeHead(200, { "content-type": "text/html" }).end(PAGE);
      else if (/\/referrers\/|\/manifests\/sha256-/.test(url)) way(response, asked);
      else if (!readable && url.includes("/manifests/")) status(401)(response, asked);
      else return false;
      return true;
    },
  });
  const digests = Array.from(
    { length: count },
    (_, i) => registry.put(manifestOf(`platform ${i}`), `v${i}`).descriptor.digest,
  );
  return { registry, digests, repository: registry.client().repository("x") };
}

describe("a registry without referrers answers", () => {
  for (const [name, way] of Object.entries(WAYS)) {
    test(`${name}: there are none, and no list is asked for again`, async (t) => {
      const { registry, digests, repository } = await without(t, way, { count: 5 });
      for (const digest of digests) {
        assert.deepEqual(await repository.readReferrers(digest), { found: [], skipped: [] });
        assert.deepEqual(await repository.referrers(digest), []);
        assert.equal(await repository.findBeside(digest, ".sig"), undefined);
      }
      const asked = registry.asked.filter((it) => it.includes("/referrers/"));
      assert.deepEqual(new Set(asked.map((it) => it.split("/")[4])), new Set([digests[0]]));
      // What is there can still be read with the credentials that it was read with.
      assert.equal((await repository.manifest("v0")).descriptor.digest, digests[0]);
    });
  }
});

test("a challenge for referrers that leads nowhere leaves the token for everything else", async (t) => {
  let tokens = 0;
  const registry = await startOddRegistry(t, {
    instead({ url, headers: { authorization, host } }, response) {
      const challenge = (realm: string) =>
        response.writeHead(401, { "www-authenticate": `Bearer realm="http://${host}${realm}"` });
      if (url.startsWith("/token")) response.end(JSON.stringify({ token: `good${tokens++}` }));
      else if (url.startsWith("/nowhere")) response.writeHead(404).end();
      else if (/\/referrers\/|\/sha256-/.test(url)) challenge("/nowhere").end();
      else if (!authorization?.startsWith("Bearer good")) challenge("/token").end();
      else return false;
      return true;
    },
  });
  const { digest } = registry.put(manifestOf("image"), "v1").descriptor;
  const repository = registry.client().repository("x");
  for (let again = 0; again < 3; again++) {
    assert.equal((await repository.manifest("v1")).descriptor.digest, digest);
    assert.deepEqual(await repository.referrers(digest), []);
    assert.equal(await repository.findBeside(digest, ".sig"), undefined);
  }
  assert.equal(tokens, 1);
});

describe("where nothing can be read, it is the credentials", () => {
  const ways = ["401", "401 with a challenge", "403", "a token server that is a web page"] as const;
  for (const name of ways)
    test(name, async (t) => {
      const { digests, repository } = await without(t, WAYS[name]!, { readable: false });
      const code = name === "403" ? "403" : "401";
      const acts = [
        () => repository.readReferrers(digests[0]!),
        () => repository.referrers(digests[0]!),
        () => repository.findBeside(digests[0]!, ".sig"),
      ];
      for (const act of acts) assert.equal((await faultOf("registry", act)).code, code);
    });
});

test("who may write, and pushes to a repository that was empty, has credentials", async (t) => {
  const { registry, repository } = await without(t, WAYS["403"]!);
  const manifest = registry.put(manifestOf("pushed"));
  await repository.putManifest("new", manifest);
  assert.deepEqual(await repository.referrers(sha256("not there")), []);
});

test("one manifest that is not there does not speak for the others", async (t) => {
  const registry = await startOddRegistry(t, {
    lists: true,
    instead({ url }, response) {
      if (!url.endsWith(`/referrers/${sha256("absent")}`)) return false;
      response.writeHead(404).end('{"errors":[{"code":"MANIFEST_UNKNOWN"}]}');
      return true;
    },
  });
  const image = registry.put(manifestOf("image"));
  const { digest } = registry.put(manifestOf("signature", image.descriptor)).descriptor;
  const repository = registry.client().repository("x");
  assert.deepEqual(await repository.referrers(sha256("absent")), []);
  const found = await repository.referrers(image.descriptor.digest);
  assert.deepEqual(
    found.map((each) => each.digest),
    [digest],
  );
});

test("a list that ends within is not taken for a short one", async (t) => {
  for (const [name, way] of Object.entries(WAYS)) {
    const image = manifestOf("image");
    const listed = manifestOf("signature");
    const registry = await startOddRegistry(t, {
      instead(asked, response) {
        const { url } = asked;
        if (!url.includes("/referrers/")) return false;
        const link = `<${url}?more>; rel="next"`;
        const entry = { ...registry.put(listed).descriptor };
        if (url.endsWith("?more") || url.endsWith("/login")) way(response, asked);
        else
          response
            .writeHead(200, { "content-type": INDEX, link })
            .end(JSON.stringify(indexOf(entry)));
        return true;
      },
    });
    const { digest } = registry.put(image).descriptor;
    const repository = registry.client().repository("x");
    await assert.rejects(repository.referrers(digest), { name: "IngotError" }, name);
  }
});
