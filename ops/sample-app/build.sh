#!/bin/bash
# Packs the sample application into a release archive: equal sources and lock file give equal bytes.
#   build.sh OUTPUT.tar.gz
# Prints version and SHA-256 sum, as chitlaq-deploy takes them.
set -euo pipefail

output=$(realpath -m "${1:?usage: build.sh OUTPUT.tar.gz}")
source=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cp -R "$source/package.json" "$source/package-lock.json" "$source/start" "$source/src" "$source/migrations" "$work/"
npm --prefix "$work" ci --omit=dev --ignore-scripts --no-audit --no-fund --silent >&2
# Nothing at run time reads types, maps, tests or prose of packages.
find "$work/node_modules" -depth \( -type d \( -name test -o -name tests -o -name docs -o -name examples -o -name .github \) \
  -o -type f \( -name '*.d.ts' -o -name '*.d.mts' -o -name '*.d.cts' -o -name '*.map' -o -iname '*.md' -o -name '*.ts' \) \) \
  -exec rm -rf {} +
chmod -R u=rwX,go=rX "$work"
mkdir -p "$(dirname "$output")"
tar --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner --format=ustar -C "$work" -cf - . | gzip -9n >"$output"
sha256=$(sha256sum "$output" | cut -d ' ' -f 1)
version=$(sed -n 's/^  "version": "\(.*\)",$/\1/p' "$source/package.json")
printf '%s-%s\t%s\n' "$version" "${sha256:0:12}" "$sha256"
