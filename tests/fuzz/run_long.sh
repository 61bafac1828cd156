#!/bin/bash
# SPDX-License-Identifier: MIT
# Runs fuzzers one after the other for some minutes each, and keeps what they learn.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

usage() {
    cat >&2 <<'EOF'
usage: run_long.sh [-o FOLDER] MINUTES [NAME…]
Fuzzes each NAME (default: all) for MINUTES. FOLDER (default: ./fuzzing) gets new inputs in
corpus/NAME, inputs that break something in findings/NAME, and logs. Builds with clang++ of $CXX
(default: clang++-16, else clang++) in FOLDER/build. MMSD_FIXTURES: folder of recorded documents
of Marathon, taken as further first inputs. MMSD_FUZZ_HAPROXY=N: `haproxy -c` judges every Nth
configuration that haproxy_labels makes. The exit status is 1 if there is a finding.
EOF
    exit 64
}

folder=$PWD/fuzzing
while getopts o: option; do
    case $option in
    o) folder=$OPTARG ;;
    *) usage ;;
    esac
done
shift $((OPTIND - 1))
[[ ${1:-} =~ ^[0-9]+$ ]] || usage
minutes=$1
shift

mkdir -p "$folder"
folder=$(cd "$folder" && pwd)
if [[ ! -f $folder/build/build.ninja ]]; then
    CXX=${CXX:-$(command -v clang++-16 || echo clang++)} \
        meson setup "$folder/build" "$here/../.." -Dfuzzers=true >"$folder/setup.log"
fi
ninja -C "$folder/build" fuzzers

names=("$@")
if [[ ${#names[@]} -eq 0 ]]; then
    for source in "$here"/fuzz_*.cpp; do
        name=${source##*/fuzz_}
        names+=("${name%.cpp}")
    done
fi

status=0
for name in "${names[@]}"; do
    options=(--seconds "$((minutes * 60))" --corpus "$folder/corpus/$name"
        --findings "$folder/findings/$name")
    [[ ! -f $here/make_${name}_corpus.py ]] || options+=(--maker "$here/make_${name}_corpus.py")
    [[ ! -d $here/corpus/$name ]] || options+=(--seeds "$here/corpus/$name")
    [[ ! -f $here/$name.dict ]] || options+=(--dictionary "$here/$name.dict")
    mkdir -p "$folder/corpus/$name"
    if /usr/bin/python3 "$here/run_fuzzer.py" "$folder/build/tests/fuzz/fuzz_$name" \
        "${options[@]}" >"$folder/$name.log" 2>&1; then
        printf '%s: nothing found, ' "$name"
    else
        printf '%s: FINDING, see %s, ' "$name" "$folder/$name.log"
        status=1
    fi
    grep -o 'stat::number_of_executed_units: .*' "$folder/$name.log" || echo "no runs"
done
exit "$status"
