#!/bin/sh
# sh scripts/test-file.sh DIR JOB    what test.sh runs side by side: one test file under one runtime
#
# DIR/JOB.runtime says under which, DIR/JOB.file which. Afterwards there are JOB.log, all that was said, JOB.failed,
# a line for each failure, JOB.says, the sums in words, and last of all JOB.sums, `PASSED FAILED`.
# Prints the job, and ends well, whatever came of it.
set -u
dir=$1
job=$2
runtime=$(cat "$dir/$job.runtime")
file=$(cat "$dir/$job.file")
log=$dir/$job.log

# number EXPRESSION: what it finds in the last line that has it, or nothing.
number() { sed -n "s/$1/\\1/p" "$log" | tail -n 1; }

# limited COMMAND...: runs it, no longer than LIMIT seconds where there is what ends it then.
limited() {
  if timeout --foreground 9 true 2>/dev/null; then
    timeout --foreground -k 9 "${LIMIT:-2400}" "$@"
  else
    "$@"
  fi
}

began=$(date +%s)
status=0
case $runtime in
  bun)
    limited node_modules/.bin/bun test --timeout 600000 "$file" >"$log" 2>&1 </dev/null || status=$?
    ok=$(number '^ *\([0-9][0-9]*\) pass$')
    bad=$(number '^ *\([0-9][0-9]*\) fail$')
    skipped=$(number '^ *\([0-9][0-9]*\) skip$')
    failures='^(fail) '
    ;;
  deno)
    limited node_modules/.bin/deno test --no-check -A "$file" >"$log" 2>&1 </dev/null || status=$?
    ok=$(number '^[okFAILED]* | \([0-9][0-9]*\) passed.*')
    bad=$(number '^[okFAILED]* | .* | \([0-9][0-9]*\) failed.*')
    skipped=$(number '^[okFAILED]* | .* | \([0-9][0-9]*\) ignored.*')
    failures=' \.\.\. FAILED'
    ;;
esac
seconds=$(($(date +%s) - began))

ok=${ok:-0}
skipped=${skipped:-0}
grep -e "$failures" "$log" >"$dir/$job.failed"
# A crash, a file that does not load or holds no test, and an end in the middle count no failure.
if [ "${bad:-0}" -eq 0 ] &&
  { [ "$status" -ne 0 ] || [ -z "$bad" ] || [ $((ok + skipped)) -eq 0 ]; }; then
  bad=1
  echo "ended with status $status after $ok passed tests" | tee -a "$dir/$job.failed" >>"$log"
fi
# What fails outside of a test has no name.
[ "$bad" -eq 0 ] || [ -s "$dir/$job.failed" ] || echo "outside of its tests" >"$dir/$job.failed"
echo "$runtime $file: $ok passed, $bad failed, $skipped skipped, $seconds s" >"$dir/$job.says"
echo "$ok $bad" >"$dir/$job.sums"
echo "$job"
