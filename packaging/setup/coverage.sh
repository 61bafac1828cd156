#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs the tests and shows which part of each file they run, in the real cages.
# Usage: coverage.sh [argument of `meson test`…]
#
# Leaves build-coverage/coverage.txt (a line per file) and build-coverage/lines (the sources with
# counts). What a process runs between its start and an upgrade in place is not counted, as its
# successor has the same number.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=packaging/setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
build_root=$source_root/build-coverage
counts=/var/tmp/mmsd-coverage # the processes' users may not enter every build folder

install_packages build test sanitize coverage
merge=$(command -v llvm-profdata-16 || command -v llvm-profdata) || die "no llvm-profdata"
show=$(command -v llvm-cov-16 || command -v llvm-cov) || die "no llvm-cov"

say "Building"
export CXX=${CXX:-$(command -v clang++-16 || echo clang++)}
configure -Dcoverage_dir="$counts" -Doptimization=1 -Dtests=true
meson compile -C "$build_root"

say "Testing"
create_users
as_root rm -rf "$counts"
mkdir -m 1777 "$counts"
status=0
[[ $# -gt 0 ]] || set -- --suite unit --suite integration --suite privileged
as_root meson test -C "$build_root" --no-rebuild --print-errorlogs --timeout-multiplier 2 "$@" ||
    status=$?

say "Coverage"
find "$counts" -name '*.profraw' -size +0 >"$build_root/counts.txt"
"$merge" merge --sparse --failure-mode=all --input-files="$build_root/counts.txt" \
    -o "$build_root/counts.profdata"
programs=()
while read -r program; do
    programs+=(--object "$program")
done < <(find "$build_root" -path '*/meson-private' -prune -o -type f -perm -100 ! -name '*.so' -print)
about=("${programs[@]:1}" --instr-profile="$build_root/counts.profdata"
    --ignore-filename-regex='/(tests|usr)/|build-coverage/')
"$show" report "${about[@]}" >"$build_root/coverage.txt"
"$show" show "${about[@]}" >"$build_root/lines"
as_root rm -rf "$counts"
sed -n '1,2p;$p' "$build_root/coverage.txt"
exit "$status"
