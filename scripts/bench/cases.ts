/** An image is exported, verified and imported: ours, and beside it programs that do a part of the same or the same. */
import { type Case, GNU } from "./case.ts";

/** In the environment: $INGOT, $LAYOUT (with $REF in it), $ARCHIVE (made of it by export). */
const blobs = 'cd "$LAYOUT/blobs/sha256"';
/** A pipeline's exit code is its last command's: the first one's failure has to be told otherwise. */
const piped = (from: string) => `{ ${from} || : >"$OUT"; } | cat >/dev/null; test ! -e "$OUT"`;
const unpack = 'mkdir "$OUT" && tar -xf "$ARCHIVE" -C "$OUT"';

export const CASES: readonly Case[] = [
  {
    id: "cat",
    title: "cat of the blobs > file",
    script: `${blobs} && exec cat * >"$OUT"`,
    needs: ["cat"],
  },
  {
    id: "cat-sync",
    title: "cat of the blobs > file, sync",
    script: `${blobs} && cat * >"$OUT" && exec sync "$OUT"`,
    needs: ["cat", "sync"],
  },
  {
    id: "openssl",
    title: "openssl dgst -sha256 of the blobs",
    script: `${blobs} && exec openssl dgst -sha256 *`,
    needs: ["openssl"],
  },
  {
    id: "export",
    title: "**ingot export -o FILE**",
    script: 'exec "$INGOT" export "oci:$LAYOUT" -o "$OUT"',
    needs: [],
  },
  {
    id: "tar",
    title: "GNU tar, normalised headers",
    script: `exec tar ${GNU} -cf "$OUT" -C "$LAYOUT" .`,
    needs: ["tar"],
  },
  {
    id: "export-pipe",
    title: "**ingot export -o -** \\| cat",
    script: piped('"$INGOT" export "oci:$LAYOUT" -o -'),
    needs: ["cat"],
  },
  {
    id: "cat-pipe",
    title: "cat of the blobs \\| cat",
    script: `${blobs} && ${piped("cat *")}`,
    needs: ["cat"],
  },
  {
    id: "verify",
    title: "**ingot verify FILE**",
    script: 'exec "$INGOT" verify "$ARCHIVE"',
    needs: [],
  },
  {
    id: "verify-stdin",
    title: "**ingot verify -** < file",
    script: 'exec "$INGOT" verify - <"$ARCHIVE"',
    needs: [],
  },
  {
    id: "verify-pipe",
    title: "cat file \\| **ingot verify -**",
    script: 'cat "$ARCHIVE" | "$INGOT" verify -',
    needs: ["cat"],
  },
  {
    id: "import",
    title: "**ingot import FILE**, empty store",
    script: 'exec "$INGOT" import "$ARCHIVE" --store "$OUT"',
    needs: [],
  },
  {
    id: "import-stdin",
    title: "**ingot import -** < file, empty store",
    script: 'exec "$INGOT" import - --store "$OUT" <"$ARCHIVE"',
    needs: [],
  },
  { id: "untar", title: "GNU tar -x", script: unpack, needs: ["tar"] },
  {
    id: "untar-sync",
    title: "GNU tar -x, sync of each blob",
    script: `${unpack} && exec sync "$OUT"/blobs/sha256/*`,
    needs: ["tar", "sync"],
  },
  {
    id: "skopeo",
    title: "skopeo copy oci: oci-archive:",
    script:
      'exec skopeo --tmpdir "$TMPDIR" --insecure-policy copy --quiet "oci:$LAYOUT:$REF" "oci-archive:$OUT:$REF"',
    needs: ["skopeo"],
  },
];

export const VERSION: Case = {
  id: "version",
  title: "**ingot --version**",
  script: 'exec "$INGOT" --version',
  needs: [],
};
