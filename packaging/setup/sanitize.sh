#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds everything with AddressSanitizer and UndefinedBehaviorSanitizer and runs unit, integration
# and privileged tests. Usage: sanitize.sh [argument of `meson test`…]
#
# The sanitizers' own calls are more than any cage allows: -Dsandbox=log lets forbidden calls
# through and has the kernel log them. Landlock, users and everything else are in force as ever.
# What cannot be under a sanitizer, such as the attacks on the real cages, skips itself.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=packaging/setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
build_root=$source_root/build-sanitize

install_packages build test sanitize

say "Building"
# clang: GCC's sanitizers make false positives of warnings, and builds three times as long.
export CXX=${CXX:-$(command -v clang++-16 || echo clang++)}
# Static run-time libraries leave symbols to the executable: shared modules must not insist.
configure -Db_sanitize=address,undefined -Db_lundef=false -Doptimization=1 -Dsandbox=log \
    -Dtests=true
meson compile -C "$build_root"

say "Testing"
create_users
# run_tests VARIABLE=VALUE ARGUMENT…: beyond what the programs choose (common/sanitizer_options.cpp)
run_tests() {
    as_root env "$1" meson test -C "$build_root" --no-rebuild --print-errorlogs \
        --timeout-multiplier 4 "${@:2}"
}
# Leaks end a unit test; other processes are not dumpable, which hides them.
options=abort_on_error=1:handle_abort=1
status=0
if [[ $# -gt 0 ]]; then
    run_tests ASAN_OPTIONS=$options:detect_leaks=0 "$@" || status=$?
else
    run_tests ASAN_OPTIONS=$options:detect_leaks=1 --suite unit || status=$?
    run_tests ASAN_OPTIONS=$options:detect_leaks=0 --suite integration --suite privileged ||
        status=$?
fi
exit "$status"
