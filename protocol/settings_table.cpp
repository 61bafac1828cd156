// SPDX-License-Identifier: MIT
// The rows of the settings table.
#include "protocol/settings.h"

#include "build_config.h"

#include <algorithm>

namespace mmsd::protocol {

namespace {

using enum SettingType;

constexpr std::uint8_t kSupervisor = kForSupervisor;
constexpr std::uint8_t kWatcher = kForSupervisor | kForWatcher;
constexpr std::uint8_t kHaproxy = kForSupervisor | kForHaproxy;
constexpr std::uint8_t kConfd = kForSupervisor | kForConfd;
constexpr std::uint8_t kDns = kForSupervisor | kForDns;
constexpr std::uint8_t kApi = kForSupervisor | kForApi;
constexpr std::uint8_t kUdp = kForSupervisor | kForUdp;
/** Every process that exposes service ports, or explains why not. */
constexpr std::uint8_t kExposure = kHaproxy | kUdp | kApi;

// One row a line group: the table reads better than any wrapping.
// clang-format off
constexpr Setting kRows[] = {
    {"help", Bool, "false", "", "print this text and exit", kForAll, 'h', true},
    {"version", Bool, "false", "", "print name, version and licence and exit", kForAll, 'V', true},
    {"config", Path, MMSD_CONFIG_DIR "/mmsd.conf", "FILE",
     "lines of `name = value`; the command line wins", kSupervisor, 0, true},
    {"check-config", Bool, "false", "", "check flags and file, print the settings and exit",
     kSupervisor, 0, true},
    {"verbose", Bool, "false", "", "debug log", kForAll, 'v'},
    {"log-level", Choice, "info", "error|warning|info|debug", "least important lines to log", kForAll},
    {"log-format", Choice, "text", "text|json", "form of the lines on stderr", kForAll},
    {"run-as", Text, "", "USER", "one user for all workers instead of one each", kSupervisor},
    {"run-state-dir", Path, MMSD_RUN_STATE_DIR, "DIR", "files that mmsd writes",
     kWatcher | kHaproxy | kConfd | kApi},
    {"worker-dir", Path, MMSD_LIBEXEC_DIR, "DIR", "the worker executables", kSupervisor},
    {"bind-ip", Address, "0.0.0.0", "IP", "address of service ports, DNS and API", kExposure | kDns},
    {"filter-groups", List, "*", "GROUP,…", "values of label lb-group to load-balance; * = all",
     kExposure},

    {"marathon-ip", Hosts, "127.0.0.1", "HOST[:PORT],…", "Marathon masters, to fail over between",
     kWatcher},
    {"marathon-host", Hosts, "", "HOST[:PORT],…", "synonym of --marathon-ip", kWatcher, 0, false, 0,
     "marathon-ip"},
    {"marathon-port", Port, "8080", "PORT", "port of masters given without one", kWatcher},
    {"marathon-url", Urls, "", "URL,…", "masters as URLs, instead of host and port", kWatcher},
    {"marathon-auth-file", Path, "", "FILE", "holds user:password or token=…", kWatcher},
    {"marathon-ca-file", Path, "", "FILE", "certificates that a master's is verified with", kWatcher},
    {"marathon-cert-file", Path, "", "FILE", "client certificate", kWatcher},
    {"marathon-key-file", Path, "", "FILE", "key of the client certificate", kWatcher},
    {"marathon-file", Path, "", "FILE", "a saved /v2/apps?embed=apps.tasks, instead of a Marathon",
     kWatcher},
    {"reconnect-delay", Duration, "4s", "TIME", "upper bound of the first wait for a master", kWatcher,
     0, false, 1},
    {"resync-interval", Duration, "60s", "TIME", "between full fetches, whatever the events said",
     kWatcher | kApi, 0, false, 1000},
    {"stall-timeout", Duration, "30s", "TIME", "silence after which the event stream is dead",
     kWatcher, 0, false, 1000},

    {"enable-files", Bool, "true", "", "write the files below confd/", kConfd | kApi},
    {"enable-tcp", Bool, "true", "", "load-balance TCP with HAProxy", kExposure},
    {"enable-udp", Bool, "true", "", "load-balance UDP", kUdp | kApi},
    {"enable-gateway", Bool, "false", "", "route by host name on the gateway ports", kExposure},
    {"enable-dns", Bool, "false", "", "answer DNS queries", kExposure | kDns},
    {"enable-health-checks", Bool, "true", "", "HAProxy checks instances, too", kHaproxy},

    {"gateway-bind", Address, "0.0.0.0", "IP", "address of the gateway", kExposure},
    {"gateway-port-http", Port, "80", "PORT", "gateway, by Host", kExposure},
    {"gateway-port-https", Port, "443", "PORT", "gateway, by SNI", kExposure},
    {"haproxy-bin", Text, "", "FILE", "name or path; else found on PATH, else /usr/sbin/haproxy",
     kHaproxy},
    {"haproxy-port", Port, "8081", "PORT", "HAProxy's management port", kExposure},
    {"haproxy-stats-bind", Address, "127.0.0.1", "IP", "address of the management port", kHaproxy},
    {"haproxy-cfgtail", Path, MMSD_CONFIG_DIR "/haproxy-tail.cfg", "FILE",
     "appended to the configuration, if it exists", kHaproxy},
    {"haproxy-before-cmd", Text, "", "COMMAND", "run before each start and reload", kHaproxy},
    {"haproxy-after-cmd", Text, "", "COMMAND", "run after each start and reload", kHaproxy},
    {"haproxy-enable-reuse-socket", Bool, "true", "", "hand sockets over on reload", kHaproxy},
    {"haproxy-reload-interval", Duration, "5s", "TIME", "least time between two reloads", kHaproxy},
    {"haproxy-syslog-facility", Choice, "local5",
     "kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|auth2|ftp|ntp|audit|alert|cron2|"
     "local0|local1|local2|local3|local4|local5|local6|local7",
     "where HAProxy logs to", kHaproxy},

    {"dns-port", Port, "53", "PORT", "UDP and TCP", kExposure | kDns},
    {"dns-processes", Count, "1", "N", "dns-server processes that share the port, 1 to 16",
     kSupervisor},
    {"dns-basename", Domain, "mmsd.", "NAME", "the zone", kDns | kApi},
    {"dns-push-srv", Bool, "false", "", "SRV records with answers to A queries", kDns},
    {"dns-ttl", Duration, "5s", "TIME", "of all records", kDns},

    {"api-port", Port, "8082", "PORT", "HTTP API and metrics", kExposure},

    {"foreground", Bool, "false", "", "run alone, without a supervisor",
     kForWorkers, 0, true},
    {"snapshot", Path, "", "FILE", "with --foreground: the state to apply",
     kForWorkers & ~kForWatcher, 0, true},
};
// clang-format on

} // namespace

std::span<const Setting> settingsTable() noexcept {
    return kRows;
}

const Setting* findSetting(std::string_view name) noexcept {
    const auto* const row = std::ranges::find(kRows, name, &Setting::name);
    return row != std::end(kRows) ? row : nullptr;
}

std::string helpText(std::string_view program, std::string_view purpose, std::uint8_t mask) {
    constexpr std::size_t kColumn = 34;
    std::string text{"Usage: "};
    text.append(program).append(" [flags]\n").append(purpose).append("\n\n");
    for (const Setting& row : kRows) {
        if ((row.processes & mask) == 0)
            continue;
        std::string line =
            row.shortName != 0 ? std::string{"  -"} + row.shortName + ", " : "      ";
        line.append("--").append(row.name);
        if (row.type != Bool)
            line.append("=").append(row.placeholder);
        line += line.size() < kColumn ? std::string(kColumn - line.size(), ' ')
                                      : "\n" + std::string(kColumn, ' ');
        text.append(line).append(row.help);
        const std::string_view defaultValue = row.defaultValue;
        if (!defaultValue.empty() && defaultValue != "false")
            text.append(" (default: ").append(defaultValue).append(")");
        text += '\n';
    }
    return text;
}

} // namespace mmsd::protocol
