#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds mmsd and runs all of its tests.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=packaging/setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

install_packages build test

say "Building"
configure -Dtests=true
meson compile -C "$build_root"

say "Testing"
create_users
status=0
# Root, as most of what mmsd does cannot be seen without: users, capabilities, dropped rights.
as_root meson test -C "$build_root" --no-rebuild --print-errorlogs || status=$?
[[ $EUID -eq 0 ]] || as_root chown -R "$(id -u):$(id -g)" "$build_root"
/usr/bin/python3 "$source_root/packaging/setup/sum_results.py" \
    "$build_root/meson-logs/testlog.junit.xml" || status=$?
exit "$status"
