/** One file becomes a gzip member: by our compressor, and by others. */
import type { Case } from "./case.ts";

/** In the environment: $FILE, $BUN and $ENCODE (encode.ts). */
const encode = (how: string) => `exec "$BUN" "$ENCODE" ${how} "$FILE" >"$OUT"`;

export const ENCODER_CASES: readonly Case[] = [
  { id: "ours-0", title: "**ingot-deflate/1**, one thread", script: encode("0"), needs: [] },
  { id: "ours-2", title: "**ingot-deflate/1**, two workers", script: encode("2"), needs: [] },
  {
    id: "pigz",
    title: "pigz -p2 -6",
    script: 'exec pigz -p2 -6 -n -c "$FILE" >"$OUT"',
    needs: ["pigz"],
  },
  { id: "gzip", title: "gzip -6", script: 'exec gzip -6 -n -c "$FILE" >"$OUT"', needs: ["gzip"] },
  { id: "fflate", title: "fflate, level 6", script: encode("fflate"), needs: [] },
];
