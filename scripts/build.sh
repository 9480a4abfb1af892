#!/bin/sh
# sh scripts/build.sh             leaves dist/ingot, for this machine
# sh scripts/build.sh TARGET...   leaves dist/ingot-TARGET of each: linux-arm64, linux-x64-musl, and what else stands below
# sh scripts/build.sh --all       leaves those of all targets, and dist/SHA256SUMS
#
# The bytes depend on the commit alone, not on the folder, user or machine that compiles it: white
# space is taken out because the bundle would otherwise name its files by their paths, and each
# program is compiled under the one name `ingot` because that name becomes part of it.
# --expose-gc is for src/base/heap.ts. Bytecode halves the time to the first answer. A .env or bunfig.toml where ingot is run has no say.
set -eu
cd "$(dirname "$0")/.."

targets="linux-x64 linux-x64-baseline linux-arm64 linux-x64-musl linux-arm64-musl
  darwin-x64 darwin-arm64 windows-x64"

usage() {
  echo "build: usage: sh scripts/build.sh [--all | TARGET...], where TARGET is one of" $targets >&2
  exit 2
}
all=
if [ "${1-}" = --all ]; then
  [ $# -eq 1 ] || usage
  all=yes
  set -- $targets
fi
for target in "$@"; do
  case " $(echo $targets) " in *" $target "*) ;; *) usage ;; esac
done

sh scripts/setup.sh
mkdir -p dist
work=$(mktemp -d dist/.build.XXXXXX)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bun=node_modules/.bin/bun

# compile NAME [TARGET]: afterwards dist/NAME is the whole program, or what was there before.
compile() {
  name=$1
  target=${2-}
  rm -rf "${work:?}"/*
  set --
  if [ -n "$target" ]; then
    mkdir "$work/runtime"
    runtime=$("$bun" scripts/runtime.ts "$target" "$work/runtime")
    set -- "--target=bun-$target" "--compile-executable-path=$runtime"
  fi
  "$bun" build ./src/main.ts --compile --outfile "$work/ingot" \
    --format=esm --bytecode --minify-whitespace --sourcemap=none \
    --no-compile-autoload-dotenv --no-compile-autoload-bunfig \
    --compile-exec-argv=--expose-gc "$@" >&2
  [ -f "$work/ingot" ] || mv "$work/ingot.exe" "$work/ingot"
  chmod 755 "$work/ingot"
  mv "$work/ingot" "dist/$name"
  echo "dist/$name"
}

if [ $# -eq 0 ]; then
  compile ingot
  exit
fi

[ -z "$all" ] || rm -f dist/SHA256SUMS dist/ingot-*
for target in "$@"; do
  case $target in
    windows-*) compile "ingot-$target.exe" "$target" ;;
    *) compile "ingot-$target" "$target" ;;
  esac
done
[ -n "$all" ] || exit 0
"$bun" scripts/sums.ts dist >"$work/SHA256SUMS"
chmod 644 "$work/SHA256SUMS"
mv "$work/SHA256SUMS" dist/SHA256SUMS
echo dist/SHA256SUMS
