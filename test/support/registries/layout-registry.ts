/** A registry that serves one repository out of a layout in a folder, and lists referrers or not. */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { join } from "node:path";
import type { Ends } from "../process/temp.ts";
import { freePort } from "./registry.ts";

interface Served {
  readonly layout: string;
  /** Digests by tag. */
  readonly tags: Readonly<Record<string, string>>;
  /** Whether there is a referrers API. */
  readonly lists: boolean;
  /** Gets the path of every request. */
  readonly asked?: string[];
}

interface Manifest {
  readonly mediaType?: string;
  readonly manifests?: unknown;
  readonly subject?: { readonly digest: string };
  readonly artifactType?: string;
  readonly config?: { readonly mediaType: string };
  readonly annotations?: object;
}

const typeOf = ({ mediaType, manifests }: Manifest) =>
  mediaType ?? `application/vnd.oci.image.${manifests ? "index" : "manifest"}.v1+json`;

/** Serves the layout as the repository `app` until the test ends; its host. */
export async function serveLayout(t: Ends, served: Served): Promise<string> {
  const port = await freePort();
  const server = createServer((request, response) => answer(request, response, served));
  await new Promise<void>((ready) => server.listen(port, "127.0.0.1", ready));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `127.0.0.1:${port}`;
}

function answer({ url = "", method }: IncomingMessage, response: ServerResponse, served: Served) {
  served.asked?.push(url);
  const [, kind, which = ""] = /^\/v2\/app\/(manifests|blobs|referrers)\/([^?]+)/.exec(url) ?? [];
  const send = (bytes: Uint8Array | string, type: string) => {
    const length = Buffer.byteLength(bytes);
    response.writeHead(200, { "content-type": type, "content-length": length });
    response.end(method === "HEAD" ? undefined : bytes);
  };
  if (url === "/v2/") return send("{}", "application/json");
  if (kind === "referrers" && served.lists) return send(...referrers(which, served));
  const digest = kind === "manifests" ? (served.tags[which] ?? which) : which;
  const file = join(served.layout, "blobs/sha256", digest.replace("sha256:", ""));
  if (kind === undefined || kind === "referrers" || !digest.startsWith("sha256:"))
    return response.writeHead(404).end();
  if (!existsSync(file)) return response.writeHead(404).end();
  const bytes = readFileSync(file);
  const isManifest = kind === "manifests";
  return send(bytes, isManifest ? typeOf(JSON.parse(`${bytes}`)) : "application/octet-stream");
}

/** The list as a registry makes it of the manifests that it has: with their annotations. */
function referrers(subject: string, { layout }: Served): [string, string] {
  const folder = join(layout, "blobs/sha256");
  const manifests = readdirSync(folder).flatMap((hex) => {
    const bytes = readFileSync(join(folder, hex));
    if (bytes[0] !== 0x7b) return [];
    const manifest: Manifest = JSON.parse(`${bytes}`);
    if (manifest.subject?.digest !== subject) return [];
    const artifactType = manifest.artifactType ?? manifest.config?.mediaType;
    const { annotations } = manifest;
    const digest = `sha256:${hex}`;
    return [{ mediaType: typeOf(manifest), digest, size: bytes.length, artifactType, annotations }];
  });
  const type = "application/vnd.oci.image.index.v1+json";
  return [JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }), type];
}
