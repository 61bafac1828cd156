#!/bin/bash
# SPDX-License-Identifier: MIT
# Builds everything with AddressSanitizer and UndefinedBehaviorSanitizer and runs unit and
# integration tests. Usage: sanitize.sh [argument of `meson test`…]
#
# The sanitizers' own calls are more than any cage allows: -Dsandbox=log lets forbidden calls
# through and has the kernel log them. Landlock, users and everything else are in force as ever.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=packaging/setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"
build_root=$source_root/build-sanitize

install_packages build test sanitize

say "Building"
# clang: GCC's sanitizers make false positives of warnings, and builds three times as long.
export CXX=${CXX:-clang++-16}
# Static run-time libraries leave symbols to the executable: shared modules must not insist.
configure -Db_sanitize=address,undefined -Db_lundef=false -Dsandbox=log -Dtests=true
meson compile -C "$build_root"

say "Testing"
create_users
# A finding ends the process. Leaks are looked for with ptrace(2), which processes that are not
# dumpable refuse; the unit tests look for them.
export ASAN_OPTIONS=abort_on_error=1:detect_leaks=0:handle_abort=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
[[ $# -gt 0 ]] || set -- --suite unit --suite integration
status=0
as_root env ASAN_OPTIONS="$ASAN_OPTIONS" UBSAN_OPTIONS="$UBSAN_OPTIONS" \
    meson test -C "$build_root" --no-rebuild --print-errorlogs --timeout-multiplier 4 "$@" || status=$?
exit "$status"
