#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds the Debian package from what is committed (or, without git, from what is there).
set -euo pipefail
# shellcheck source=packaging/setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/setup/common.sh"

usage="usage: build-deb.sh [--version VERSION] [OUTPUT]
Builds source and binary package into OUTPUT (build/deb). DEB_BUILD_OPTIONS=nocheck leaves out the
unit tests. --version names another version than packaging/debian/changelog, for trying upgrades."
version='' output=''
while [[ $# -gt 0 ]]; do
    case $1 in
        --version) version=${2:?$usage} && shift 2 ;;
        -h | --help) echo "$usage" && exit 0 ;;
        -*) die "$usage" ;;
        *) output=$1 && shift ;;
    esac
done
output=${output:-$build_root/deb}
mkdir -p "$output"
output=$(cd "$output" && pwd)

copy_tree() {
    if [[ -e $source_root/.git ]]; then
        git -c safe.directory='*' -C "$source_root" archive HEAD | tar -x -C "$1"
    else
        tar -C "$source_root" --exclude='./build*' --exclude=__pycache__ -c . | tar -x -C "$1"
    fi
}

for program in dpkg-buildpackage dh dh_apparmor; do
    command -v "$program" >/dev/null ||
        die "no $program: install what packaging/deps/package.txt names"
done
# Whoever builds: the same octets (tests/host/test_reproducible.py). What xz makes of several threads
# differs from what it makes of one.
umask 022
export XZ_DEFAULTS=--threads=1
folder=$(mktemp -d "${TMPDIR:-/tmp}/mmsd-deb-XXXXXX")
trap 'rm -rf "$folder"' EXIT
changelog=$source_root/packaging/debian/changelog
version=${version:-$(dpkg-parsechangelog -l "$changelog" -S Version)}
SOURCE_DATE_EPOCH=$(dpkg-parsechangelog -l "$changelog" -S Timestamp)
export SOURCE_DATE_EPOCH
upstream=${version%-*}
tree=$folder/mmsd-$upstream
mkdir "$tree"
copy_tree "$tree"
# Debian's tools want it at the top, where ours must not be.
cp -r "$tree/packaging/debian" "$tree/debian"
sed -i "1s/(.*)/($version)/" "$tree/debian/changelog"
sed -i "0,/version: '[^']*'/s//version: '$upstream'/" "$tree/meson.build"
tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" \
    --exclude="mmsd-$upstream/debian" -cJf "$folder/mmsd_$upstream.orig.tar.xz" "mmsd-$upstream"

(cd "$tree" && dpkg-buildpackage --no-sign ${DEB_BUILD_PROFILES:+"-P$DEB_BUILD_PROFILES"})
cp "$folder"/mmsd*_* "$output/"
say "Built"
ls -l "$output"
