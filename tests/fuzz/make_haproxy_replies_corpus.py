#!/usr/bin/python3
# SPDX-License-Identifier: MIT
# Writes the first corpus of fuzz_haproxy_replies: what HAProxy 2.6 says, and the golden files.
"""Usage: make_haproxy_replies_corpus.py FOLDER"""

import sys
from pathlib import Path

GOLDEN = Path(__file__).resolve().parent.parent / "golden/haproxy"
RUNTIME, COMPLAINTS, VERSION, CONFIG = range(4)
COLUMNS = ("1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight "
           "srv_iweight srv_time_since_last_change srv_check_status srv_check_result "
           "srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id "
           "srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr "
           "srv_agent_port\n")
ROW = ("4 b_a_0 1 10.0.0.1:31000 10.0.0.1 2 {} 1 1 5 1 0 2 0 0 0 0 - 31000 - 0 0 - - 0\n")

TEXTS = {
    RUNTIME: [
        "", "\n", "New server registered.\n", "Created server b_a_0/x.\n",
        "New version created: 7\n", "New version created: 99999999999999999999\n",
        "Unknown command.\n", "Process_num: 1\nPid: 4711\nStopping: 0\nUptime: 0d 0h00m01s\n",
        "Pid: 4711\nStopping: 1\n", "Pid: -1\n", COLUMNS, COLUMNS + ROW.format(0),
        COLUMNS + ROW.format(1) + ROW.format(8), "2\n" + COLUMNS[2:] + ROW.format(0),
        COLUMNS + "4 b_a_0 1\n", COLUMNS + ROW.format(0).replace(" 31000 -", " 70000 -"),
    ],
    COMPLAINTS: [
        "[ALERT]    (1) : config : parsing [haproxy.cfg:60] : unknown keyword 'x' in 'frontend'\n",
        "[ALERT]    (1) : config : [haproxy.cfg:1] 'server b_a_0/x' : no method\n",
        "[WARNING]  (1) : config : Proxy 'f_a_0': something\n",
        "[ALERT]    (1) : config : backend 'b_b_c_0' has no server\n",
        "[ALERT]    (1) : [haproxy.main()] Cannot bind socket (Address already in use) for "
        "frontend f_a_0 [127.0.0.1:10000]\n",
        "[ALERT]    (1) : config : parsing [haproxy-tail.cfg:3] : unknown keyword\n",
        "[ALERT]    (1) : Failed to get the sockets from the old process!\n",
        "[NOTICE]   (1) : haproxy version is 2.6.12-1+deb12u4\n", "no alert at all\n",
    ],
    VERSION: [
        "HAProxy version 2.6.12-1+deb12u4 2026/07/01 - https://haproxy.org/\n"
        "Feature list : +EPOLL -KQUEUE +OPENSSL +PROMEX\n",
        "HA-Proxy version 2.4.0 2021/05/14 - https://haproxy.org/\n",
        "HAProxy version 3.0.11-1 2025 -\nBuilt with the Prometheus exporter as a service\n",
        "HAProxy version 99999999999.1\n", "nginx version: 1.22\n",
    ],
    CONFIG: ["", "global\n", "frontend f_a_0\n", "# /a 0\n\nfrontend f_a_0\n    bind :1\n"
             "backend b_a_0\n    server x 10.0.0.1:31000\n"],
}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for kind, texts in TEXTS.items():
        for number, text in enumerate(texts):
            (folder / f"{kind}-{number:02}").write_bytes(bytes([kind]) + text.encode())
    for path in sorted(GOLDEN.glob("*.cfg")):
        (folder / path.stem).write_bytes(bytes([CONFIG]) + path.read_bytes())


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    main()
