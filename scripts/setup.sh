#!/bin/sh
# Afterwards node_modules is what package-lock.json says, and its Bun and Deno run.
# Needs npm. Safe to call again: does nothing when nothing has changed.
set -eu
cd "$(dirname "$0")/.."

stamp=node_modules/.package-lock.installed

if ! cmp -s package-lock.json "$stamp"; then
  npm ci --include=dev --include=optional --no-audit --no-fund >&2
fi

# Both packages put their program in place with an install script, which npm may have been told
# not to run (ignore-scripts). The scripts are plain Node programs: run them here, once.
works() { "node_modules/.bin/$1" --version >/dev/null 2>&1 </dev/null; }
works bun || (cd node_modules/bun && node install.js) >&2
[ -x node_modules/deno/deno ] || (cd node_modules/deno && node install.cjs) >&2
for program in bun deno; do
  works "$program" || {
    echo "setup: node_modules/.bin/$program does not run on this machine" >&2
    exit 1
  }
done

cmp -s package-lock.json "$stamp" || cp package-lock.json "$stamp"
