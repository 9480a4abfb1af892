#!/bin/sh
# sh scripts/test.sh             types, lint, and every test under Bun and under Deno
# sh scripts/test.sh FILE...     these test files only, under Bun and under Deno
#
# The last line is the sum over all of them, `N passed, N failed`. Exits 0 only when something
# passed and nothing failed. With CI=true a test that lacks a program fails; otherwise it is skipped.
set -u
cd "$(dirname "$0")/.." || exit 1

passed=0
failed=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# shown NAME COMMAND...: runs it in the open; afterwards its output is also in $logs/NAME.
shown() {
  name=$1
  shift
  echo "== $name"
  { "$@" 2>&1 </dev/null; echo $? >"$logs/$name.exit"; } | tee "$logs/$name"
  return "$(cat "$logs/$name.exit")"
}

# check NAME COMMAND...: counts as one test.
check() {
  if shown "$@"; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
}

# runner NAME COMMAND...: counts what its last summary says. A runner that ends badly without
# having counted a failure (a crash, a file that does not load), or that ran nothing, is one failure.
runner() {
  status=0
  shown "$@" || status=$?
  case $1 in
    bun)
      ok=$(sed -n 's/^ *\([0-9][0-9]*\) pass$/\1/p' "$logs/bun" | tail -n 1)
      bad=$(sed -n 's/^ *\([0-9][0-9]*\) fail$/\1/p' "$logs/bun" | tail -n 1)
      ;;
    deno)
      line=$(grep -E '^(ok|FAILED) \| [0-9]+ passed' "$logs/deno" | tail -n 1)
      ok=$(echo "$line" | sed -n 's/.* \([0-9][0-9]*\) passed.*/\1/p')
      bad=$(echo "$line" | sed -n 's/.* \([0-9][0-9]*\) failed.*/\1/p')
      ;;
  esac
  ok=${ok:-0}
  bad=${bad:-0}
  if [ "$bad" -eq 0 ] && { [ "$status" -ne 0 ] || [ "$ok" -eq 0 ]; }; then
    echo "test: $1 ended with status $status after $ok passed tests"
    bad=1
  fi
  passed=$((passed + ok))
  failed=$((failed + bad))
}

finish() {
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

if ! sh scripts/setup.sh; then
  failed=1
  finish
fi

if [ $# -eq 0 ]; then
  check types node_modules/.bin/tsc --project .
  check lint node_modules/.bin/biome check --colors=off --error-on-warnings .
  for file in $(find test -name '*.test.ts' | LC_ALL=C sort); do
    set -- "$@" "./$file"
  done
  if [ $# -eq 0 ]; then
    echo "test: there is no file test/**/*.test.ts"
    failed=$((failed + 1))
    finish
  fi
fi

for file in "$@"; do
  if [ ! -f "$file" ]; then
    echo "test: no such file: $file"
    failed=$((failed + 1))
    finish
  fi
done
# Bun takes a name without ./ for a pattern.
count=$#
while [ "$count" -gt 0 ]; do
  case $1 in
    /* | ./*) set -- "$@" "$1" ;;
    *) set -- "$@" "./$1" ;;
  esac
  shift
  count=$((count - 1))
done

export NO_COLOR=1 DENO_NO_UPDATE_CHECK=1
runner bun node_modules/.bin/bun test --timeout 600000 "$@"
runner deno node_modules/.bin/deno test --no-check -A "$@"
finish
