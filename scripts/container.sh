#!/bin/sh
# sh scripts/container.sh [FILE]    leaves ingot's own container image in FILE, default dist/ingot-container.tar
#
# ingot builds it, with the executable that goes into it. `docker load`, `podman load` and `ctr image import` take the file:
#
#   docker load -i dist/ingot-container.tar
#   docker run --rm --network none -v "$PWD:/work" ingot:0.1.0 verify app.tar
#
# The executable wants the C library of the machine it was made on, so that goes in as well: the same commit and the same C
# library give the same bytes.
set -eu
cd "$(dirname "$0")/.."
file=${1:-dist/ingot-container.tar}

[ -x dist/ingot ] || sh scripts/build.sh
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' package.json)
case $(uname -m) in
  x86_64) arch=amd64 ;;
  aarch64) arch=arm64 ;;
  *) echo "container: $(uname -m) is no machine that there is an ingot for" >&2; exit 2 ;;
esac

context=$(mktemp -d)
trap 'rm -rf "$context"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
cp dist/ingot "$context/ingot"
# What ldd names, each where the executable looks for it.
for library in $(ldd dist/ingot | awk '{ for (i = 1; i <= NF; i++) if ($i ~ /^\//) print $i }'); do
  mkdir -p "$context/lib$(dirname "$library")"
  cp -L "$library" "$context/lib$library"
done
chmod -R u=rwX,go=rX "$context"

dist/ingot build "$context" -f scripts/container/Dockerfile -t "ingot:$version" -o "$file" \
  --platform "linux/$arch" \
  --label org.opencontainers.image.title=ingot \
  --label "org.opencontainers.image.version=$version" \
  --label org.opencontainers.image.licenses=Apache-2.0
echo "$file"
