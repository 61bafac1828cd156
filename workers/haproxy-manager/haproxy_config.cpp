// SPDX-License-Identifier: MIT
// Services and host names to configuration: the same ones give the same bytes. Pure.
#include "workers/haproxy-manager/haproxy_config.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace mmsd::haproxy {

namespace {

std::string milliseconds(std::chrono::milliseconds time) {
    return std::to_string(time.count()) + "ms";
}

std::string_view word(Balance balance) noexcept {
    switch (balance) {
    case Balance::LeastConnections:
        return "leastconn";
    case Balance::RoundRobin:
        return "roundrobin";
    case Balance::Source:
        return "source";
    case Balance::Random:
        return "random";
    }
    return "leastconn";
}

std::string_view connectionOption(ConnectionMode mode) noexcept {
    switch (mode) {
    case ConnectionMode::Unset:
        return "";
    case ConnectionMode::Close:
        return "    option httpclose\n";
    case ConnectionMode::ServerClose:
        return "    option http-server-close\n";
    case ConnectionMode::KeepAlive:
        return "    option http-keep-alive\n";
    }
    return "";
}

/** What a check says and awaits. A plain connect is what the server's `check` does by itself.
 *  `connect default` keeps the PROXY header, which an explicit connect would drop. QUIT makes redis
 *  end the connection, so a wrong role shows at once instead of after the timeout. */
std::string checkText(const Service& service) {
    switch (service.protocol) {
    case AppProtocol::Tcp:
        return "";
    case AppProtocol::Http:
        if (service.check->path.empty())
            return "";
        return "    option httpchk\n"
               "    http-check send meth GET uri " +
               service.check->path +
               " ver HTTP/1.1 hdr Host health-check\n"
               "    http-check expect status 200-399\n";
    case AppProtocol::Smtp:
        return "    option smtpchk EHLO localhost\n";
    case AppProtocol::Redis: // a redis that asks for a password is alive, too
        return "    option tcp-check\n"
               "    tcp-check connect default\n"
               "    tcp-check send PING\\r\\nQUIT\\r\\n\n"
               "    tcp-check expect rstring ^(\\+PONG|-NOAUTH)\n";
    case AppProtocol::RedisMaster:
    case AppProtocol::RedisSlave:
        return "    option tcp-check\n"
               "    tcp-check connect default\n"
               "    tcp-check send PING\\r\\n\n"
               "    tcp-check expect string +PONG\n"
               "    tcp-check send info\\ replication\\r\\nQUIT\\r\\n\n"
               "    tcp-check expect string role:" +
               std::string{service.protocol == AppProtocol::RedisMaster ? "master" : "slave"} +
               "\n";
    }
    return "";
}

/** Keywords of each server line. `default-server` would not reach servers added at run time. */
std::string serverOptions(const Service& service) {
    std::string text;
    if (service.proxyProtocol == ProxyProtocol::V1)
        text += " send-proxy";
    if (service.proxyProtocol == ProxyProtocol::V2)
        text += " send-proxy-v2";
    if (const auto& check = service.check) {
        text += " check inter " + milliseconds(check->interval) + " fall " +
                std::to_string(check->failures) + " rise 1";
        if (check->port) {
            text += " port " + std::to_string(*check->port);
            // A port of its own makes checks forget the PROXY header.
            if (service.proxyProtocol != ProxyProtocol::None)
                text += " check-send-proxy";
        }
    }
    return text;
}

std::string mapText(const std::map<std::string, std::string>& hosts) {
    // HAProxy takes the first suffix that matches, so the longest come first.
    std::vector<const std::pair<const std::string, std::string>*> sorted;
    sorted.reserve(hosts.size());
    for (const auto& entry : hosts)
        sorted.push_back(&entry);
    std::ranges::stable_sort(sorted, std::greater<>{},
                             [](const auto* entry) { return entry->first.size(); });
    std::string text;
    for (const auto* const entry : sorted)
        text.append(entry->first)
            .append(" ")
            .append(worker::kBackendPrefix)
            .append(entry->second)
            .append("\n");
    return text;
}

std::string exactMapText(const VirtualHosts& hosts) {
    std::string text = mapText(hosts.exact);
    if (hosts.fallback)
        text.append(kEveryHostKey)
            .append(" ")
            .append(worker::kBackendPrefix)
            .append(*hosts.fallback)
            .append("\n");
    return text;
}

} // namespace

std::string bindText(const InetEndpoint& where) {
    // "::" alone would mean what the sysctl bindv6only says.
    return where.toString() + (where.address == IpAddress{in6addr_any} ? " v4v6" : "");
}

FragmentPtr makeFragment(const Service& service, const IpAddress& bindIp) {
    auto fragment = std::make_shared<Fragment>();
    fragment->proxy = proxyName(service.appId, service.portIndex);
    fragment->appId = service.appId;
    fragment->portIndex = service.portIndex;
    fragment->servicePort = service.servicePort;
    fragment->options = serverOptions(service);
    fragment->servers = service.servers;

    const std::string_view defaults = service.isHttp() ? "http" : "tcp";
    std::string& head = fragment->head;
    head.append("frontend ")
        .append(worker::kFrontendPrefix)
        .append(fragment->proxy)
        .append(" from ")
        .append(defaults);
    head.append("\n    bind ").append(bindText({bindIp, service.servicePort}));
    head.append(service.acceptsProxy ? " accept-proxy\n" : "\n");
    head.append(!service.isLogged  ? "    no log\n"
                : service.isHttp() ? "    option httplog\n"
                                   : "    option tcplog\n");
    if (service.isHttp())
        head.append("    option forwardfor\n").append(connectionOption(service.connectionMode));
    head.append("    default_backend ")
        .append(worker::kBackendPrefix)
        .append(fragment->proxy)
        .append("\n");

    head.append("backend ")
        .append(worker::kBackendPrefix)
        .append(fragment->proxy)
        .append(" from ")
        .append(defaults);
    head.append("\n    balance ").append(word(service.balance)).append("\n");
    // The map-based hash cannot take servers at run time.
    if (service.balance == Balance::Source)
        head.append("    hash-type consistent\n");
    if (service.isHttp())
        head.append(connectionOption(service.connectionMode));
    if (service.check)
        head.append("    timeout check ")
            .append(milliseconds(service.check->timeout))
            .append("\n")
            .append(checkText(service));
    return fragment;
}

MapFiles makeMaps(const VirtualHosts& http, const VirtualHosts& tls) {
    MapFiles maps;
    maps.emplace(kHttpMap, exactMapText(http));
    maps.emplace(kHttpSuffixMap, mapText(http.suffixes));
    maps.emplace(kTlsMap, exactMapText(tls));
    maps.emplace(kTlsSuffixMap, mapText(tls.suffixes));
    return maps;
}

} // namespace mmsd::haproxy
