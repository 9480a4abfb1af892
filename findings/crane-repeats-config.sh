#!/bin/sh
# crane pull of two tags of one image into one archive writes the member of the config twice.
#
# Seen with crane 0.22.1 (github.com/google/go-containerregistry): `crane pull R:a R:b both.tar`, where both tags name one
# image, writes its layers once and its config once for each tag, with the same bytes. A reader that takes two members of one
# name for damage refuses an archive that is whole; docker load takes it.
#
# Needs go and the Go module proxy. Fails when crane does otherwise.
set -eu
version=v0.22.1
dir=$(mktemp -d)
registry=
trap '[ -z "$registry" ] || kill "$registry"; rm -rf "$dir"' EXIT
cd "$dir"
GOBIN=$dir/bin go install "github.com/google/go-containerregistry/cmd/crane@$version"
PATH=$dir/bin:$PATH

crane registry serve --address 127.0.0.1:5999 >registry.log 2>&1 &
registry=$!
sleep 2
echo hello >file
tar -cf layer.tar file
crane append -f layer.tar -t 127.0.0.1:5999/app:a >append.log 2>&1
crane tag 127.0.0.1:5999/app:a b >tag.log 2>&1
crane pull 127.0.0.1:5999/app:a 127.0.0.1:5999/app:b both.tar

echo "crane $version wrote these members twice:"
tar -tf both.tar | sort | uniq -d | tee twice
grep -q '^sha256:[0-9a-f]*$' twice || {
  echo "crane no longer repeats the config" >&2
  exit 1
}
