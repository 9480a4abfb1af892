/** The layer with kernels' types, `application/vnd.gadget.btfgen.v1+binary`: a tar compressed with gzip (docs/gadget-objects.md). */
import { concat } from "../../base/bytes.ts";
import { gzip } from "../../base/compression/gzip.ts";
import { IngotError } from "../../base/error.ts";
import { sortedBy } from "../../base/order.ts";
import { END, padding } from "../../tar/header.ts";
import { entryHeader } from "../../tar/layer/encode.ts";

/** A file of the layer: `ID/VERSION/MACHINE/RELEASE.btf`, and its bytes. */
export interface KernelBtf {
  readonly name: string;
  readonly bytes: Uint8Array;
}

/** Bytes of all files together: the layer is made in memory. */
const LIMIT = 512 << 20;

/**
 * The layer that holds `members`: a function of their names and bytes alone. No folders, no `./`: its reader looks for a name as it is.
 * @throws too-large; unsupported for a name that has no room in a header of ustar
 */
export async function btfLayer(members: readonly KernelBtf[]): Promise<Uint8Array> {
  const size = members.reduce((sum, { bytes }) => sum + bytes.length, 0);
  if (size > LIMIT) {
    const what = "the BTF files for one architecture";
    throw new IngotError("too-large", { what, at: members[0]!.name, actual: size, limit: LIMIT });
  }
  const pieces: Uint8Array[] = [];
  for await (const piece of gzip(tarOf(sortedBy(members, ({ name }) => name)))) pieces.push(piece);
  return concat(pieces);
}

async function* tarOf(members: readonly KernelBtf[]): AsyncGenerator<Uint8Array> {
  for (const { name, bytes } of members) {
    const header = entryHeader({
      ...{ type: "file", path: name, mode: 0o644, uid: 0, gid: 0, mtime: 0 },
      size: bytes.length,
    });
    if (header.length > 512) {
      throw new IngotError("unsupported", {
        what: "the BTF file",
        at: name,
        found: `a name of ${name.length} characters`,
        expected:
          "one that a header of ustar has room for: at most 100 behind a slash, 155 before it",
      });
    }
    yield header;
    yield bytes;
    yield new Uint8Array(padding(bytes.length));
  }
  yield END;
}
