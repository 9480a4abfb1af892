#!/bin/sh
# From a gadget's source folder, and from a Dockerfile, to proven archives, on the examples in examples/gadget/hello and
# examples/container: no compiler and no daemon is needed.
# Runs the source with the pinned Bun.
set -eu
cd "$(dirname "$0")/.."
sh scripts/setup.sh

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT INT TERM
export INGOT_STORE="$dir/store"
unset SOURCE_DATE_EPOCH || true

ingot="node_modules/.bin/bun src/main.ts"
show() { sed "s#$dir#DIR#g"; }
# run ARG...: shows the command, does it, shows what it says; fails when it fails.
run() {
  printf '\n$ ingot %s\n' "$*" | show
  status=0
  $ingot "$@" >"$dir/said" 2>&1 || status=$?
  show <"$dir/said"
  return "$status"
}

gadget=examples/gadget/hello
run build "$gadget" -t hello:v1 -t hello:latest
run list
run export hello:v1 hello:latest -o "$dir/first.tar"
run verify --canonical "$dir/first.tar"

printf '\nElsewhere: built again in another folder, under other names of folder and store, exported in the other order.\n'
mkdir -p "$dir/a/b c"
cp -R "$gadget" "$dir/a/b c/copy"
export INGOT_STORE="$dir/other"
(umask 077 && export TZ=Pacific/Kiritimati && run build "$dir/a/b c/copy" -t hello:latest -t hello:v1)
run export hello:latest hello:v1 -o "$dir/second.tar"
cmp "$dir/first.tar" "$dir/second.tar"
printf 'The two archives are the same, byte for byte.\n'

printf '\nOn the far side: imported, every byte checked.\n'
export INGOT_STORE="$dir/far"
run import "$dir/second.tar"
run inspect hello:v1

printf '\nOne byte changed on the way: proven wrong.\n'
printf '\001' | dd of="$dir/second.tar" bs=1 seek=520 conv=notrunc 2>/dev/null
status=0
run verify "$dir/second.tar" || status=$?
if [ "$status" -ne 1 ]; then
  echo "demo: verify ended with $status, and should have said no with 1" >&2
  exit 1
fi
printf 'verify said no, as it should.\n'

printf '\nA container, from a Dockerfile, for two platforms at once; again elsewhere, without what was made before.\n'
container=examples/container
run build "$container" -t notes:v1 --platform linux/amd64,linux/arm64
run export notes:v1 -o "$dir/notes.tar"
cp -R "$container" "$dir/a/b c/container"
touch "$dir/a/b c/container/site/index.html"
(umask 002 && run build "$dir/a/b c/container" -t notes:v1 --platform linux/arm64,linux/amd64 -o "$dir/again.tar")
cmp "$dir/notes.tar" "$dir/again.tar"
run verify --canonical "$dir/again.tar"
printf 'The two archives are the same, byte for byte.\n\ndemo: ok\n'
