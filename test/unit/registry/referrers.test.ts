/** Lists of referrers, of registries that keep them, and of those that say in their own ways that they do not. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { createServer, type ServerResponse } from "node:http";
import { test } from "node:test";
import type { Digest } from "../../../src/oci/digest.ts";
import { INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { faultOf } from "../../support/fault.ts";
import type { Ends } from "../../support/process/temp.ts";
import { freePort } from "../../support/registries/registry.ts";

const digestOf = (text: string): Digest =>
  `sha256:${createHash("sha256").update(text).digest("hex")}`;
const entry = (of: string) => ({ mediaType: MANIFEST, digest: digestOf(of), size: 7 });
const index = (...of: readonly string[]) =>
  JSON.stringify({ schemaVersion: 2, mediaType: INDEX, manifests: of.map(entry) });
const subject = digestOf("subject");
const tag = `sha256-${subject.slice(7)}`;

/** A repository of which only the referrers are known, and, where it is told of, the tag. */
async function repository(
  t: Ends,
  answer: (response: ServerResponse, url: string) => void,
  tagged?: string,
) {
  const port = await freePort();
  const asked: string[] = [];
  const server = createServer((request, response) => {
    const { url = "" } = request;
    asked.push(url);
    if (url.startsWith(`/v2/x/referrers/${subject}`)) answer(response, url);
    else if (url === `/v2/x/manifests/${tag}` && tagged !== undefined)
      response.writeHead(200, { "content-type": INDEX }).end(tagged);
    else response.writeHead(404).end();
  });
  await new Promise<void>((ready) => server.listen(port, "127.0.0.1", ready));
  const patience = { tries: 2, first: 1, longest: 10, pause: async () => {} };
  const registry = new Registry(`localhost:${port}`, { patience });
  t.after(() => {
    registry.close();
    server.closeAllConnections();
    server.close();
  });
  return { of: registry.repository("x"), asked };
}

test("what the registry lists, page by page, and what an older client wrote under the tag", async (t) => {
  const answer = (response: ServerResponse, url: string) => {
    const last = url.endsWith("?last=a");
    const link = last ? {} : { link: `<${url}?last=a>; rel="next"` };
    response
      .writeHead(200, { "content-type": `${INDEX}; charset=utf-8`, ...link })
      .end(last ? index("b", "c") : index("a", "b"));
  };
  const { of, asked } = await repository(t, answer, index("old"));
  const found = (await of.referrers(subject)).map(({ digest }) => digest);
  assert.deepEqual(found, ["a", "b", "c", "old"].map(digestOf).sort());
  assert.equal(asked.length, 3);
});

const NONE: Readonly<Record<string, (response: ServerResponse) => void>> = {
  "404, as it should be": (response) => response.writeHead(404).end("404 page not found\n"),
  "400, as Quay says it": (response) => response.writeHead(400).end('{"errors":[]}'),
  "406, as Artifactory says it": (response) => response.writeHead(406).end(),
  "a page for people": (response) =>
    response.writeHead(200, { "content-type": "text/html" }).end("<!doctype html>"),
  "JSON that is something else": (response) =>
    response.writeHead(200, { "content-type": "application/json" }).end('{"manifests":null}'),
  "an empty list": (response) => response.writeHead(200, { "content-type": INDEX }).end(index()),
};
for (const [name, answer] of Object.entries(NONE))
  test(`the tag says it where the registry does not: ${name}`, async (t) => {
    const with_ = await repository(t, answer, index("tagged"));
    assert.deepEqual(await with_.of.referrers(subject), [{ ...entry("tagged") }]);
    const without = await repository(t, answer);
    assert.deepEqual(await without.of.referrers(subject), []);
  });

test("a registry that sends who asks to its web site: nobody goes there", async (t) => {
  const site = await repository(t, (response) => response.writeHead(429).end());
  const to = `http://${site.of.client.name}/v2/x/referrers/${subject}`;
  for (const status of [301, 302, 303, 307, 308]) {
    const away = (response: ServerResponse) => response.writeHead(status, { location: to }).end();
    const { of } = await repository(t, away, index("tagged"));
    assert.deepEqual(await of.referrers(subject), [entry("tagged")], `${status}`);
  }
  assert.deepEqual(site.asked, []);
  // Within the registry it goes on as ever.
  const within = (response: ServerResponse, url: string) =>
    url.endsWith("?again")
      ? response.writeHead(200, { "content-type": INDEX }).end(index("here"))
      : response.writeHead(307, { location: `${url}?again` }).end();
  const { of } = await repository(t, within, index("tagged"));
  assert.deepEqual(new Set(await of.referrers(subject)), new Set([entry("here"), entry("tagged")]));
});

test("what is in trouble, or says to be a list and is none, is no empty list", async (t) => {
  const broken = (response: ServerResponse) =>
    response.writeHead(200, { "content-type": INDEX }).end("{");
  const { of } = await repository(t, broken, index("tagged"));
  await faultOf("malformed", () => of.referrers(subject));
  for (const status of [401, 403, 429, 500, 503]) {
    const answer = (response: ServerResponse) => response.writeHead(status).end();
    const { of } = await repository(t, answer, index("tagged"));
    const { code } = await faultOf("registry", () => of.referrers(subject));
    assert.equal(code, `${status}`);
  }
});
