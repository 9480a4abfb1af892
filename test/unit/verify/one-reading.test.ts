/** Archives that two clients read in two ways: each of these is refused, whoever asks, and the same archive without the change is not. */
import assert from "node:assert/strict";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { FolderStore } from "../../../src/store/folder-store.ts";
import { verifyArchive } from "../../../src/verify/verify.ts";
import { alone } from "../../support/images/archive.ts";
import {
  archiveOf,
  extended,
  nameOf,
  type Piece,
  put,
  record,
  rehash,
  seedsOf,
} from "../../support/images/mutants.ts";
import { Asker, WAYS } from "../../support/images/reading.ts";
import { tempDir } from "../../support/process/temp.ts";

type Change = (pieces: Piece[]) => void;

const seeds = seedsOf([]);

const pieces = (name = "container"): Piece[] =>
  seeds
    .find((one) => one.name === name)!
    .pieces.map(({ header, body }) => ({
      header: Buffer.from(header),
      body: Buffer.from(body),
    }));

const called = (all: Piece[], name: string) => all.find((piece) => nameOf(piece) === name)!;
const manifest = (all: Piece[]) =>
  all.find(({ body }) => body.includes('"layers":[') && body.includes('"config":{"mediaType"'))!;
const config = (all: Piece[]) => all.find(({ body }) => body.includes('"rootfs":'))!;

/** Replaces in one of the JSON files; what has its digest has the new one afterwards. */
const replaced =
  (find: (all: Piece[]) => Piece, from: string | RegExp, to: string): Change =>
  (all) => {
    const piece = find(all);
    const before = piece.body;
    piece.body = Buffer.from(before.toString().replace(from, to));
    assert.ok(!piece.body.equals(before), `nothing to change in ${nameOf(piece)}`);
    rehash(all, piece, before);
  };

const index = (all: Piece[]) => called(all, "index.json");
const docker = (all: Piece[]) => called(all, "manifest.json");
const oci = (all: Piece[]) => called(all, "oci-layout");

/** Before the manifest: its place in the archive says nothing. */
const before =
  (...more: readonly Piece[]): Change =>
  (all) =>
    void all.splice(all.indexOf(manifest(all)), 0, ...more);
const field =
  (bytes: string | Uint8Array, at: number): Change =>
  (all) =>
    put(manifest(all), bytes, at);

const uid = () => extended("x", record("uid", "1"));
const long = (name: string) => extended("L", `${name}\0`);
const global = () => extended("g", record("comment", "x"));
const path = (name: string) => record("path", name);

const REFUSED: Readonly<Record<string, Change>> = {
  "index.json: a key that folds to a known one": replaced(index, '"manifests"', '"Manifests"'),
  "index.json: the same, by the long s": replaced(index, '"manifests"', '"manife\u017ft\u017f"'),
  "index.json: two keys that fold alike": replaced(index, /^\{/, '{"Manifests":[],'),
  "index.json: an unknown key twice, folded": replaced(index, /^\{/, '{"other":1,"Other":2,'),
  "index.json: a size of 92e0": replaced(index, /"size":(\d+)/, '"size":$1e0'),
  "index.json: a size with a point": replaced(index, /"size":(\d+)/, '"size":$1.0'),
  "index.json: schemaVersion 2.0": replaced(index, '"schemaVersion":2', '"schemaVersion":2.0'),
  "index.json: manifest and index at once": replaced(index, /^\{/, '{"layers":[],'),
  "manifest: a key that folds to a known one": replaced(manifest, '"layers"', '"Layers"'),
  "manifest: two keys that fold alike": replaced(manifest, /^\{/, '{"LAYERS":[],'),
  "manifest: the same, by the long s": replaced(manifest, '"layers"', '"layer\u017f"'),
  "config: the Kelvin sign": replaced(config, /^\{/, '{"\u212aind":1,"kind":1,'),
  "manifest: schemaVersion 2.0": replaced(manifest, '"schemaVersion":2', '"schemaVersion":2.0'),
  "manifest: manifest and index at once": replaced(manifest, /^\{/, '{"manifests":[],'),
  "manifest: fsLayers": replaced(manifest, /^\{/, '{"fsLayers":[],'),
  "config: a key that folds to a known one": replaced(config, '"diff_ids"', '"Diff_IDs"'),
  "config: two keys that fold alike": replaced(config, /^\{/, '{"RootFS":{"type":"layers"},'),
  "config: a key of the running container, folded": replaced(config, '"Cmd"', '"cmd"'),
  "manifest.json: a key that folds to a known one": replaced(docker, '"RepoTags"', '"repotags"'),
  "manifest.json: two keys that fold alike": replaced(
    docker,
    '{"Config"',
    '{"config":"x","Config"',
  ),
  "manifest.json: a name that is that of no image": replaced(docker, "app:v1", "app:v2"),
  "oci-layout: two keys that fold alike": replaced(oci, /^\{/, '{"imagelayoutversion":"2.0.0",'),
  "two names that differ": replaced(
    index,
    '"annotations":{',
    '"annotations":{"io.containerd.image.name":"docker.io/library/app:v9",',
  ),
  "two extended headers of one kind": before(uid(), uid()),
  "two headers with a long name": before(long("a"), long("b")),
  "a global header between an extended header and its member": before(uid(), global()),
  "a global header with a name": before(extended("g", path("index.json"))),
  "type X": before({ ...uid(), header: extended("X", record("uid", "1")).header }),
  "type 7": field("7", 156),
  "a prefix and no magic": (all) => {
    put(manifest(all), "\0\0\0\0\0\0\0\0", 257);
    put(manifest(all), "x", 345);
  },
  "a prefix and GNU's magic": (all) => {
    put(manifest(all), "ustar  \0", 257);
    put(manifest(all), "x", 345);
  },
  "tar in the last four bytes": field("tar\0", 508),
  "a mode that is no number": field("0000x44\0", 100),
  "a uid that is no number": field("8\0\0\0\0\0\0\0", 108),
  "a time that is no number": field("-1\0\0\0\0\0\0\0\0\0\0", 136),
  "a device that is no number": field("x\0\0\0\0\0\0\0", 329),
  "a member twice, and they differ": (all) => {
    const piece = index(all);
    const text = piece.body.toString().replace("app:v1", "app:v9");
    all.push({ header: Buffer.from(piece.header), body: Buffer.from(text) });
  },
};

const twin: Change = (all) => {
  const piece = index(all);
  all.push({ header: Buffer.from(piece.header), body: Buffer.from(piece.body) });
};

/** Changes of the same places that leave one reading: what is refused above is refused for what it says. */
const TAKEN: Readonly<Record<string, Change>> = {
  "the archive as it is": () => {},
  "a member twice, and they are the same": twin,
  "another key in index.json": replaced(index, /^\{/, '{"other":2.0,'),
  "another key in a manifest": replaced(manifest, /^\{/, '{"other":2.0,'),
  "another key in a config": replaced(config, /^\{/, '{"other":92e0,'),
  "another key in manifest.json": replaced(docker, '{"Config"', '{"other":1,"Config"'),
  "another key in oci-layout": replaced(oci, /^\{/, '{"other":1,'),
  "an extended header": before(uid()),
  "an extended header after a global one": before(global(), uid()),
  "the type of old headers": field("\0", 156),
  "GNU's magic": field("ustar  \0", 257),
};

describe("one reading", () => {
  for (const [name, change] of Object.entries({ ...TAKEN, ...REFUSED }))
    test(`${name in REFUSED ? "refuses" : "takes"} ${name}`, async (t) => {
      const dir = tempDir(t);
      mkdirSync(join(dir, "files"));
      const asker = new Asker(join(dir, "files"), new FolderStore(join(dir, "store")));
      const all = pieces();
      change(all);
      for (const way of WAYS) {
        if (way.includes("canonical")) continue;
        const { images, said } = await asker.ask(archiveOf(all), way, {
          bases: [],
          isCompressed: false,
        });
        assert.equal(images === undefined, name in REFUSED, `${way}: ${said}`);
      }
    });

  test("says that members of one name are the same", async () => {
    const all = pieces();
    twin(all);
    const bytes = async function* () {
      yield archiveOf(all);
    };
    const { findings } = await verifyArchive(
      { bytes: bytes(), at: "-" },
      { canonical: false },
      alone(),
    );
    assert.deepEqual(
      findings.filter(({ code }) => code === "duplicate-member").map(({ level }) => level),
      ["note"],
    );
  });
});

test("an entry with an image's name is that image, whatever its annotations say of a subject", async (t) => {
  const dir = tempDir(t);
  mkdirSync(join(dir, "files"));
  const asker = new Asker(join(dir, "files"), new FolderStore(join(dir, "store")));
  const subject = `"io.containerd.manifest.subject":"sha256:${"ab".repeat(32)}"`;
  const all = pieces();
  replaced(index, '"annotations":{', `"annotations":{${subject},`)(all);
  for (const way of WAYS) {
    if (way.includes("canonical")) continue;
    const { images, said } = await asker.ask(archiveOf(all), way, {
      bases: [],
      isCompressed: false,
    });
    assert.deepEqual(
      images?.map(({ name }) => name),
      ["docker.io/library/app:v1"],
      said,
    );
  }
});
