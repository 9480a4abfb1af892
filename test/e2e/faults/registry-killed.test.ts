/** A pull that is killed goes on where it stopped. */
import assert from "node:assert/strict";
import { request as ask, createServer } from "node:http";
import { join } from "node:path";
import { noise, putBlob } from "../../support/images/layout.ts";
import { nameAll, OCI, put } from "../../support/images/platforms.ts";
import { Child, pause } from "../../support/process/child.ts";
import { command, ingot, plainEnvironment } from "../../support/process/ingot.ts";
import { testWith } from "../../support/process/needs.ts";
import { tempDir } from "../../support/process/temp.ts";
import { chanceFrom } from "../../support/registries/faulty.ts";
import { startRegistry } from "../../support/registries/registry.ts";

const KILLS = 12;
const LAYERS = 4;
/** Of every other layer: some are for threads, some are not. Bytes. */
const SIZES = [4_000_000, 6_000_000];
/** What may be on its way, and is lost with who waits for it: buffers of sockets, for each of four blobs. Bytes. */
const UNDER_WAY = 4 * 1_500_000;

testWith(["docker-registry"], `killed ${KILLS} times, and all of it arrives once`, async (t) => {
  const { host, port } = await startRegistry(t);
  const dir = tempDir(t);
  const layout = join(dir, "layout");
  const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
  const layers = Array.from({ length: LAYERS }, (_, i) =>
    putBlob(layout, noise(`${i}`, SIZES[i % 2] as number)),
  );
  const manifest = {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType: "x/y",
    config,
    layers,
  };
  const image = put(layout, OCI.manifest, manifest);
  nameAll(layout, { "r.example/x:v1": image });
  const pushed = await ingot(["copy", layout, `docker://${host}/x:v1`]);
  assert.equal(pushed.code, 0, pushed.stderr);

  // A registry that takes its time: what it has sent is counted.
  let sent = 0;
  const slow = createServer((request, response) => {
    request.resume();
    const up = ask(
      {
        host: "127.0.0.1",
        port,
        path: request.url,
        method: request.method,
        headers: request.headers,
        agent: false,
      },
      async (answer) => {
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        try {
          for await (const piece of answer) {
            if (response.destroyed) break;
            sent += (piece as Buffer).length;
            response.write(piece);
            await pause(5);
          }
        } catch {
          // Whoever asked is gone.
        }
        response.end();
      },
    );
    up.on("error", () => response.destroy());
    response.on("close", () => up.destroy());
    up.end();
  });
  await new Promise<void>((done) => slow.listen(0, "127.0.0.1", done));
  t.after(() => {
    slow.closeAllConnections();
    slow.close();
  });
  const { port: through } = slow.address() as { port: number };
  const store = join(dir, "store");
  const words = ["pull", `localhost:${through}/x:v1`, "--store", store, "--jobs", "4"];
  const chance = chanceFrom(7);
  for (let i = 0; i < KILLS; i++) {
    const child = new Child([...(await command()), ...words], { env: plainEnvironment() });
    await pause(150 + chance() * 600);
    child.kill(i % 3 === 2 ? "SIGTERM" : "SIGKILL");
    await child.ended;
    const verified = await ingot(["verify", store, "--json"]);
    assert.ok(
      verified.code === 2 ||
        verified.code === 0 ||
        /"nothing"|"member-missing"/.test(`${verified.stdout}`),
    );
  }
  const { code, stdout, stderr } = await ingot([...words, "--json"]);
  assert.equal(code, 0, stderr);
  assert.equal(JSON.parse(`${stdout}`).images[0].digest, image.digest);
  assert.equal((await ingot(["verify", store])).code, 0);
  assert.ok(
    sent < (LAYERS * (SIZES[0]! + SIZES[1]!)) / 2 + KILLS * UNDER_WAY,
    `${sent} bytes were sent`,
  );
});

testWith(
  ["docker-registry"],
  "what a thread got before it failed is not fetched again",
  async (t) => {
    const { host, port } = await startRegistry(t);
    const dir = tempDir(t);
    const layout = join(dir, "layout");
    const [size, half] = [6_000_000, 3_000_000];
    const config = putBlob(layout, Buffer.from("{}"), "application/vnd.oci.empty.v1+json");
    const layers = [putBlob(layout, noise("one", size))];
    const words = {
      schemaVersion: 2,
      mediaType: OCI.manifest,
      artifactType: "x/y",
      config,
      layers,
    };
    nameAll(layout, { "r.example/x:v1": put(layout, OCI.manifest, words) });
    assert.equal((await ingot(["copy", layout, `docker://${host}/x:v1`])).code, 0);

    // Half of the layer comes; then the registry wants no more of it.
    const stingy = createServer((request, response) => {
      const { url: path, method, headers } = request;
      if (headers.range !== undefined) {
        response.writeHead(403).end();
        return;
      }
      const up = ask({ host: "127.0.0.1", port, path, method, headers, agent: false });
      up.on("response", async (answer) => {
        const pieces: Buffer[] = [];
        for await (const piece of answer) pieces.push(piece as Buffer);
        const body = Buffer.concat(pieces);
        response.writeHead(answer.statusCode ?? 500, answer.headers);
        if (body.length < size) response.end(body);
        else
          response.write(body.subarray(0, half), () => setTimeout(() => response.destroy(), 200));
      });
      up.end();
    });
    await new Promise<void>((done) => stingy.listen(0, "127.0.0.1", done));
    t.after(() => {
      stingy.closeAllConnections();
      stingy.close();
    });
    const { port: through } = stingy.address() as { port: number };
    const store = ["--store", join(dir, "store"), "--as", "r.example/x:v1", "--json"];
    const failed = await ingot(["pull", `localhost:${through}/x:v1`, ...store]);
    assert.equal(JSON.parse(`${failed.stdout}`).error.code, "registry", failed.stderr);
    const { code, stdout, stderr } = await ingot(["pull", `${host}/x:v1`, ...store]);
    assert.equal(code, 0, stderr);
    const { bytes } = JSON.parse(`${stdout}`);
    assert.ok(bytes >= size - half && bytes < size, `${bytes} bytes were fetched`);
  },
);
