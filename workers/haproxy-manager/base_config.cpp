// SPDX-License-Identifier: MIT
// The part of haproxy.cfg that no app has a say in: global, defaults, management page, gateway.
#include "workers/haproxy-manager/haproxy_config.h"

#include <string_view>

namespace mmsd::haproxy {

namespace {

/** The admin socket has a path of its own in each generation, told by the environment, so that
 *  the text does not change. Source: HAProxy management guide, "stats socket". */
constexpr std::string_view kGlobal =
    R"(    stats socket "${MMSD_SOCK}" mode 600 level admin expose-fd listeners
    stats timeout 60s
    hard-stop-after 30m
    spread-checks 5
    server-state-file server-state
)";

constexpr std::string_view kCommonDefaults = R"(    log global
    option dontlognull
    option redispatch
    retries 3
    timeout connect 5s
    timeout queue 30s
    timeout check 5s
    load-server-state-from-file global
)";

constexpr std::string_view kTcpDefaults = R"(    timeout client 1h
    timeout server 1h
)";

constexpr std::string_view kHttpDefaults = R"(    timeout client 60s
    timeout server 60s
    timeout http-request 10s
    timeout http-keep-alive 10s
    timeout tunnel 1h
)";

/** What the operator's own sections start from, unless they bring a `defaults` of their own. Used
 * by nothing else: sections without `from` take the last one, and must not share it with those that
 *  name theirs. Source: configuration manual, "defaults", and 2.6's alert about it. */
constexpr std::string_view kTailDefaults = R"(defaults mmsd_tail
    log global
    timeout connect 5s
    timeout queue 30s
    timeout client 60s
    timeout server 60s
)";

/** One rule a line for the two kinds of map and the default: the first that matches wins. */
constexpr std::string_view kHttpGatewayRules =
    R"(    http-request set-header X-Forwarded-For %[src]
    http-request set-header X-Forwarded-Proto http
    http-request set-header X-Forwarded-Port %[dst_port]
    http-request set-var(txn.be) req.hdr(host),field(1,:),lower,map_str(http.map)
    http-request set-var(txn.be) req.hdr(host),field(1,:),lower,map_end(http-suffix.map) if !{ var(txn.be) -m found }
    http-request set-var(txn.be) str(*),map_str(http.map) if !{ var(txn.be) -m found }
    use_backend %[var(txn.be)] if { var(txn.be) -m found }
    default_backend mmsd_no_such_host
backend mmsd_no_such_host from http
    http-request return status 404 content-type text/plain string "no such virtual host"
)";

constexpr std::string_view kTlsGatewayRules =
    R"(    tcp-request inspect-delay 5s
    tcp-request content accept if { req.ssl_hello_type 1 }
    use_backend %[req.ssl_sni,lower,map_str(tls.map)] if { req.ssl_sni,lower,map_str(tls.map) -m found }
    use_backend %[req.ssl_sni,lower,map_end(tls-suffix.map)] if { req.ssl_sni,lower,map_end(tls-suffix.map) -m found }
    use_backend %[str(*),map_str(tls.map)] if { str(*),map_str(tls.map) -m found }
    default_backend mmsd_no_such_tls_host
backend mmsd_no_such_tls_host from tcp
    tcp-request content reject
)";

void appendGateway(std::string& text, const GatewayBinds& binds) {
    if (binds.http.port != 0) {
        text.append("frontend mmsd_gateway_http from http\n    bind ");
        text.append(bindText(binds.http)).append("\n    option httplog\n");
        text.append(kHttpGatewayRules);
    }
    if (binds.https.port != 0) {
        text.append("frontend mmsd_gateway_https from tcp\n    bind ");
        text.append(bindText(binds.https)).append("\n    option tcplog\n");
        text.append(kTlsGatewayRules);
    }
}

void appendManagement(std::string& text, const ConfigOptions& options) {
    text.append("frontend mmsd_management from http\n    bind ");
    text.append(bindText(options.management)).append("\n    no log\n");
    text.append("    monitor-uri /haproxy?monitor\n");
    if (options.features.hasPrometheus)
        text.append("    http-request use-service prometheus-exporter if { path /metrics }\n");
    text.append("    stats enable\n    stats uri /\n    stats hide-version\n");
}

} // namespace

std::string makeBase(const ConfigOptions& options, std::uint32_t maxConnections) {
    std::string text{"# Written by mmsd; do not edit.\nglobal\n"};
    if (maxConnections != 0) // else HAProxy makes the best of its limit
        text.append("    maxconn ").append(std::to_string(maxConnections)).append("\n");
    text.append("    log /dev/log ");
    text.append(options.syslogFacility).append("\n").append(kGlobal);

    text.append("defaults tcp\n    mode tcp\n").append(kCommonDefaults).append(kTcpDefaults);
    text.append("defaults http\n    mode http\n").append(kCommonDefaults).append(kHttpDefaults);
    if (options.features.hasIdleCloseOnResponse)
        text.append("    option idle-close-on-response\n");
    text.append(kTailDefaults);

    if (options.management.port != 0)
        appendManagement(text, options);
    if (options.gateway)
        appendGateway(text, *options.gateway);
    return text;
}

} // namespace mmsd::haproxy
