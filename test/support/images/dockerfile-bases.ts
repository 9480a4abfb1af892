/** The images that the Dockerfiles of test/reproducibility/dockerfiles stand on: small, odd, and the same each time. */
import { createHash } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { type MadeMember, madeTar } from "../tar/made-tar.ts";

const PASSWD = `root:x:0:0:root:/root:/bin/sh
daemon:x:1:1::/:/sbin/nologin
app:x:1000:1000:App:/home/app:/bin/sh
web:x:33:44::/srv:/sbin/nologin
123:x:1234:4321::/:/sbin/nologin
`;
const GROUP = `root:x:0:
daemon:x:1:
app:x:1000:
www:x:44:web
staff:x:50:app,web
`;

/** What a distribution's root looks like: links for bin and lib, odd owners and modes, links out and around. */
const first = (architecture: string): MadeMember[] => [
  { path: "bin", link: "usr/bin" },
  { path: "data/", mode: "700", owner: "33:44" },
  { path: "data/old", text: "old\n", owner: "33:44", mode: "600" },
  { path: "dangling", link: "not/yet" },
  { path: "etc/" },
  { path: "etc/arch", text: `${architecture}\n` },
  { path: "etc/empty" },
  { path: "etc/group", text: GROUP },
  { path: "etc/motd", text: "welcome\n" },
  { path: "etc/passwd", text: PASSWD },
  { path: "home/" },
  { path: "home/app/", mode: "750", owner: "1000:1000" },
  { path: "home/app/.profile", text: "umask 027\n", owner: "1000:1000", mode: "640" },
  { path: "lib", link: "usr/lib" },
  { path: "loop", link: "loop" },
  { path: "opt/" },
  { path: "opt/a/", mode: "2775", owner: "0:50" },
  { path: "opt/a/one", text: "one\n" },
  { path: "opt/a/two", text: "two\n" },
  { path: "opt/current", link: "a" },
  { path: "outside", link: "../../../etc" },
  { path: "root/", mode: "700" },
  { path: "run/" },
  { path: "run/lock/", mode: "1777" },
  { path: "sbin", link: "usr/sbin" },
  { path: "srv/" },
  { path: "tmp/", mode: "1777" },
  { path: "usr/" },
  { path: "usr/bin/" },
  // It may bind to low ports: a capability set of version 2, in force.
  {
    path: "usr/bin/ping",
    text: "ping\n",
    mode: "755",
    xattrs: { "security.capability": "0100000200040000000000000000000000000000" },
  },
  { path: "usr/bin/same", text: "#!/bin/sh\n", mode: "755" },
  { path: "usr/bin/su", text: "su\n", mode: "4755" },
  { path: "usr/bin/tool", same: "usr/bin/same" },
  { path: "usr/lib/" },
  { path: "usr/lib/libx.so", link: "libx.so.1" },
  { path: "usr/lib/libx.so.1", text: "ELF\n", mode: "755" },
  { path: "usr/lib/noted", text: "noted\n", xattrs: { "user.note": "6b657074" } },
  { path: "usr/sbin/" },
  { path: "usr/share/" },
  { path: "usr/share/doc/" },
  { path: "usr/share/doc/readme", text: "read me\n" },
  { path: "var/" },
  { path: "var/lock", link: "/run/lock" },
  { path: "var/run", link: "../run" },
];

/** What changes on it: a file deleted, a folder emptied first, a file that becomes a link. */
const second: MadeMember[] = [
  { path: "etc/" },
  { path: "etc/motd", link: "../usr/share/motd" },
  { path: "opt/" },
  { path: "opt/a/", mode: "2775", owner: "0:50" },
  { path: "opt/a/.wh.two" },
  { path: "usr/" },
  { path: "usr/share/" },
  { path: "usr/share/.wh..wh..opq" },
  { path: "usr/share/motd", text: "hello\n" },
];

const plain = {
  Env: ["PATH=/usr/local/bin:/usr/bin:/bin", "LANG=C.UTF-8"],
  Cmd: ["/bin/sh"],
  WorkingDir: "/srv",
  Labels: { "org.example.base": "yes", "org.example.kept": "yes" },
};

/** The config of each base, by its name. */
const configs: Readonly<Record<string, object>> = {
  "base:1": plain,
  "made:1": {
    ...plain,
    User: "app",
    Entrypoint: ["/usr/bin/tool", "--serve"],
    Cmd: ["--port", "80"],
    ExposedPorts: { "80/tcp": {}, "53/udp": {} },
    Volumes: { "/data": {} },
    StopSignal: "SIGQUIT",
    Shell: ["/bin/sh", "-eu", "-c"],
    Healthcheck: {
      Test: ["CMD", "/usr/bin/tool", "--check"],
      Interval: 5_000_000_000,
      Timeout: 1_000_000_000,
      Retries: 2,
    },
  },
  "onbuild:1": {
    ...plain,
    OnBuild: [
      "ARG NAME=nobody",
      "ENV STARTED_BY=$NAME",
      "WORKDIR /app",
      "COPY --chown=app:app . .",
      'CMD ["/app/run"]',
    ],
  },
};

export const baseNames: readonly string[] = Object.keys(configs);

const OCI = "application/vnd.oci.image";
const architectures = ["amd64", "arm64"];

/** Afterwards `folder` is a layout of the bases, each for linux/amd64 and linux/arm64. The digests of their indexes, by name. */
export function writeBases(folder: string): Map<string, string> {
  mkdirSync(join(folder, "blobs/sha256"), { recursive: true });
  const put = (mediaType: string, content: Uint8Array | object) => {
    const bytes = content instanceof Uint8Array ? content : Buffer.from(JSON.stringify(content));
    const digest = `sha256:${sha256(bytes)}`;
    writeFileSync(join(folder, "blobs/sha256", digest.slice(7)), bytes);
    return { mediaType, digest, size: bytes.length };
  };
  const roots = baseNames.map((name) => {
    const manifests = architectures.map((architecture) => {
      const platform = { architecture, os: "linux" };
      const tars = [first(architecture), second].map(madeTar);
      const created = "2001-09-09T01:46:40Z";
      const config = put(`${OCI}.config.v1+json`, {
        created,
        ...platform,
        config: configs[name],
        rootfs: { type: "layers", diff_ids: tars.map((tar) => `sha256:${sha256(tar)}`) },
        history: [
          { created, created_by: "a root" },
          { created, created_by: `CMD of ${name}`, empty_layer: true },
          { created, created_by: "its changes" },
        ],
      });
      const layers = tars.map((tar) => put(`${OCI}.layer.v1.tar+gzip`, gzipSync(tar)));
      const mediaType = `${OCI}.manifest.v1+json`;
      return { ...put(mediaType, { schemaVersion: 2, mediaType, config, layers }), platform };
    });
    const mediaType = `${OCI}.index.v1+json`;
    const index = put(mediaType, { schemaVersion: 2, mediaType, manifests });
    return { ...index, annotations: { "org.opencontainers.image.ref.name": name } };
  });
  writeFileSync(join(folder, "oci-layout"), '{"imageLayoutVersion":"1.0.0"}');
  writeFileSync(join(folder, "index.json"), JSON.stringify({ schemaVersion: 2, manifests: roots }));
  return new Map(roots.map(({ digest }, at) => [baseNames[at]!, digest]));
}

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
