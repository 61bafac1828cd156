#!/bin/bash
# SPDX-License-Identifier: MIT
# Installs what is missing, builds mmsd, and shows it at work with a simulated Marathon.
set -euo pipefail
export PATH=$PATH:/usr/sbin:/sbin
# shellcheck source=packaging/setup/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/common.sh"

usage="usage: demo.sh [--once]   (--once: ends by itself)"
is_once=false
for argument in "$@"; do
    case $argument in
        --once) is_once=true ;;
        -h | --help) echo "$usage" && exit 0 ;;
        *) die "$usage" ;;
    esac
done

executables=(
    daemon/mmsd
    daemon/marathon/mmsd-marathon-watcher
    workers/confd-writer/mmsd-confd-writer
    workers/api-server/mmsd-api-server
)
folder='' marathon_pid='' mmsd_pid=''

stop_all() {
    [[ -z $mmsd_pid ]] || { as_root kill "$mmsd_pid" && wait "$mmsd_pid"; } 2>/dev/null || true
    [[ -z $marathon_pid ]] || { kill "$marathon_pid" && wait "$marathon_pid"; } 2>/dev/null || true
    [[ -z $folder ]] || as_root rm -rf "$folder"
}

# until_true WHAT COMMAND…: waits up to 15 s
until_true() {
    local what=$1 tries=0
    shift
    until "$@" >/dev/null 2>&1; do
        tries=$((tries + 1))
        [[ $tries -lt 150 ]] || die "$what did not happen within 15 s; log: $(cat "$folder/mmsd.log")"
        sleep 0.1
    done
}

free_port() {
    /usr/bin/python3 -c 'import socket
with socket.socket() as s:
    s.bind(("127.0.0.1", 0))
    print(s.getsockname()[1])'
}

# marathon OPERATION JSON: makes something happen in the simulated Marathon
marathon() {
    printf '\n$ marathon %s %s\n' "$1" "$2"
    curl -fsS -o /dev/null -d "$2" "$marathon_url/_control/$1"
}

is_answering() { curl -fsS "$api_url/v1/apps"; }

# has_instances APP COUNT: both in the API and in the file
has_instances() {
    local file=${1#/}
    [[ $(curl -fsS "$api_url/v1/instances$1" | wc -l) -eq $2 ]] &&
        [[ $(sed '1,/^$/d' "$folder/run/confd/${file//\//.}.instances" | wc -l) -eq $2 ]]
}

show() {
    printf '\n$ %s\n' "$*"
    "$@" || true
}

build() {
    local with_tests=false
    install_packages build demo
    say "Building"
    # A build folder that has tests keeps them; a new one gets them only if that costs nothing.
    if [[ ! -f $build_root/build.ninja ]]; then
        if is_installed catch2; then with_tests=true; fi
        configure -Dtests=$with_tests
    else
        configure
    fi
    ninja -C "$build_root" "${executables[@]}"
}

start_marathon() {
    # Addresses of this machine, so that what mmsd serves could be reached.
    /usr/bin/python3 "$source_root/tests/support/marathon_double.py" --generation 1.8 \
        --hosts 127.0.0.1,127.0.0.2,127.0.0.3 >"$folder/marathon.log" 2>&1 &
    marathon_pid=$!
    until_true "the simulated Marathon's start" grep -q listening "$folder/marathon.log"
    marathon_url=$(sed -n 's/^listening //p' "$folder/marathon.log")
    say "A simulated Marathon 1.8 listens on $marathon_url"
    marathon add_app '{"app_id":"/shop/web","instances":3,"ports":2,"network":"bridge","health_checks":1,"labels":{"proto":"http"}}'
    marathon add_app '{"app_id":"/shop/db","instances":1,"labels":{"proto":"redis"}}'
}

start_mmsd() {
    local program
    # Copies, as mmsd's users may not enter the folder of the clone.
    mkdir "$folder/bin"
    for program in "${executables[@]}"; do
        install -m 755 "$build_root/$program" "$folder/bin/"
    done
    api_port=$(free_port)
    api_url=http://127.0.0.1:$api_port
    mmsd=("$folder/bin/mmsd" "--marathon-url=$marathon_url" "--run-state-dir=$folder/run"
        "--worker-dir=$folder/bin" --bind-ip=127.0.0.1 "--api-port=$api_port"
        --enable-tcp=false --enable-udp=false)
    say "Starting mmsd as root"
    printf '$ %s\n' "${mmsd[*]}"
    # exec: the pid to end later is that of mmsd, or of sudo, which passes signals on.
    (if [[ $EUID -eq 0 ]]; then exec "${mmsd[@]}"; else exec sudo "${mmsd[@]}"; fi) \
        >"$folder/mmsd.log" 2>&1 &
    mmsd_pid=$!
    until_true "mmsd's first state" is_answering
    until_true "the files" has_instances /shop/web 3
    cat "$folder/mmsd.log"
}

show_processes() {
    say "Each process has a user of its own"
    show ps -o user:14,pid,ppid,args -p "$(pgrep -d, -f "^$folder/bin/")"
    printf '\n'
    local file
    for file in "$folder"/run/pids/*.pid; do
        printf '%-18s' "$(basename "$file" .pid)"
        grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$(cat "$file")/status" | tr -s '\t\n' '  '
        printf '\n'
    done
}

show_status() {
    printf '\n$ curl -s %s\n' "$api_url/v1/status   # its processes, in short"
    curl -s "$api_url/v1/status" | /usr/bin/python3 -c 'import json, sys
for process in json.load(sys.stdin)["processes"]:
    print("{name:18}{phase:10}pid {pid:<9}generation {generation:<5}restarts {restarts}".format(**process))'
}

show_state() {
    show ls "$folder/run/confd"
    show cat "$folder/run/confd/shop.web.instances"
    show curl -s "$api_url/v1/apps"
    show curl -s "$api_url/v1/instances/shop/web"
}

show_changes() {
    say "Five instances instead of three"
    marathon scale '{"app_id":"/shop/web","instances":5}'
    until_true "the change" has_instances /shop/web 5
    show cat "$folder/run/confd/shop.web.instances"
    show curl -s "$api_url/v1/instances/shop/web?portIndex=1"

    say "One becomes unhealthy"
    marathon set_health '{"app_id":"/shop/web","task":0,"alive":false}'
    until_true "the change" has_instances /shop/web 4
    show curl -s "$api_url/v1/instances/shop/web"

    say "A crashed worker comes back with the current state"
    local pid
    pid=$(cat "$folder/run/pids/api-server.pid")
    printf '\n$ kill -9 %s   # the API server\n' "$pid"
    as_root kill -9 "$pid"
    until_true "the API's return" has_instances /shop/web 4
    show curl -s "$api_url/v1/instances/shop/web"

    say "An app goes, a new one comes"
    marathon remove_app '{"app_id":"/shop/db"}'
    marathon add_app '{"app_id":"/mail/relay","instances":2,"labels":{"proto":"smtp"}}'
    until_true "the change" has_instances /mail/relay 2
    show curl -s "$api_url/v1/apps"
    show ls "$folder/run/confd"
    show_status
}

build
create_users
trap stop_all EXIT
trap 'exit 130' INT TERM
folder=$(mktemp -d "${TMPDIR:-/tmp}/mmsd-demo-XXXXXX")
chmod 755 "$folder"
start_marathon
start_mmsd
show_state
show_processes
show_changes

say "mmsd keeps running"
cat <<END
files      $folder/run/confd
API        $api_url/v1/apps  /v1/instances/shop/web  /v1/status
log        $folder/mmsd.log
change it  curl -d '{"app_id":"/shop/web","instances":9}' $marathon_url/_control/scale
END
if $is_once; then
    say "Done"
    exit 0
fi
echo "Ctrl-C ends it."
wait "$mmsd_pid"
