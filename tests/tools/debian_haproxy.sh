#!/usr/bin/env bash
# SPDX-License-Identifier: MIT
# Fetches another Debian suite's HAProxy with its libraries, to run the tests with (MMSD_HAPROXY).
#
# Usage (as root): debian_haproxy.sh SUITE FOLDER
# Example:         debian_haproxy.sh trixie /tmp/trixie
#                  MMSD_HAPROXY=/tmp/trixie/haproxy meson test -C build haproxy_load haproxy_faults
# Needs mmdebstrap and patchelf. The program names its own loader and libraries, so it runs directly:
# a wrapper or a chroot would change what the tests look for in /proc.
set -euo pipefail

[ $# -eq 2 ] || { sed -n '4,9s/^# \?//p' "$0" >&2; exit 64; }
suite=$1
folder=$(realpath -m "$2")
mirror=${MIRROR:-http://deb.debian.org/debian}

root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
# A mirror that stands still is fine: the signatures count.
mmdebstrap --quiet --aptopt='Acquire::Check-Valid-Until "false"' --variant=apt \
    --include=haproxy "$suite" "$root" "$mirror"

mkdir -p "$folder/lib"
cp "$root/usr/sbin/haproxy" "$folder/haproxy"
chroot "$root" ldd /usr/sbin/haproxy | grep -o '/[^ ]*' | sort -u | while read -r library; do
    cp -L "$root$library" "$folder/lib/"
done
loader=$(basename "$(patchelf --print-interpreter "$folder/haproxy")")
patchelf --set-interpreter "$folder/lib/$loader" --force-rpath --set-rpath "$folder/lib" \
    "$folder/haproxy"
chmod -R a+rX "$folder"
"$folder/haproxy" -v | head -1
