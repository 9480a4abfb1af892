#!/bin/sh
# sh scripts/test.sh             types, lint, the compiled program, and every test under Bun and under Deno
# sh scripts/test.sh PATH...     these test files only, and those in these directories: `unit`, `e2e/cli` and such
#                                are directories of test/ where the current directory has no such path
#
# Each file runs in a process of its own, as many at a time as there are processors, four at most, or
# JOBS of the environment: JOBS=1 runs one after the other. Each gets one line when it has ended; of a file that
# failed, all its output follows. At the end the failures are listed, with the command that runs their files again.
# A file that takes longer than LIMIT seconds (2400) has failed.
#
# The last line is the sum over all of them, `N passed, N failed`. Exits 0 only when something
# passed and nothing failed. With CI=true a test that lacks a program fails; otherwise it is skipped.
set -u
cd "$(dirname "$0")/.." || exit 1

# They take longest, so they begin first. Only the time depends on this list.
first="container-variation crash export-resume export-resume-registry resume-import registry-faults large-file"

# They cannot stand others beside them, so they run at the end, one after the other.
alone=""

passed=0
failed=0
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# check NAME COMMAND...: runs it in the open; it counts as one test.
check() {
  echo "== $1"
  name=$1
  shift
  if "$@" </dev/null 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "$name" >>"$logs/failed"
  fi
}

# wrong WHAT: something is not as it should be, and counts as a failure.
wrong() {
  echo "test: $1"
  echo "$1" >>"$logs/failed"
  failed=$((failed + 1))
}

finish() {
  if [ -s "$logs/failed" ]; then
    echo "== failed"
    cat "$logs/failed"
    if [ -s "$logs/again" ]; then
      echo "== run these again"
      echo "sh scripts/test.sh $(LC_ALL=C sort -u "$logs/again" | tr '\n' ' ' | sed 's/ $//')"
    fi
  fi
  echo "$passed passed, $failed failed"
  [ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
  exit
}

# among NAME LIST: whether the test of this file's name is in the list.
among() {
  case " $2 " in *" $(basename "$1" .test.ts) "*) true ;; *) false ;; esac
}

# plan LIST FILE: the file is to run under both, as a part of that list.
count=0
plan() {
  for runtime in deno bun; do
    count=$((count + 1))
    printf '%s\n' "$runtime" >"$logs/$count.runtime"
    # Bun takes a name without ./ for a pattern.
    case $2 in
      /* | ./*) printf '%s\n' "$2" ;;
      *) printf '%s\n' "./$2" ;;
    esac >"$logs/$count.file"
    echo "$count" >>"$logs/$1"
  done
}

# together N LIST: runs what is planned there, N at a time, and shows each when it is over.
together() {
  [ -s "$logs/$2" ] || return 0
  xargs -n 1 -P "$1" sh scripts/test-file.sh "$logs" <"$logs/$2" | while read -r job; do
    echo x >>"$logs/ended"
    echo "== [$(($(wc -l <"$logs/ended")))/$count] $(cat "$logs/$job.says")"
    [ ! -s "$logs/$job.failed" ] || cat "$logs/$job.log"
  done
}

if ! sh scripts/setup.sh; then
  wrong "setup failed"
  finish
fi

if [ $# -eq 0 ]; then
  check types node_modules/.bin/tsc --project .
  check lint node_modules/.bin/biome check --colors=off --error-on-warnings .
  # Once, before several ask for it at a time.
  check build sh scripts/build.sh
  set -- test
fi

# Directories become the test files in them.
given=$#
while [ "$given" -gt 0 ]; do
  path=$1
  shift
  given=$((given - 1))
  [ -e "$path" ] || [ ! -d "test/$path" ] || path=test/$path
  if [ -d "$path" ]; then
    for file in $(find "$path" -name '*.test.ts' | LC_ALL=C sort); do
      set -- "$@" "$file"
    done
  elif [ -f "$path" ]; then
    set -- "$@" "$path"
  else
    wrong "no such file or directory: $path"
    finish
  fi
done
if [ $# -eq 0 ]; then
  wrong "no file is called *.test.ts there"
  finish
fi

most=$(nproc 2>/dev/null || echo 2)
[ "$most" -le 4 ] || most=4
most=${JOBS:-$most}
case $most in
  0* | *[!0-9]*)
    wrong "JOBS: $most, should be a number from 1"
    finish
    ;;
esac

for name in $first; do
  for file in "$@"; do
    if among "$file" "$name"; then plan beside "$file"; fi
  done
done
for file in "$@"; do
  if among "$file" "$alone"; then
    plan alone "$file"
  elif ! among "$file" "$first"; then
    plan beside "$file"
  fi
done

export NO_COLOR=1 DENO_NO_UPDATE_CHECK=1
together "$most" beside
together 1 alone

job=0
while [ "$job" -lt "$count" ]; do
  job=$((job + 1))
  one="$(cat "$logs/$job.runtime") $(cat "$logs/$job.file")"
  if [ -s "$logs/$job.sums" ]; then
    read -r ok bad <"$logs/$job.sums"
    passed=$((passed + ok))
    failed=$((failed + bad))
    while read -r line; do
      printf '%s: %s\n' "$one" "$line"
    done <"$logs/$job.failed" >>"$logs/failed"
    [ "$bad" -eq 0 ] || cat "$logs/$job.file" >>"$logs/again"
  else
    # Whoever ran it was killed, too.
    [ ! -f "$logs/$job.log" ] || cat "$logs/$job.log"
    wrong "$one: did not come to an end"
    cat "$logs/$job.file" >>"$logs/again"
  fi
done
finish
