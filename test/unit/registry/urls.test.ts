import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Digest } from "../../../src/oci/digest.ts";
import {
  apiOf,
  blobUrlPath,
  manifestPath,
  parseProxy,
  referrersPath,
  tagsPath,
  uploadPath,
  withDigest,
  withParameters,
} from "../../../src/registry/http/urls.ts";

const DIGEST = `sha256:${"0".repeat(64)}` as Digest;
const base = apiOf("[::1]:5000", true);

test("the paths of the distribution specification, below the API of a registry", () => {
  assert.equal(apiOf("ghcr.io", false).href, "https://ghcr.io/v2/");
  const paths: Readonly<Record<string, string>> = {
    [manifestPath("a/b", "v1")]: "a/b/manifests/v1",
    [manifestPath("a/b", DIGEST)]: `a/b/manifests/${DIGEST}`,
    [blobUrlPath("a/b", DIGEST)]: `a/b/blobs/${DIGEST}`,
    [uploadPath("a/b")]: "a/b/blobs/uploads/",
    [referrersPath("a/b", DIGEST)]: `a/b/referrers/${DIGEST}`,
    [tagsPath("a/b", 1000)]: "a/b/tags/list?n=1000",
  };
  for (const [path, expected] of Object.entries(paths))
    assert.equal(new URL(path, base).href, `http://[::1]:5000/v2/${expected}`);
});

test("a mount names the blob and the other repository", () => {
  const { pathname, searchParams } = new URL(
    uploadPath("a/b", { digest: DIGEST, from: "c/d" }),
    base,
  );
  assert.equal(pathname, "/v2/a/b/blobs/uploads/");
  assert.deepEqual(
    [...searchParams],
    [
      ["mount", DIGEST],
      ["from", "c/d"],
    ],
  );
});

test("the parameters of a token server: repeated, encoded, beside its own", () => {
  const url = withParameters(new URL("https://auth.example.com/token?a=1%262"), {
    service: "registry & co",
    scope: ["repository:a/b:pull,push", "repository:c:pull"],
  });
  assert.deepEqual(
    [...url.searchParams],
    [
      ["a", "1&2"],
      ["service", "registry & co"],
      ["scope", "repository:a/b:pull,push"],
      ["scope", "repository:c:pull"],
    ],
  );
  const plain = withParameters(new URL("https://auth.example.com/token"), { service: undefined });
  assert.equal(plain.href, "https://auth.example.com/token");
});

describe("an upload's digest is added, and nothing else of its URL changes", () => {
  for (const [given, expected] of [
    ["http://r/v2/a/blobs/uploads/1", "?digest="],
    ["http://r/v2/a/blobs/uploads/1?_state=a%2Fb+c%3D%3D&x", "?_state=a%2Fb+c%3D%3D&x&digest="],
  ] as const)
    test(given, () => {
      const url = new URL(given);
      assert.equal(withDigest(url, DIGEST).search, `${expected}${DIGEST}`);
      assert.equal(url.href, given);
    });
});

test("a proxy is a URL, or a host alone", () => {
  assert.equal(parseProxy("http://p:3128")?.href, "http://p:3128/");
  assert.equal(parseProxy("p:3128")?.href, "http://p:3128/");
  assert.equal(parseProxy("localhost:3128")?.href, "http://localhost:3128/");
  assert.equal(parseProxy("10.0.0.1")?.href, "http://10.0.0.1/");
  assert.equal(parseProxy("socks5://p:1080")?.protocol, "socks5:");
  assert.equal(parseProxy("http://["), null);
});
