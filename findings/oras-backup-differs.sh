#!/bin/sh
# oras backup of one image gives another archive each time.
#
# Seen with oras 1.3.6: two runs of `oras backup --output FILE R:v1` on one unchanged image write archives whose members have
# the time of the run, so that their bytes and digests differ though every blob is the same.
#
# Needs go and the Go module proxy. Fails when two backups are equal.
set -eu
dir=$(mktemp -d)
registry=
trap '[ -z "$registry" ] || kill "$registry"; rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir/bin go install oras.land/oras/cmd/oras@v1.3.6
GOBIN=$dir/bin go install github.com/google/go-containerregistry/cmd/crane@v0.22.1
PATH=$dir/bin:$PATH

crane registry serve --address 127.0.0.1:5998 >registry.log 2>&1 &
registry=$!
sleep 2
echo hello >file
oras push --plain-http 127.0.0.1:5998/app:v1 file:text/plain >push.log
oras backup --plain-http --output one.tar 127.0.0.1:5998/app:v1 >backup.log
sleep 2
oras backup --plain-http --output two.tar 127.0.0.1:5998/app:v1 >backup.log

mkdir one two
tar -xf one.tar -C one
tar -xf two.tar -C two
diff -r one/blobs two/blobs && echo "the blobs of both are the same"
if cmp -s one.tar two.tar; then
  echo "two backups of one image are equal now" >&2
  exit 1
fi
echo "the archives differ:"
sha256sum one.tar two.tar
