/** Blobs in chunks, and the habits of the registries that get them. */
import assert from "node:assert/strict";
import type { ServerResponse } from "node:http";
import { describe, test } from "node:test";
import type { Upload } from "../../../src/registry/blob-upload.ts";
import { faultOf } from "../../support/fault.ts";
import { noise } from "../../support/images/layout.ts";
import type { Ends } from "../../support/process/temp.ts";
import {
  type Asked,
  type Habits,
  sha256,
  startOddRegistry,
} from "../../support/registries/odd-registry.ts";

const SIZE = 350_000;
const CHUNK = 100_000;
const bytes = noise("blob", SIZE);
const descriptor = { mediaType: "application/octet-stream", digest: sha256(bytes), size: SIZE };
const blob: Upload = {
  descriptor,
  async *open(from) {
    for (let at = from; at < SIZE; at += 10_000) yield bytes.subarray(at, at + 10_000);
  },
};

const counted = (asked: readonly string[]) => {
  const methods: Record<string, number> = {};
  for (const each of asked) {
    const [method = ""] = each.split(" ");
    methods[method] = (methods[method] ?? 0) + 1;
  }
  return methods;
};

/** Pushes the blob to a registry with those habits, which must have it then; what was asked, by method. */
async function pushed(t: Ends, habits: Habits, upload = blob) {
  const registry = await startOddRegistry(t, habits);
  const repository = registry.client().repository("x", "push");
  assert.equal(await repository.putBlob(upload, CHUNK), "sent");
  assert.ok(registry.blobs.get(descriptor.digest)?.equals(bytes));
  return { ...registry, methods: counted(registry.asked) };
}

/** Something to say instead of what the registry says of a chunk that it has taken. */
type Says = (taken: number, all: number) => { status?: number; range?: string; location?: null };

function saying(says: Says): Habits {
  return {
    taken({ body }, all) {
      const { status = 202, range, location } = says(body.length, all);
      return { status, location: location !== null, range };
    },
  };
}

const all = { POST: 1, PATCH: 4, PUT: 1 };

describe("a registry that says of a chunk it has taken", () => {
  const ways: Readonly<Record<string, Says>> = {
    "202, and all of it": (_, end) => ({ range: `0-${end - 1}` }),
    "201, and never more than of the first, as ECR does": () => ({
      status: 201,
      range: `0-${CHUNK - 1}`,
    }),
    "204, as pulp does": (_, end) => ({ status: 204, range: `0-${end - 1}` }),
    "204, and nothing of how much": () => ({ status: 204 }),
    "200, and not where to go on": () => ({ status: 200, location: null }),
    "a 32nd of it, as zot does": (_, end) => ({ range: `0-${Math.floor((end - 1) / 32)}` }),
    "that nothing has come": () => ({ range: "0-0" }),
    "the range of the chunk alone": (taken) => ({ range: `0-${taken - 1}` }),
    "more than was sent": () => ({ range: "0-999999999" }),
    "one byte too many": (_, end) => ({ range: `0-${end}` }),
    "what is no range": () => ({ range: "0--1" }),
    "that it has bytes": (_, end) => ({ range: `bytes=0-${end - 1}` }),
  };
  for (const [name, says] of Object.entries(ways))
    test(name, async (t) => {
      const { methods } = await pushed(t, saying(says));
      assert.deepEqual(methods, all);
    });
});

describe("a registry that refuses", () => {
  const refusing = (when: (asked: Asked) => boolean, status: number): Habits => ({
    instead(asked, response: ServerResponse) {
      if (!when(asked)) return false;
      response.writeHead(status).end();
      return true;
    },
  });
  const isRange = ({ headers }: Asked) => headers["content-range"] !== undefined;
  for (const status of [400, 404, 405, 411, 415, 416, 422, 501])
    test(`chunks, by ${status}: it gets all bytes with the last request`, async (t) => {
      const { methods } = await pushed(t, refusing(isRange, status));
      assert.deepEqual(methods, { POST: 2, PATCH: 1, PUT: 1 });
    });

  test("the second chunk: it gets all bytes with the last request", async (t) => {
    const second = (asked: Asked) => isRange(asked) && asked.headers["content-range"] !== "0-99999";
    const { methods } = await pushed(t, refusing(second, 416));
    assert.deepEqual(methods, { POST: 2, PATCH: 2, PUT: 1 });
  });

  const isFull = ({ method, body }: Asked) => method === "PUT" && body.length > 0;
  for (const status of [404, 405, 411, 415, 416, 501])
    test(`bytes with the last request, by ${status}: it gets them before`, async (t) => {
      const either = (asked: Asked) => isRange(asked) || isFull(asked);
      const { methods } = await pushed(t, refusing(either, status));
      assert.deepEqual(methods, { POST: 3, PATCH: 2, PUT: 2 });
    });

  test("what its chunks make, having lost one: it gets all bytes with the last request", async (t) => {
    const lost = (asked: Asked) => asked.headers["content-range"] === "100000-199999";
    const { methods } = await pushed(t, refusing(lost, 202));
    assert.deepEqual(methods, { POST: 2, PATCH: 4, PUT: 2, HEAD: 1 });
  });

  test("everything: its answer is given", async (t) => {
    const registry = await startOddRegistry(
      t,
      refusing(({ method }) => method !== "POST", 405),
    );
    const repository = registry.client().repository("x", "push");
    assert.equal((await faultOf("registry", () => repository.putBlob(blob, CHUNK))).code, "405");
    assert.deepEqual(counted(registry.asked), { POST: 3, PATCH: 2, PUT: 1 });
  });
});

test("chunks are as large as the registry wants them at least", async (t) => {
  for (const [least, chunks] of [
    ["1", 4],
    ["150000", 3],
    ["349999", 2],
    ["350000", 1],
    ["999999999999999", 1],
    ["-1", 4],
    ["many", 4],
  ] as const) {
    const sizes: number[] = [];
    const { methods } = await pushed(t, {
      least,
      instead({ method, body }) {
        if (method === "PATCH") sizes.push(body.length);
        return false;
      },
    });
    assert.equal(methods.PATCH, chunks, least);
    for (const size of sizes.slice(0, -1)) assert.ok(size >= CHUNK && !(size < Number(least)));
  }
});

test("where the next bytes go may be said in every way that URLs have", async (t) => {
  const ways: readonly ((path: string, host: string) => string)[] = [
    (path, host) => `http://${host}${path}`,
    (path, host) => `//${host}${path}`,
    (path) => path.slice(path.lastIndexOf("/") + 1),
    (path) => `${path}?_state=a%2Bb%3D%3D&_empty=`,
    (path, host) => `http://somebody:secret@${host}${path}#part`,
  ];
  for (const way of ways) {
    const states: (string | null)[] = [];
    const { methods } = await pushed(t, {
      instead({ method, url, headers, body }, response, { uploads }) {
        const at = new URL(url, "http://localhost");
        if (method !== "PATCH") {
          if (method === "PUT") states.push(at.searchParams.get("_state"));
          return false;
        }
        uploads.set(at.pathname, Buffer.concat([uploads.get(at.pathname)!, body]));
        response.writeHead(202, { location: way(at.pathname, headers.host!) }).end();
        return true;
      },
    });
    assert.deepEqual(methods, all);
    assert.deepEqual(states, [way("", "").includes("_state") ? "a+b==" : null]);
  }
});

test("a blob that is not given in parts is read from its beginning after a break", async (t) => {
  let gets = 0;
  const registry = await startOddRegistry(t, {
    instead({ url, headers }, response, { blobs }) {
      if (!url.includes("/blobs/")) return false;
      gets++;
      const here = blobs.get(descriptor.digest)!;
      if (headers.range !== undefined) response.writeHead(416).end();
      else {
        response.writeHead(200, { "content-length": SIZE });
        if (gets > 1) response.end(here);
        else response.write(here.subarray(0, 100_000), () => response.destroy());
      }
      return true;
    },
  });
  registry.blobs.set(descriptor.digest, bytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of registry.client().repository("x").blob(descriptor))
    pieces.push(Buffer.from(piece));
  assert.ok(Buffer.concat(pieces).equals(bytes));
  assert.equal(gets, 3);
});

describe("after a connection that broke", () => {
  /** Cuts the connection at the second chunk, once, having kept so much of it; then `range` is said of the upload. */
  const cutting = (kept: number, range?: string): Habits => {
    let cuts = 0;
    return {
      instead({ method, url, headers, body }, response, { uploads }) {
        if (method === "GET" && range !== undefined) {
          response.writeHead(204, { location: url, range }).end();
          return true;
        }
        if (headers["content-range"] !== "100000-199999" || cuts++ > 0) return false;
        uploads.set(url, Buffer.concat([uploads.get(url)!, body.subarray(0, kept)]));
        response.destroy();
        return true;
      },
    };
  };
  for (const kept of [0, 1, 50_000, 99_999, 100_000])
    test(`it goes on where the registry says, ${kept} bytes later`, async (t) => {
      const { methods } = await pushed(t, cutting(kept));
      assert.equal(methods.POST, 1);
      assert.equal(methods.GET, 1);
    });
  for (const range of ["0-0", "0-99998", "0-3124", "0-200000", "0-999999999", "nothing"])
    test(`what cannot be is not believed: ${range}`, async (t) => {
      const { methods } = await pushed(t, cutting(50_000, range));
      assert.deepEqual(methods, { POST: 2, PATCH: 6, GET: 1, PUT: 1 });
    });
  test("what can be, and is wrong, is proven so by the digest", async (t) => {
    const { methods } = await pushed(t, cutting(50_000, "0-149998"));
    assert.deepEqual(methods, { POST: 2, PATCH: 5, GET: 1, PUT: 2, HEAD: 1 });
  });

  test("it is not sent again when the last answer was lost", async (t) => {
    const { methods } = await pushed(t, {
      instead({ method, url }, response, { blobs, uploads }) {
        const [id = ""] = url.split("?", 1);
        // Some runtimes ask once more by themselves.
        if (method !== "PUT" || !uploads.has(id)) return false;
        blobs.set(descriptor.digest, uploads.get(id)!);
        uploads.delete(id);
        response.destroy();
        return true;
      },
    });
    assert.deepEqual([methods.POST, methods.PATCH, methods.HEAD], [1, 4, 1]);
  });

  test("a registry that never gets to the end is given up", async (t) => {
    const registry = await startOddRegistry(t, {
      instead({ method }, response) {
        if (method === "PUT") response.writeHead(503).end();
        return method === "PUT";
      },
    });
    const repository = registry.client().repository("x", "push");
    assert.equal((await faultOf("registry", () => repository.putBlob(blob, CHUNK))).code, "503");
    assert.ok(registry.asked.length < 50, `${registry.asked.length}`);
  });
});
