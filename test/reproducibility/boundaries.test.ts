/** Blobs whose sizes are those of buffers, or a byte or a block from them: alone and in rows, to files, pipes and volumes, and back. */
import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import type { Plan } from "../../src/archive/plan.ts";
import { openVolumes } from "../../src/archive/volumes/find.ts";
import { streamArchive, writeArchive } from "../../src/archive/write.ts";
import { Progress } from "../../src/base/workers/pool.ts";
import { isVerified, type VerifyReport } from "../../src/image/findings.ts";
import { IO_CHUNK, type RenderPiece, render } from "../../src/jobs/render.ts";
import type { ArchiveSource } from "../../src/source/open-archive.ts";
import { ExtentReader, OpenFiles } from "../../src/store/extent-reader.ts";
import { FolderStore } from "../../src/store/folder-store.ts";
import { importArchive } from "../../src/verify/import.ts";
import { verifyArchive } from "../../src/verify/verify.ts";
import { faultOf } from "../support/fault.ts";
import { alone, noise, pieces, sha256 } from "../support/images/archive.ts";
import { around, endingAt, NAME, planOf } from "../support/images/boundaries.ts";
import { ingot } from "../support/process/ingot.ts";
import { type Ends, tempDir, tidily } from "../support/process/temp.ts";

const MiB = 1024 * 1024;

/** One file with all bytes that a blob can have here, and blobs of it. */
function blobsIn(t: Ends) {
  const bytes = Buffer.from(noise(3 * IO_CHUNK, 1));
  const path = join(tempDir(t), "blobs");
  writeFileSync(path, bytes);
  return (size: number, offset = 0) => {
    const digest = sha256(bytes.subarray(offset, offset + size));
    return { path, offset, size, digest };
  };
}

/** What a piece is. */
const bytesOf = (piece: RenderPiece): Uint8Array =>
  piece instanceof Uint8Array
    ? piece
    : readFileSync(piece.path).subarray(piece.offset, piece.offset + piece.size);

/** Renders the pieces; all chunks but the last are full. */
function rendered(list: readonly RenderPiece[]): Buffer {
  const tally = new Progress();
  const chunks = [...render(list, tally)].map((chunk, i, all) => {
    assert.ok(i === all.length - 1 ? chunk.length > 0 : chunk.length === IO_CHUNK);
    return chunk.length;
  });
  const out: Uint8Array[] = [];
  for (const chunk of render(list, new Progress())) out.push(chunk.slice());
  const bytes = Buffer.concat(out);
  assert.equal(tally.bytes, bytes.length);
  assert.deepEqual(
    chunks,
    out.map((chunk) => chunk.length),
  );
  return bytes;
}

describe("render gives the bytes of the pieces", () => {
  const assertRendered = (list: readonly RenderPiece[]) => {
    const sizes = list.map((piece) => (piece instanceof Uint8Array ? piece.length : piece.size));
    assert.ok(rendered(list).equals(Buffer.concat(list.map(bytesOf))), `${sizes}`);
  };

  test(
    "a blob alone, behind a header, with its fill, and twice",
    tidily((t) => {
      const blob = blobsIn(t);
      const header = noise(512, 2);
      for (const size of [0, 1, ...around(IO_CHUNK), ...around(2 * IO_CHUNK)]) {
        const fill = new Uint8Array((512 - (size % 512)) % 512);
        assertRendered([blob(size)]);
        assertRendered([header, blob(size)]);
        assertRendered([header, blob(size), fill]);
        assertRendered([header, blob(size), fill, header, blob(size, 7), fill]);
        assertRendered([noise(size, 3), header, blob(size)]);
      }
    }),
  );

  test(
    "several blobs of which one ends where a chunk does, also empty ones there",
    tidily((t) => {
      const blob = blobsIn(t);
      for (const first of around(IO_CHUNK / 2))
        assertRendered([blob(first), blob(0), blob(IO_CHUNK - first), blob(0), new Uint8Array(0)]);
      assertRendered([blob(IO_CHUNK), blob(IO_CHUNK, 1), blob(IO_CHUNK, 2)]);
      assertRendered([blob(0), blob(IO_CHUNK), blob(0), blob(IO_CHUNK), blob(1)]);
      assertRendered([
        new Uint8Array(0),
        noise(IO_CHUNK, 4),
        new Uint8Array(0),
        noise(IO_CHUNK, 5),
      ]);
    }),
  );

  test(
    "any sizes",
    tidily(async (t) => {
      const blob = blobsIn(t);
      const size = fc.oneof(fc.constantFrom(0, 1, 511, 512, ...around(IO_CHUNK)), fc.nat(3000));
      await fc.assert(
        fc.asyncProperty(fc.array(fc.tuple(size, fc.boolean()), { maxLength: 6 }), (list) => {
          assertRendered(list.map(([size, isBlob]) => (isBlob ? blob(size) : noise(size, size))));
          return Promise.resolve();
        }),
        { numRuns: 40 },
      );
    }),
  );

  test(
    "and no chunk with the last byte of a blob that is another one",
    tidily(async (t) => {
      const blob = blobsIn(t);
      for (const size of [0, 1, 512, ...around(IO_CHUNK), ...around(2 * IO_CHUNK)]) {
        for (const before of [0, 512]) {
          const wrong = { ...blob(size), digest: sha256(Buffer.from("another")) };
          let given = 0;
          const { expected, actual } = await faultOf("digest-differs", () => {
            for (const chunk of render([noise(before, 1), wrong, noise(512, 2)], new Progress()))
              given += chunk.length;
          });
          assert.deepEqual([expected, actual], [wrong.digest, blob(size).digest]);
          assert.ok(given < before + size || given === 0, `${size}: ${given} bytes`);
        }
      }
    }),
  );
});

test("a stretch can be read at its end, also when its digest was taken", (t) => {
  const blob = blobsIn(t);
  for (const size of [0, 1, IO_CHUNK]) {
    const files = new OpenFiles();
    const stretch = new ExtentReader(blob(size), files);
    const buffer = new Uint8Array(IO_CHUNK);
    assert.equal(stretch.read(buffer), size);
    assert.ok(stretch.isDone());
    stretch.prove();
    assert.equal(stretch.read(buffer), 0);
    stretch.prove();
    assert.equal(stretch.digest, blob(size).digest);
    files.close();
  }
});

/** The planned archive as a pipe gets it. */
async function streamed(planned: Plan): Promise<Buffer> {
  const chunks: Buffer[] = [];
  // A chunk is only valid for a while: it must be copied.
  const write = async (chunk: Uint8Array) => void chunks.push(Buffer.from(chunk));
  await streamArchive(planned, { write }, alone());
  return Buffer.concat(chunks);
}

async function assertProven(
  source: ArchiveSource,
  what: string,
  layers = false,
): Promise<VerifyReport> {
  const report = await verifyArchive(source, { canonical: true, layers }, alone());
  assert.ok(isVerified(report), `${what}: ${JSON.stringify(report.findings)}`);
  return report;
}

/** Afterwards the archive has been written to a file, a pipe and a store, and is the same everywhere. @returns its bytes */
async function goRound(dir: string, planned: Plan, what: string): Promise<Buffer> {
  const path = join(dir, "out.tar");
  await writeArchive(planned, path, alone());
  const bytes = readFileSync(path);
  assert.ok(bytes.equals(await streamed(planned)), `${what}: the stream is not the file`);
  assert.equal(bytes.length, planned.size);
  await assertProven({ path }, what);
  await assertProven({ bytes: pieces(bytes, 65_536), at: "a pipe" }, what);
  for (const [name, source] of [
    ["from a file", { path }],
    ["from a pipe", { bytes: pieces(bytes, 65_536), at: "a pipe" }],
  ] as const) {
    const store = new FolderStore(join(dir, name));
    const { blobs } = await importArchive(source, store, alone());
    const wanted = planned.members.filter(({ digest }) => digest !== undefined);
    assert.equal(blobs, wanted.length, what);
    for (const { digest, size } of wanted)
      assert.equal(
        sha256(bytesOf({ ...(store.find(digest!) as object), size } as RenderPiece)),
        digest,
      );
  }
  return bytes;
}

test("a layer that ends where a chunk of the file or of the pipe does", async (t) => {
  for (const by of [-512, -1, 0, 1, 512])
    for (const least of [1, IO_CHUNK - 512])
      await goRound(tempDir(t), await endingAt(tempDir(t), { size: IO_CHUNK, by, least }), `${by}`);
  for (const layer of [
    IO_CHUNK - 513,
    IO_CHUNK - 512,
    IO_CHUNK - 511,
    IO_CHUNK,
    2 * IO_CHUNK - 512,
  ])
    await goRound(tempDir(t), await planOf(tempDir(t), { layers: [layer] }), `${layer}`);
});

test("any list of sizes is exported to a file and to a pipe, verified and imported", async (t) => {
  const size = fc.oneof(
    fc.constantFrom(0, 1, 511, 512, 513, 3584, 4096, IO_CHUNK - 1024, IO_CHUNK - 512, IO_CHUNK),
    fc.constantFrom(...around(IO_CHUNK - 512), ...around(IO_CHUNK)),
    // What precedes the first blob has some blocks: then this one often ends with a chunk.
    fc.integer({ min: 1, max: 12 }).map((blocks) => IO_CHUNK - blocks * 512),
    fc.nat(5000),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(size, { minLength: 1, maxLength: 4 }), async (layers) => {
      await goRound(tempDir(t), await planOf(tempDir(t), { layers }), `${layers}`);
    }),
    { numRuns: 12 },
  );
});

test("volumes of any size, also where a volume ends with a chunk or a blob", async (t) => {
  const planned = await planOf(tempDir(t), {
    layers: [IO_CHUNK - 512, 512, 0, 2 * IO_CHUNK - 1024, 7],
  });
  const whole = await streamed(planned);
  const ends = planned.members.map(({ start, header, size }) => start + header.length + size);
  const sizes = [
    IO_CHUNK - 512,
    IO_CHUNK,
    IO_CHUNK + 512,
    2 * IO_CHUNK,
    ends.at(-1)!,
    whole.length,
  ];
  for (const size of new Set(sizes.map((size) => Math.ceil(size / 512) * 512))) {
    const dir = tempDir(t);
    const done = await writeArchive(
      planned,
      { at: join(dir, "big.tar"), below: size + 1 },
      alone(),
    );
    const files = done.volumes!.map(({ file }) => file);
    assert.ok(Buffer.concat(files.map((file) => readFileSync(file))).equals(whole), `${size}`);
    const volumes = (await openVolumes(files, alone()))!;
    await assertProven({ volumes }, `${size}`);
    const imported = await importArchive({ volumes }, new FolderStore(join(dir, "s")), alone());
    assert.equal(imported.blobs, planned.members.filter(({ digest }) => digest).length);
  }
});

test("volumes as large as what is read of them at a time", async (t) => {
  const planned = await planOf(tempDir(t), { layers: [MiB - 512, 900_000, 200_000] });
  for (const size of [MiB - 512, MiB, MiB + 512]) {
    const at = join(tempDir(t), "big.tar");
    const { volumes: written } = await writeArchive(planned, { at, below: size + 1 }, alone());
    assert.equal(written![0]!.size, size);
    const volumes = (await openVolumes(
      written!.map(({ file }) => file),
      alone(),
    ))!;
    await assertProven({ volumes }, `${size}`);
  }
});

test("a pipe that gives its bytes in pieces of any length", async (t) => {
  const planned = await endingAt(tempDir(t), { size: IO_CHUNK, by: 0, least: 4096 - 512 });
  const bytes = await streamed(planned);
  for (const length of [
    511,
    512,
    513,
    4095,
    4096,
    4097,
    IO_CHUNK - 1,
    IO_CHUNK,
    IO_CHUNK + 1,
    2 * IO_CHUNK,
  ]) {
    await assertProven({ bytes: pieces(bytes, length), at: "a pipe" }, `pieces of ${length}`);
    const store = new FolderStore(join(tempDir(t), "store"));
    await importArchive({ bytes: pieces(bytes, length), at: "a pipe" }, store, alone());
  }
});

test("an archive in a file whose headers lie across what is read of it at a time", async (t) => {
  const layers = around(4096 - 1024).concat(around(8192));
  const dir = tempDir(t);
  await goRound(dir, await planOf(join(dir, "layout"), { layers }), "headers");
});

test("a compressed archive, however long it is compressed and uncompressed", async (t) => {
  for (const by of [-512, 0, 512]) {
    const planned = await endingAt(tempDir(t), { size: IO_CHUNK, by: by - 1024, least: 1000 });
    const whole = await streamed(planned);
    for (const [name, packed] of [
      ["gzip", gzipSync(whole)],
      ["zstd", zstdCompressSync(whole)],
    ] as const) {
      const path = join(tempDir(t), name);
      writeFileSync(path, packed);
      const store = new FolderStore(join(tempDir(t), "store"));
      assert.equal((await importArchive({ path }, store, alone())).images.length, 1);
      const report = await verifyArchive({ path }, { canonical: false, layers: true }, alone());
      assert.ok(isVerified(report), `${name} ${by}: ${JSON.stringify(report.findings)}`);
    }
  }
});

test("the command itself, as each form of it, to a file and to a pipe", async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, "out"));
  for (const by of [0, 1]) {
    const planned = await endingAt(dir, { size: IO_CHUNK, by, least: 1 });
    const expected = await streamed(planned);
    for (const jobs of ["1", "2"]) {
      const path = join(dir, "out", `${by} ${jobs}.tar`);
      const words = ["export", `oci:${planned.folder}:${NAME}`, "--jobs", jobs, "-o"];
      for (const form of ["binary", undefined] as const) {
        const options = form === undefined ? {} : { form };
        const file = await ingot([...words, path], options);
        assert.equal(file.code, 0, file.stderr);
        assert.ok(readFileSync(path).equals(expected));
        const pipe = await ingot([...words, "-"], options);
        assert.equal(pipe.code, 0, pipe.stderr);
        assert.ok(pipe.stdout.equals(expected));
        const back = await ingot(["verify", "-", "--canonical"], { ...options, input: expected });
        assert.equal(back.code, 0, back.stderr);
      }
    }
  }
});
