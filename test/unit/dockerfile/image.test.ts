import assert from "node:assert/strict";
import { test } from "node:test";
import { text, utf8 } from "../../../src/base/bytes.ts";
import { formatJson } from "../../../src/base/json/json.ts";
import {
  emptyConfig,
  type History,
  parseContainerConfig,
} from "../../../src/dockerfile/image/config.ts";
import {
  containerImage,
  containerIndex,
  type ImageParts,
} from "../../../src/dockerfile/image/image.ts";
import { digestOf } from "../../../src/oci/digest.ts";
import { parseConfig, parseIndex, parseManifest } from "../../../src/oci/manifest.ts";
import { faultOf } from "../../support/fault.ts";
import { AMD64, work } from "../../support/images/container.ts";

const LAYER = "application/vnd.oci.image.layer.v1.tar+gzip";
const layerOf = (content: string) => ({
  descriptor: { mediaType: LAYER, digest: digestOf(utf8(content)), size: content.length },
  diffID: digestOf(utf8(`tar of ${content}`)),
});
const CREATED = "1970-01-01T00:00:00Z";

const partsOf = (source: string, more: Partial<ImageParts> = {}): ImageParts => {
  const { config, history } = work(source);
  const layers = history.filter((line) => !line.empty_layer).map((_, i) => layerOf(`${i}`));
  const dated = history.map((line) => ({ created: CREATED, ...line }));
  return { config, history: dated, layers, created: CREATED, ...more };
};

const bytesOf = (parts: ImageParts) => {
  const { blobs, config, descriptor } = containerImage(parts);
  return {
    config: text(blobs.get(config.digest)!)!,
    manifest: text(blobs.get(descriptor.digest)!)!,
  };
};

test("the bytes of a config, a manifest and an index", () => {
  const parts = partsOf(
    'FROM scratch\nENV Z=1 A=<&>\nLABEL b=2 "10"=x a=1\nEXPOSE 80 8\nVOLUME /b /a\nCOPY a /b\nUSER 1\nSTOPSIGNAL SIGINT\nSHELL ["/s"]\nCMD ["c"]\nENTRYPOINT ["e"]\nHEALTHCHECK --retries=1 CMD x\nONBUILD CMD y\nMAINTAINER me\n',
    { annotations: { z: "1", "10": "3", a: "2" }, labels: new Map([["b", "3"]]) },
  );
  const { config, manifest } = bytesOf(parts);
  const { descriptor, diffID } = parts.layers[0]!;
  const line = (by: string) =>
    `{"created":"1970-01-01T00:00:00Z","created_by":${JSON.stringify(by)},"empty_layer":true}`;
  assert.equal(
    config,
    '{"created":"1970-01-01T00:00:00Z","author":"me","architecture":"amd64","os":"linux","config":{' +
      '"User":"1","ExposedPorts":{"8/tcp":{},"80/tcp":{}},' +
      '"Env":["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin","Z=1","A=\\u003c\\u0026\\u003e"],' +
      '"Entrypoint":["e"],"Cmd":["c"],"Volumes":{"/a":{},"/b":{}},"WorkingDir":"/","Labels":{"10":"x","a":"1","b":"3"},' +
      '"StopSignal":"SIGINT","ArgsEscaped":true,"Healthcheck":{"Test":["CMD-SHELL","x"],"Retries":1},"OnBuild":["CMD y"],"Shell":["/s"]},' +
      `"rootfs":{"type":"layers","diff_ids":["${diffID}"]},"history":[` +
      [
        line("ENV Z=1 A=<&>").replace("<&>", "\\u003c\\u0026\\u003e"),
        line("LABEL b=2 10=x a=1"),
        line("EXPOSE [8/tcp 80/tcp]"),
        line("VOLUME [/b /a]"),
        line("COPY a /b").replace(',"empty_layer":true', ""),
        line("USER 1"),
        line("STOPSIGNAL SIGINT"),
        line("SHELL [/s]"),
        line('CMD ["c"]'),
        line('ENTRYPOINT ["e"]'),
        line(
          "HEALTHCHECK {Test:[CMD-SHELL x] Interval:0s Timeout:0s StartPeriod:0s StartInterval:0s Retries:1}",
        ),
        line("MAINTAINER me"),
      ].join(",") +
      "]}",
  );
  assert.equal(
    manifest,
    `{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"${digestOf(utf8(config))}","size":${config.length}},` +
      `"layers":[{"mediaType":"${LAYER}","digest":"${descriptor.digest}","size":1}],"annotations":{"10":"3","a":"2","z":"1"}}`,
  );
  const image = containerImage(parts);
  const index = containerIndex([image], { b: "1" });
  assert.equal(
    text(index.blobs.get(index.descriptor.digest)!),
    '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[' +
      `{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"${digestOf(utf8(manifest))}","size":${manifest.length},"platform":{"architecture":"amd64","os":"linux"}}],"annotations":{"b":"1"}}`,
  );
});

test("the digest of a small image is for ever", () => {
  const { descriptor } = containerImage(
    partsOf('FROM scratch\nCOPY a /\nWORKDIR /w\nENTRYPOINT ["/a"]\n'),
  );
  assert.equal(
    descriptor.digest,
    "sha256:619cfe9075999b3c37f0bb4868b6028c8cf4ef9b15aea3c55435ab91fe2639ca",
  );
});

test("what is written reads back as what the specification says", () => {
  const parts = partsOf("FROM scratch\nCOPY a /b\nCMD x\n");
  const { config, manifest } = bytesOf(parts);
  assert.deepEqual(
    parseConfig(utf8(config), "config").rootfs.diff_ids,
    parts.layers.map(({ diffID }) => diffID),
  );
  assert.equal(parseManifest(utf8(manifest), "manifest").layers.length, 1);
  const { platform, cmd, history, diffIDs } = parseContainerConfig(utf8(config), "config");
  assert.deepEqual([platform, cmd], [AMD64, ["/bin/sh", "-c", "x"]]);
  assert.deepEqual(history, parts.history);
  assert.deepEqual(diffIDs, [parts.layers[0]!.diffID]);
});

test("the index is ordered by platform, whoever comes first", () => {
  const imageFor = (architecture: string, variant?: string) => {
    const platform = { architecture, os: "linux", ...(variant && { variant }) };
    return containerImage(
      partsOf("FROM scratch\n", { config: emptyConfig(platform), history: [] }),
    );
  };
  const images = [imageFor("arm64"), imageFor("arm", "v7"), imageFor("amd64")];
  const one = containerIndex(images);
  const other = containerIndex(images.toReversed());
  assert.equal(one.descriptor.digest, other.descriptor.digest);
  const { manifests } = parseIndex(one.blobs.get(one.descriptor.digest)!, "index");
  assert.deepEqual(
    manifests.map(({ platform }) => platform!.architecture),
    ["amd64", "arm", "arm64"],
  );
  assert.equal(one.blobs.size, 7);
});

const BASE = {
  created: "2020-01-01T00:00:00.123456789Z",
  author: "them",
  architecture: "arm64",
  variant: "v8",
  os: "linux",
  docker_version: "1.2",
  container_config: { Cmd: ["x"] },
  config: {
    Hostname: "",
    Env: ["B=1", "A=2"],
    Cmd: null,
    Entrypoint: ["e"],
    Labels: { "10": "x", "2": "y" },
    Volumes: null,
    WorkingDir: "",
    OnBuild: null,
    AttachStdin: false,
    ExposedPorts: { "80/tcp": {} },
    Healthcheck: { Test: ["NONE"], Interval: 5 },
  },
  rootfs: { type: "layers", diff_ids: [digestOf(utf8("tar of 0"))] },
  history: [
    { created: "2020-01-01T00:00:00.12Z", created_by: "/bin/sh -c #(nop) ADD", comment: "c" },
    { created: "2020-01-01T00:00:00Z", created_by: "CMD", empty_layer: true },
  ],
};
const baseBytes = (change: object = {}) => utf8(JSON.stringify({ ...BASE, ...change }));

test("a base's config keeps what is not known of it, and its history to the letter", () => {
  const base = parseContainerConfig(baseBytes(), "base");
  assert.deepEqual(base.history, BASE.history);
  const { config } = bytesOf({
    config: base,
    layers: [layerOf("0")],
    history: base.history,
    created: CREATED,
  });
  assert.equal(
    config,
    '{"created":"1970-01-01T00:00:00Z","author":"them","architecture":"arm64","os":"linux","variant":"v8","config":{' +
      '"ExposedPorts":{"80/tcp":{}},"Env":["B=1","A=2"],"Entrypoint":["e"],"Labels":{"10":"x","2":"y"},' +
      '"Healthcheck":{"Test":["NONE"],"Interval":5},"AttachStdin":false,"Hostname":""},' +
      `"rootfs":{"type":"layers","diff_ids":["${digestOf(utf8("tar of 0"))}"]},"history":${formatJson(BASE.history)}}`,
  );
});

test("a stage on a base that has no PATH gets the usual one, behind the rest", () => {
  const base = parseContainerConfig(baseBytes(), "base");
  const { config } = work("FROM img\nENV A=3\n", { base });
  assert.deepEqual(config.env, [
    "B=1",
    "A=3",
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
  ]);
  assert.deepEqual(config.platform, AMD64);
});

test("layers of a base without lines of history get empty lines, behind the base's", () => {
  const base = parseContainerConfig(baseBytes({ history: [BASE.history[1]] }), "base");
  const own: History = { created: CREATED, created_by: "COPY a b" };
  const { config } = bytesOf({
    config: base,
    layers: [layerOf("0"), layerOf("1")],
    history: [...base.history, own],
    created: CREATED,
  });
  assert.deepEqual(JSON.parse(config).history, [BASE.history[1], {}, own]);
});

test("lines that claim a layer more than there are: the base's are left, one's own are a mistake", async () => {
  const line: History = { created_by: "x" };
  const history = [...BASE.history, line];
  const base = parseContainerConfig(baseBytes({ history }), "base");
  const parts = { config: base, layers: [layerOf("0")], history, created: CREATED };
  assert.deepEqual(JSON.parse(bytesOf(parts).config).history, history);
  await faultOf("internal", () => containerImage({ ...parts, history: [...history, line] }));
});

test("a config that is none is refused", async () => {
  const refused = async (change: object) =>
    (await faultOf("malformed", () => parseContainerConfig(baseBytes(change), "base"))).why;
  assert.match(await refused({ config: { Env: "A=1" } }), /^config\.Env: /);
  assert.match(
    await refused({ rootfs: { diff_ids: ["sha256:1"] } }),
    /^rootfs\.diff_ids\.0: a diff_id/,
  );
  assert.match(await refused({ history: [{ empty_layer: "yes" }] }), /^history\.0\.empty_layer: /);
  assert.match(await refused({ config: { Memory: { x: [1.5] } } }), /^config\.Memory: /);
  assert.match(await refused({ architecture: 1 }), /^architecture: /);
});
