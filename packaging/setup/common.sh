# SPDX-License-Identifier: MIT
# What the set-up scripts share: packages, build, users.
# shellcheck shell=bash

source_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build_root=$source_root/build

say() {
    if [[ -t 1 ]]; then
        printf '\n\033[1m== %s\033[0m\n' "$*"
    else
        printf '\n== %s\n' "$*"
    fi
}

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

as_root() {
    if [[ $EUID -eq 0 ]]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "needs root or sudo for: $*"
    fi
}

is_installed() { [[ $(dpkg-query -W -f='${db:Status-Status}' "$1" 2>/dev/null) == installed ]]; }

apt() {
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"
}

# install_packages LIST…: what the lists in packaging/deps name and the machine lacks
install_packages() {
    local list package missing=() tries=0
    for list in "$@"; do
        list=$source_root/packaging/deps/$list.txt
        [[ -r $list ]] || die "cannot read $list"
        while read -r package; do
            command -v dpkg-query >/dev/null && is_installed "$package" || missing+=("$package")
        done < <(grep -v '^#' "$list")
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    command -v apt-get >/dev/null || die "no apt-get here; install these yourself: ${missing[*]}"
    say "Installing ${missing[*]}"
    # The lock on the package lists has no time-out of its own.
    until apt update; do
        tries=$((tries + 1))
        [[ $tries -lt 10 ]] || die "apt-get update failed"
        sleep 5
    done
    # Servers are wanted for the tests only: their packages must not start them on this machine.
    local policy=/usr/sbin/policy-rc.d is_ours=false
    if [[ ! -e $policy ]]; then
        is_ours=true
        printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null
        as_root chmod 755 "$policy"
    fi
    local status=0
    apt install -y --no-install-recommends "${missing[@]}" >/dev/null || status=$?
    ! $is_ours || as_root rm -f "$policy"
    return "$status"
}

# configure OPTION…: sets the build folder up, or changes its options
configure() {
    # With these ccache, where meson finds it, hits for other clones of this tree as well.
    export CCACHE_NOHASHDIR=1 CCACHE_BASEDIR=$source_root
    if [[ -f $build_root/build.ninja ]]; then
        [[ $# -eq 0 ]] || meson configure "$build_root" "$@"
    else
        meson setup "$build_root" "$source_root" "$@"
    fi
}

# The users of mmsd's processes, without a home or a shell
create_users() {
    local name
    getent group mmsd >/dev/null || as_root groupadd --system mmsd
    for name in watcher haproxy confd dns api udp; do
        getent passwd "mmsd-$name" >/dev/null ||
            as_root useradd --system --gid mmsd --no-create-home --home-dir /nonexistent \
                --shell /usr/sbin/nologin "mmsd-$name"
    done
}
