/** What registries say in headers, and what is made of it. */
import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { describe, test } from "node:test";
import { Progress } from "../../../src/base/workers/pool.ts";
import { registryName } from "../../../src/cli/args/registry-name.ts";
import type { Digest } from "../../../src/oci/digest.ts";
import { INDEX, MANIFEST } from "../../../src/oci/media-types.ts";
import { formatRemote, parseRemote } from "../../../src/oci/remote-reference.ts";
import { parseChallenges } from "../../../src/registry/auth/challenge.ts";
import type { RegistryOptions } from "../../../src/registry/client.ts";
import { retryAfter } from "../../../src/registry/http/error-response.ts";
import { isLoopback, proxyFor } from "../../../src/registry/http/proxy.ts";
import { Registry } from "../../../src/registry/registry.ts";
import { Layout } from "../../../src/store/layout.ts";
import { pushImage } from "../../../src/transfer/push.ts";
import { faultOf } from "../../support/fault.ts";
import { writeLayout } from "../../support/images/image-layout.ts";
import { type Ends, tempDir, tidily } from "../../support/process/temp.ts";

const A: Digest = `sha256:${"a".repeat(64)}`;
const B: Digest = `sha256:${"b".repeat(64)}`;

describe("a challenge", () => {
  const cases: readonly [header: string, found: readonly [string, Record<string, string>][]][] = [
    ['Basic realm="x"', [["basic", { realm: "x" }]]],
    [
      'Bearer realm="https://a/t",service="s",scope="repository:a/b:pull,push"',
      [["bearer", { realm: "https://a/t", service: "s", scope: "repository:a/b:pull,push" }]],
    ],
    [
      'Negotiate, BEARER Realm = "a\\"b" , service=s, Basic realm="y"',
      [
        ["negotiate", {}],
        ["bearer", { realm: 'a"b', service: "s" }],
        ["basic", { realm: "y" }],
      ],
    ],
    ["", []],
    ["=,=", []],
  ];
  for (const [header, expected] of cases)
    test(JSON.stringify(header), () => {
      const found = parseChallenges(header);
      const plain = found.map(({ scheme, parameters }) => [scheme, Object.fromEntries(parameters)]);
      assert.deepEqual(plain, expected);
    });

  test("a long one is read in no time", () => {
    assert.ok(parseChallenges(`Bearer ${'a="\\'.repeat(5000)}`).length > 0);
  });
});

describe("Retry-After", () => {
  const after = (headers: Record<string, string>) =>
    retryAfter({ header: (name) => headers[name] });
  test("in seconds, as a date by the server's own clock, or not at all", () => {
    assert.equal(after({ "retry-after": "7" }), 7);
    const date = "Mon, 23 Nov 2026 20:00:00 GMT";
    assert.equal(after({ "retry-after": "Mon, 23 Nov 2026 20:01:30 GMT", date }), 90);
    assert.equal(after({ "retry-after": "Mon, 23 Nov 2026 19:00:00 GMT", date }), 0);
    assert.equal(after({ "retry-after": "soon", date }), undefined);
    assert.equal(after({ "retry-after": date }), undefined);
    assert.equal(after({}), undefined);
  });
});

describe("the proxy", () => {
  const proxies = { http: "plain.test:3128", https: "http://u:p@secure.test:8080", none: "" };
  const through = (url: string, none = "") => proxyFor(new URL(url), { ...proxies, none })?.host;
  test("by the scheme, and never for this machine", () => {
    assert.equal(through("https://r.example/v2/"), "secure.test:8080");
    assert.equal(through("http://r.example/v2/"), "plain.test:3128");
    for (const host of ["localhost:5000", "127.0.0.1", "[::1]:5000", "a.localhost"])
      assert.equal(through(`https://${host}/v2/`), undefined);
    assert.ok(!isLoopback("127.0.0.1.example") && !isLoopback("localhost.example"));
  });

  const cases: readonly [none: string, url: string, excepted: boolean][] = [
    ["r.example", "https://r.example", true],
    ["example", "https://r.example", true],
    [".example", "https://r.example", true],
    [".example", "https://example", false],
    ["*.example", "https://r.example", true],
    ["ample", "https://r.example", false],
    ["a, R.EXAMPLE ,b", "https://r.example", true],
    ["r.example:443", "https://r.example", true],
    ["r.example:444", "https://r.example", false],
    ["*", "https://r.example", true],
    ["10.0.0.0/8", "https://10.1.2.3:5000", true],
    ["10.0.0.0/8", "https://11.1.2.3", false],
    ["10.1.2.3", "https://10.1.2.3", true],
    ["fd00::/8", "https://[fd00::1]:5000", true],
    ["[fd00::1]:5000", "https://[fd00::1]:5000", true],
    ["10.0.0.0/99", "https://10.0.0.0", false],
  ];
  for (const [none, url, excepted] of cases)
    test(`NO_PROXY=${none} ${excepted ? "excepts" : "does not except"} ${url}`, () => {
      assert.equal(through(url, none) === undefined, excepted);
    });

  test("what is no proxy of ours", async () => {
    const url = new URL("https://r.example");
    const one = (https: string) => () => proxyFor(url, { http: undefined, https, none: undefined });
    await faultOf("unsupported", one("socks5://p.test:1080"));
    assert.doesNotMatch((await faultOf("usage", one("http://me:secret@"))).message, /secret/);
    for (const words of ["me:secret%", "secret%zz:x", "me:secret%ff"]) {
      const { message } = await faultOf("usage", one(`http://${words}@p.test:1`));
      assert.match(message, /HTTPS_PROXY/);
      assert.doesNotMatch(message, /secret/);
    }
    assert.equal(one("http://me:100%25@p.test:1")()?.host, "p.test:1");
  });
});

describe("the name of an image in a registry", () => {
  const cases: readonly [text: string, name: string][] = [
    ["localhost:5000/a/b", "localhost:5000/a/b:latest"],
    ["docker://localhost/a:v1", "localhost/a:v1"],
    ["docker://alpine", "docker.io/library/alpine:latest"],
    ["docker.io/alpine:3", "docker.io/library/alpine:3"],
    [`r.example/a@${A}`, `r.example/a@${A}`],
    [`r.example/a:v1@${A}`, `r.example/a:v1@${A}`],
  ];
  for (const [text, name] of cases)
    test(text, () => assert.equal(formatRemote(parseRemote(text)), name));

  test("a short one is refused, with what it may mean", async () => {
    for (const text of ["x:v1", "a/b"]) {
      const { hint = "" } = await faultOf("usage", () => parseRemote(text));
      assert.match(hint, /ghcr\.io\/.* or docker\.io\//);
    }
    await faultOf("malformed", () => parseRemote("r.example/a@sha256:12"));
    await faultOf("malformed", () => parseRemote("r.example/A"));
  });

  test("a registry is a host", async () => {
    assert.equal(registryName("https://ghcr.io/"), "ghcr.io");
    assert.equal(registryName("https://index.docker.io/v1/"), "docker.io");
    assert.equal(registryName("localhost:5000"), "localhost:5000");
    for (const text of ["ghcr.io/me", "a b", "-", "x:123456"])
      await faultOf("usage", () => registryName(text));
  });
});

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A registry that says what `handle` does, and a client of it. */
async function saying(t: Ends, handle: Handler, options: RegistryOptions = {}) {
  const server = createServer(handle);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as { port: number };
  const paused: number[] = [];
  const pause = async (milliseconds: number) => void paused.push(milliseconds);
  const patience = { tries: 4, first: 100, longest: 60_000, pause };
  const registry = new Registry(`localhost:${port}`, { patience, silence: 5000, ...options });
  t.after(() => {
    registry.close();
    server.closeAllConnections();
    server.close();
  });
  return { repository: registry.repository("a/b"), registry, paused, port };
}
const json = (response: ServerResponse, body: unknown, headers = {}) =>
  response.writeHead(200, { "content-type": INDEX, ...headers }).end(JSON.stringify(body));

describe("a registry", () => {
  test(
    "is asked many things over one connection",
    tidily(async (t) => {
      const ports = new Set<number | undefined>();
      const { repository, registry } = await saying(t, ({ socket, method, url = "" }, response) => {
        ports.add(socket.remotePort);
        if (method === "HEAD") response.writeHead(404, { "content-length": 0 }).end();
        else if (url.endsWith("/here")) response.writeHead(302, { location: "/v2/" }).end("moved");
        else if (method === "PUT") response.writeHead(201).end();
        else json(response, { tags: [] });
      });
      const bytes = Buffer.from("{}");
      const manifest = { bytes, descriptor: { mediaType: MANIFEST, digest: A, size: 2 } };
      for (let i = 0; i < 5; i++) {
        await registry.ping();
        assert.equal(await repository.hasBlob({ mediaType: "x/y", digest: A, size: 1 }), false);
        assert.equal(await repository.digestOf("v1"), undefined);
        await repository.putManifest("v1", manifest);
        await repository.tags();
      }
      assert.equal(ports.size, 1);
    }),
  );

  test(
    "gives tags in pages, and again nothing twice",
    tidily(async (t) => {
      const pages: Record<string, [string[], string?]> = {
        "/v2/a/b/tags/list?n=1000": [["c", "b"], '</v2/a/b/tags/list?n=1000&last=c>; rel="next"'],
        "/v2/a/b/tags/list?n=1000&last=c": [["a", "c"], "<list?last=d>;rel=next"],
        "/v2/a/b/tags/list?last=d": [["d"]],
      };
      const { repository } = await saying(t, ({ url = "" }, response) => {
        const [tags, link] = pages[url] ?? [[]];
        json(response, { name: "a/b", tags }, link === undefined ? {} : { link });
      });
      assert.deepEqual(await repository.tags(), ["a", "b", "c", "d"]);
    }),
  );

  test(
    "may not send us elsewhere for the next page, or round in circles",
    tidily(async (t) => {
      for (const link of ["<http://127.0.0.1:1/x>; rel=next", "<?n=1000>; rel=next"]) {
        const { repository } = await saying(t, (_, response) =>
          json(response, { tags: ["a"] }, { link }),
        );
        assert.equal((await faultOf("registry", () => repository.tags())).code, "answer");
      }
    }),
  );

  test(
    "lists referrers by itself, in pages; the tag is asked for once",
    tidily(async (t) => {
      const asked: string[] = [];
      const entry = (digest: Digest) => ({ mediaType: MANIFEST, digest, size: 2 });
      const { repository } = await saying(t, ({ url = "" }, response) => {
        asked.push(url);
        const more = url.includes("page2");
        const link = `</v2/a/b/referrers/x?page2>; rel="next"`;
        const body = { schemaVersion: 2, mediaType: INDEX, manifests: [entry(more ? A : B)] };
        json(response, body, more ? {} : { link });
      });
      assert.deepEqual(await repository.referrers(`sha256:${"c".repeat(64)}`), [
        entry(A),
        entry(B),
      ]);
      assert.equal(asked.length, 3);
    }),
  );

  test(
    "is waited for as long as it says, within reason",
    tidily(async (t) => {
      const answers: [number, Record<string, string>][] = [
        [429, { "retry-after": "3" }],
        [503, {}],
        [200, {}],
        [429, { "retry-after": "3600", "ratelimit-limit": "100;w=21600" }],
      ];
      const { registry, paused } = await saying(t, (_, response) => {
        const [status, headers] = answers.shift() ?? [500, {}];
        response.writeHead(status, headers).end();
      });
      await registry.ping();
      assert.deepEqual(paused, [3000, 200]);
      const { code, after, why } = await faultOf("registry", () => registry.ping());
      assert.deepEqual([code, after, why], ["429", 3600, "limit 100;w=21600"]);
      assert.equal((await faultOf("registry", () => registry.ping())).code, "500");
      assert.deepEqual(paused, [3000, 200, 100, 200, 400]);
    }),
  );

  for (const status of [400, 403, 418, 501])
    test(
      `that says ${status} is not asked again`,
      tidily(async (t) => {
        let asked = 0;
        const { registry } = await saying(t, (_, response) => {
          asked++;
          response.writeHead(status).end('{"errors":[{"code":"DENIED","message":"no"}]}');
        });
        const { code, why } = await faultOf("registry", () => registry.ping());
        assert.deepEqual([code, why, asked], [String(status), "DENIED no", 1]);
      }),
    );

  test(
    "gets no password in the clear from a token server that is not encrypted, nor from a redirect",
    tidily(async (t) => {
      const seen: string[] = [];
      const note = ({ headers, url }: IncomingMessage) => {
        if (headers.authorization !== undefined) seen.push(`${url} ${headers.authorization}`);
      };
      const other = await saying(t, (request, response) => {
        note(request);
        response.writeHead(200).end("{}");
      });
      const credentials = async () => ({ username: "ann", password: "secret" });
      const { registry } = await saying(
        t,
        (request, response) => {
          const challenge = 'Bearer realm="http://token.example/t",service="x"';
          response.writeHead(401, { "www-authenticate": challenge }).end();
          note(request);
        },
        { credentials, proxies: { http: "http://127.0.0.1:1", https: undefined, none: undefined } },
      );
      // Loopback is not encrypted either: there the token server is asked, here through a proxy that is none.
      assert.equal((await faultOf("registry", () => registry.ping())).code, "ECONNREFUSED");
      assert.deepEqual(seen, []);
      const redirecting = await saying(
        t,
        ({ headers }, response) => {
          if (headers.authorization === undefined)
            response.writeHead(401, { "www-authenticate": 'Basic realm="x"' }).end();
          else response.writeHead(302, { location: `http://127.0.0.1:${other.port}/x` }).end();
        },
        { credentials },
      );
      await redirecting.registry.ping();
      assert.deepEqual(seen, []);
    }),
  );

  test(
    "cannot make us go round in circles, or to what is no web",
    tidily(async (t) => {
      let asked = 0;
      const { registry } = await saying(t, ({ url }, response) => {
        asked++;
        response.writeHead(302, { location: url }).end();
      });
      assert.equal((await faultOf("registry", () => registry.ping())).code, "redirect");
      assert.equal(asked, 11);
      const file = await saying(t, (_, response) =>
        response.writeHead(302, { location: "file:///etc/passwd" }).end(),
      );
      assert.equal((await faultOf("registry", () => file.registry.ping())).code, "redirect");
    }),
  );

  test(
    "that gives another manifest than was asked for is told so",
    tidily(async (t) => {
      const { repository } = await saying(t, (_, response) =>
        json(response, { schemaVersion: 2, manifests: [] }, { "docker-content-digest": B }),
      );
      for (const which of ["v1", A]) {
        const facts = await faultOf("digest-differs", () => repository.manifest(which));
        assert.equal(facts.expected, which === "v1" ? B : A);
      }
      const odd: [type: string, body: unknown][] = [
        [MANIFEST, { schemaVersion: 2, mediaType: INDEX, manifests: [] }],
        [INDEX, { schemaVersion: 2, manifests: [], layers: [] }],
      ];
      for (const [type, body] of odd) {
        const answer = (_: unknown, response: ServerResponse) =>
          json(response, body, { "content-type": type });
        const { repository: lying } = await saying(t, answer);
        await faultOf("malformed", () => lying.manifest("v1"));
      }
      const vague = await saying(t, (_, response) =>
        json(response, { schemaVersion: 2, manifests: [] }, { "content-type": "application/json" }),
      );
      assert.equal((await vague.repository.manifest("v1")).descriptor.mediaType, INDEX);
      const html = await saying(t, (_, response) =>
        response.writeHead(200, { "content-type": "text/html" }).end("<html>"),
      );
      await faultOf("unsupported", () => html.repository.manifest("v1"));
    }),
  );

  test(
    "that takes chunks and never the blob is not sent it for ever",
    tidily(async (t) => {
      const size = 4_000_000;
      const chunk = 2_000_000;
      for (const status of [400, 502]) {
        let chunks = 0;
        const { repository } = await saying(t, (request, response) => {
          const { method = "" } = request;
          const location = "/v2/a/b/blobs/uploads/1";
          if (method === "PATCH") chunks++;
          const said = { HEAD: 404, GET: 404, PUT: status }[method] ?? 202;
          request.resume().on("end", () => response.writeHead(said, { location }).end());
        });
        const open = async function* (from: number) {
          yield new Uint8Array(size - from);
        };
        const descriptor = { mediaType: "x/y", digest: A, size };
        const facts = await faultOf("registry", () =>
          repository.putBlob({ descriptor, open }, chunk),
        );
        assert.equal(facts.code, `${status}`);
        assert.ok(chunks < 20, `${chunks} chunks`);
      }
    }),
  );

  test(
    "has many tags, but not without end",
    tidily(async (t) => {
      const many = 200_000;
      let pages = 0;
      const { repository } = await saying(t, ({ url = "" }, response) => {
        const at = Number(/from=([0-9]+)/.exec(url)?.[1] ?? 0);
        pages++;
        const tags = Array.from(
          { length: many },
          (_, i) => `tag-${String(at + i).padStart(20, "0")}`,
        );
        const link = `</v2/a/b/tags/list?from=${at + many}>; rel="next"`;
        json(response, { tags }, at === 0 || endless ? { link } : {});
      });
      let endless = false;
      assert.equal((await repository.tags()).length, 2 * many);
      endless = true;
      pages = 0;
      const { what, unit } = await faultOf("too-large", () => repository.tags());
      assert.deepEqual([what, unit], ["the list", undefined]);
      assert.ok(pages < 10, `${pages} pages`);
    }),
  );

  test(
    "is told the token that its server names, by either name; what is none is not quoted",
    tidily(async (t) => {
      const seen: (string | undefined)[] = [];
      let body = "";
      const { registry, port } = await saying(t, ({ url = "", headers }, response) => {
        const challenge = `Bearer realm="http://localhost:${port}/token"`;
        if (url.startsWith("/token")) response.writeHead(200).end(body);
        else if (headers.authorization === undefined)
          response.writeHead(401, { "www-authenticate": challenge }).end();
        else {
          seen.push(headers.authorization);
          response.writeHead(200).end();
        }
      });
      body = "hunter2secret";
      const facts = await faultOf("malformed", () => registry.ping());
      assert.doesNotMatch(JSON.stringify(facts), /hunter2/);
      body = '{"token":"","access_token":"good"}';
      await registry.ping();
      assert.deepEqual(seen, ["Bearer good"]);
    }),
  );

  test(
    "that refuses a blob is not sent the rest of the others",
    tidily(async (t) => {
      const dir = tempDir(t);
      const size = 64 * 1024 * 1024;
      const bad = "bad".repeat(10);
      writeLayout(dir, [{ reference: "r/x:v1", layers: [bad, Buffer.alloc(size)] }]);
      const store = new Layout(dir);
      const [descriptor] = store.images();
      assert.ok(descriptor);
      let came = 0;
      const begun = Promise.withResolvers<void>();
      const refused = Promise.withResolvers<void>();
      const { repository } = await saying(t, async (request, response) => {
        const length = Number(request.headers["content-length"]);
        const location = "/v2/a/b/blobs/uploads/1";
        if (request.method === "HEAD") response.writeHead(404).end();
        else if (request.method === "POST") response.writeHead(202, { location }).end();
        else if (length === size) {
          begun.resolve();
          await refused.promise;
          request.on("data", (piece: Uint8Array) => {
            came += piece.length;
          });
          request.on("end", () => response.writeHead(201).end());
        } else if (length === bad.length) {
          await begun.promise;
          response.writeHead(403).end(refused.resolve);
        } else request.resume().on("end", () => response.writeHead(201).end());
      });
      const working = { entry: undefined, threads: 3, tally: new Progress() };
      const image = { reference: "r/x:v1", descriptor, store };
      const { code } = await faultOf("registry", () =>
        pushImage(image, { to: repository, tag: "v1" }, working),
      );
      assert.equal(code, "403");
      assert.ok(came < size, `${came} of ${size} bytes`);
    }),
  );
});
