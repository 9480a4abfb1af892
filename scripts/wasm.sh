#!/bin/sh
# sh scripts/wasm.sh            compiles scripts/deflate/assembly/encoder.ts into src/base/compression/deflate-wasm.ts
# sh scripts/wasm.sh --check    says whether that file is what the source gives, and changes nothing
#
# The compiler is the pinned one of package.json. It writes the same bytes on every machine.
set -eu
cd "$(dirname "$0")/.."

asc=${ASC:-node_modules/.bin/asc}
target=src/base/compression/deflate-wasm.ts
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# 44 pages of 64 KiB: what the memory map in the source needs, and not a page more at any time.
"$asc" scripts/deflate/assembly/encoder.ts --outFile "$work/encoder.wasm" \
  -O3 --runtime stub --noAssert --use abort= --initialMemory 44 --maximumMemory 44

{
  cat <<HEADER
/**
 * The compressor \`ingot-deflate/1\` as WebAssembly, in base64.
 * Made by scripts/wasm.sh from scripts/deflate/assembly/encoder.ts with AssemblyScript $("$asc" --version | sed 's/Version //'); do not edit.
 */
export const WASM =
HEADER
  printf '  "'
  base64 <"$work/encoder.wasm" | tr -d '\n'
  printf '";\n'
} >"$work/gzip-wasm.ts"

if [ "${1-}" = --check ]; then
  cmp "$work/gzip-wasm.ts" "$target"
else
  mv "$work/gzip-wasm.ts" "$target"
  chmod 644 "$target"
fi
