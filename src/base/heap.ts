/** Garbage is collected in time. Left alone, JavaScriptCore lets a heap double before it looks, and takes it that there is much memory. */

/** After so many bytes that were read and taken apart: what comes of them is several times as much. */
const OFTEN = 4 * 1024 * 1024;

/** What the runtime has for this where it was started with `--expose-gc`, as the compiled program is (scripts/build.sh). */
const { gc } = globalThis as { readonly gc?: () => void };

let taken = 0;

/** So many more bytes were taken apart into values of which most are not needed for long. */
export function countParsed(bytes: number): void {
  taken += bytes;
  if (taken < OFTEN) return;
  taken = 0;
  gc?.();
}
