// SPDX-License-Identifier: MIT
// A configuration in pieces: one fragment per app port, so that each can be judged, kept and
// compared alone; to and from haproxy.cfg. Pure.
#include "workers/haproxy-manager/config_text.h"

#include "common/text.h"

#include <algorithm>
#include <functional>
#include <optional>
#include <unordered_set>

namespace mmsd::haproxy {

namespace {

constexpr std::string_view kMarker = "# app ";
constexpr std::string_view kServer = "    server ";
constexpr std::string_view kOptions = "    # server options:";

/** Cuts the first line off, without its end. */
std::string_view takeLine(std::string_view& text) noexcept {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

/** Cuts the first word off. */
std::string_view takeWord(std::string_view& line) noexcept {
    line = trim(line);
    const std::string_view word = line.substr(0, line.find(' '));
    line.remove_prefix(word.size());
    return word;
}

std::optional<InetEndpoint> parseEndpoint(std::string_view text) noexcept {
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos)
        return std::nullopt;
    const auto address = IpAddress::parse(text.substr(0, colon));
    const auto port = parseNumber<std::uint16_t>(text.substr(colon + 1));
    if (!address || !port)
        return std::nullopt;
    return InetEndpoint{*address, *port};
}

/** "# app ID port INDEX on PORT proxy NAME" */
std::optional<Fragment> parseMarker(std::string_view line) {
    line.remove_prefix(kMarker.size());
    Fragment fragment;
    fragment.appId = takeWord(line);
    const bool hasPort = takeWord(line) == "port";
    const auto index = parseNumber<std::uint16_t>(takeWord(line));
    const bool hasOn = takeWord(line) == "on";
    const auto port = parseNumber<std::uint16_t>(takeWord(line));
    const bool hasProxy = takeWord(line) == "proxy";
    fragment.proxy = takeWord(line);
    if (!hasPort || !index || !hasOn || !port || !hasProxy || fragment.proxy.empty())
        return std::nullopt;
    fragment.portIndex = *index;
    fragment.servicePort = *port;
    return fragment;
}

/** Adds the host names of one map file. */
void addHosts(const MapFiles& maps, std::string_view name, VirtualHosts& hosts) {
    const auto found = maps.find(name);
    std::string_view text = found != maps.end() ? std::string_view{found->second} : "";
    while (!text.empty()) {
        std::string_view line = takeLine(text);
        const std::string host{takeWord(line)};
        const std::string_view backend = takeWord(line);
        if (!backend.starts_with("b_"))
            continue;
        std::string proxy{backend.substr(2)};
        if (host == kEveryHostKey)
            hosts.fallback = std::move(proxy);
        else
            (host.starts_with('.') ? hosts.suffixes : hosts.exact)[host] = std::move(proxy);
    }
}

} // namespace

std::uint64_t Fragment::hash() const noexcept {
    return std::hash<std::string_view>{}(head);
}

bool isSameShape(const Fragment& a, const Fragment& b) noexcept {
    return &a == &b || (a.proxy == b.proxy && a.head == b.head && a.options == b.options);
}

FragmentPtr withServers(const Fragment& fragment, std::vector<InetEndpoint> servers) {
    auto copy = std::make_shared<Fragment>(fragment);
    copy->servers = std::move(servers);
    return copy;
}

FragmentPtr Config::get(std::string_view proxy) const noexcept {
    const auto found = std::ranges::lower_bound(
        fragments, proxy, {}, [](const FragmentPtr& f) { return std::string_view{f->proxy}; });
    return found != fragments.end() && (*found)->proxy == proxy ? *found : nullptr;
}

bool operator==(const Config& a, const Config& b) noexcept {
    return a.base == b.base && a.tail == b.tail && a.maps == b.maps &&
           std::ranges::equal(a.fragments, b.fragments,
                              [](const auto& x, const auto& y) { return x == y || *x == *y; });
}

RenderedConfig render(const Config& config) {
    RenderedConfig rendered{config.base + renderFragments(config.fragments), {}};
    auto line = static_cast<std::size_t>(std::ranges::count(config.base, '\n')) + 1;
    rendered.firstLines.reserve(config.fragments.size());
    for (const FragmentPtr& fragment : config.fragments) {
        rendered.firstLines.push_back(line);
        line += static_cast<std::size_t>(std::ranges::count(fragment->head, '\n')) + 2 +
                fragment->servers.size();
    }
    return rendered;
}

std::string renderFragments(std::span<const FragmentPtr> fragments) {
    std::size_t size = 0;
    for (const FragmentPtr& fragment : fragments)
        size += fragment->head.size() + 256 +
                fragment->servers.size() * (fragment->options.size() + 64);
    std::string text;
    text.reserve(size);
    for (const FragmentPtr& fragment : fragments) {
        text.append(kMarker).append(fragment->appId).append(" port ");
        text.append(std::to_string(fragment->portIndex)).append(" on ");
        text.append(std::to_string(fragment->servicePort)).append(" proxy ");
        text.append(fragment->proxy).append("\n").append(fragment->head);
        text.append(kOptions).append(fragment->options).append("\n");
        for (const InetEndpoint& server : fragment->servers) {
            const std::string where = serverName(server);
            text.append(kServer).append(where).append(" ").append(server.toString());
            text.append(fragment->options).append("\n");
        }
    }
    return text;
}

std::string serverName(const InetEndpoint& server) {
    return server.address.toString() + ':' + std::to_string(server.port);
}

Config parseConfig(std::string_view text) {
    Config config;
    std::shared_ptr<Fragment> current;
    while (!text.empty()) {
        const std::string_view line = takeLine(text);
        if (line.starts_with(kMarker)) {
            if (auto fragment = parseMarker(line)) {
                current = std::make_shared<Fragment>(*std::move(fragment));
                config.fragments.push_back(current);
                continue;
            }
        }
        if (!current) {
            config.base.append(line).append("\n");
        } else if (line.starts_with(kOptions)) {
            current->options = line.substr(kOptions.size());
        } else if (line.starts_with(kServer)) {
            std::string_view rest = line.substr(kServer.size());
            if (const auto server = parseEndpoint(takeWord(rest)))
                current->servers.push_back(*server);
            else
                current->head.append(line).append("\n");
        } else {
            current->head.append(line).append("\n");
        }
    }
    std::ranges::sort(config.fragments, {},
                      [](const FragmentPtr& f) -> const std::string& { return f->proxy; });
    return config;
}

VirtualHosts hostsIn(const MapFiles& maps, worker::GatewayKind kind) {
    const bool isHttp = kind == worker::GatewayKind::Http;
    VirtualHosts hosts;
    addHosts(maps, isHttp ? kHttpMap : kTlsMap, hosts);
    addHosts(maps, isHttp ? kHttpSuffixMap : kTlsSuffixMap, hosts);
    return hosts;
}

std::string keepUsableLines(std::string_view map, std::string_view held,
                            const std::function<bool(std::string_view)>& isUsable) {
    std::unordered_set<std::string_view> isHeld;
    while (!held.empty())
        isHeld.insert(takeLine(held));
    std::string kept;
    while (!map.empty()) {
        const std::string_view line = takeLine(map);
        const std::size_t backend = line.find(" b_");
        if (isHeld.contains(line) ||
            (backend != std::string_view::npos && isUsable(line.substr(backend + 3))))
            kept.append(line).append("\n");
    }
    return kept;
}

} // namespace mmsd::haproxy
