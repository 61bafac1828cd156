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
    workers/haproxy-manager/mmsd-haproxy-manager
    workers/dns-server/mmsd-dns-server
    workers/udp-balancer/mmsd-udp-balancer
    daemon/client/mmsd-client
)
folder='' marathon_pid='' mmsd_pid='' instance_pids=()

stop_all() {
    [[ -z $mmsd_pid ]] || { as_root kill "$mmsd_pid" && wait "$mmsd_pid"; } 2>/dev/null || true
    [[ -z $marathon_pid ]] || { kill "$marathon_pid" && wait "$marathon_pid"; } 2>/dev/null || true
    [[ ${#instance_pids[@]} -eq 0 ]] || kill "${instance_pids[@]}" 2>/dev/null || true
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

# serve_instance ADDRESS PORT: a web server that answers with its address
serve_instance() {
    /usr/bin/python3 -c 'import http.server, sys
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello from %s:%s\n" % tuple(a.encode() for a in sys.argv[1:]))
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer((sys.argv[1], int(sys.argv[2])), Answer).serve_forever()' "$1" "$2" \
        >>"$folder/instances.log" 2>&1 &
    instance_pids+=($!)
}

# start_instances: a web server for each instance of /shop/web that has none yet
start_instances() {
    local endpoint
    while read -r endpoint; do
        curl -s -o /dev/null "http://$endpoint/" || serve_instance "${endpoint%:*}" "${endpoint##*:}"
    done < <(curl -fsS "$api_url/v1/instances/shop/web")
}

is_balanced() { curl -fsS "http://127.0.0.1:$service_port/"; }

show_balancing() {
    local i
    say "HAProxy shares requests among them, by port and by name"
    for i in 1 2 3; do show curl -s "http://127.0.0.1:$service_port/"; done
    show curl -s -H "Host: shop.example" "http://127.0.0.1:$gateway_port/"
}

show_dns() {
    say "DNS tells the same"
    show dig +noall +answer @127.0.0.1 -p "$dns_port" web.shop.mmsd A
    show dig +noall +answer +additional @127.0.0.1 -p "$dns_port" _0._tcp.web.shop.mmsd SRV
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
    marathon add_app '{"app_id":"/shop/web","instances":3,"ports":2,"network":"bridge","health_checks":1,"labels":{"proto":"http","lb-vhost":"shop.example"}}'
    marathon add_app '{"app_id":"/shop/db","instances":1,"labels":{"proto":"redis"}}'
}

start_mmsd() {
    local program
    # Copies, as mmsd's users may not enter the folder of the clone.
    mkdir "$folder/bin"
    for program in "${executables[@]}"; do
        install -m 755 "$build_root/$program" "$folder/bin/"
    done
    api_port=$(free_port) dns_port=$(free_port) gateway_port=$(free_port)
    api_url=http://127.0.0.1:$api_port
    mmsd=("$folder/bin/mmsd" "--marathon-url=$marathon_url" "--run-state-dir=$folder/run"
        "--worker-dir=$folder/bin" --bind-ip=127.0.0.1 "--api-port=$api_port"
        --enable-dns "--dns-port=$dns_port" "--haproxy-port=$(free_port)" --enable-gateway
        --gateway-bind=127.0.0.1 "--gateway-port-http=$gateway_port"
        "--gateway-port-https=$(free_port)")
    say "Starting mmsd as root"
    printf '$ %s\n' "${mmsd[*]}"
    # exec: the pid to end later is that of mmsd, or of sudo, which passes signals on.
    (if [[ $EUID -eq 0 ]]; then exec "${mmsd[@]}"; else exec sudo "${mmsd[@]}"; fi) \
        >"$folder/mmsd.log" 2>&1 &
    mmsd_pid=$!
    until_true "mmsd's first state" is_answering
    until_true "the files" has_instances /shop/web 3
    service_port=$(curl -fsS "$api_url/v1/service_ports/shop/web" | head -1)
    start_instances
    until_true "HAProxy's service" is_balanced
    cat "$folder/mmsd.log"
}

show_processes() {
    say "Each process has a user of its own"
    show ps -o user:14,pid,ppid,args -p "$(pgrep -d, -f "^$folder/bin/|^/[^ ]*haproxy -db .*$folder")"
    printf '\n'
    local file
    for file in "$folder"/run/pids/*.pid; do
        printf '%-18s' "$(basename "$file" .pid)"
        grep -E '^(CapEff|NoNewPrivs|Seccomp):' "/proc/$(cat "$file")/status" | tr -s '\t\n' '  '
        printf '\n'
    done
}

show_commands() {
    say "mmsd tells how it is, and why an app is where it is"
    show "$folder/bin/mmsd" status "--worker-dir=$folder/bin" "--url=$api_url"
    show "$folder/bin/mmsd" explain /shop/web "--worker-dir=$folder/bin" "--url=$api_url"
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
    start_instances
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
    show_commands
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
show_balancing
show_dns
show_processes
show_changes

say "mmsd keeps running"
cat <<END
files      $folder/run/confd
API        $api_url/v1/apps  /v1/instances/shop/web  /v1/status
HAProxy    curl http://127.0.0.1:$service_port/   configuration: $folder/run/haproxy/haproxy.cfg
status     $folder/bin/mmsd status --worker-dir=$folder/bin --url=$api_url
DNS        dig @127.0.0.1 -p $dns_port web.shop.mmsd SRV
log        $folder/mmsd.log
change it  curl -d '{"app_id":"/shop/web","instances":9}' $marathon_url/_control/scale
END
if $is_once; then
    say "Done"
    exit 0
fi
echo "Ctrl-C ends it."
wait "$mmsd_pid"
