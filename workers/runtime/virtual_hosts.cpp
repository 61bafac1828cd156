// SPDX-License-Identifier: MIT
// Which names of the gateway an app asks for by its labels. Pure.
#include "workers/runtime/virtual_hosts.h"

#include "common/text.h"
#include "workers/runtime/label_reason.h"

#include <algorithm>
#include <array>
#include <utility>

namespace mmsd::worker {

namespace {

std::string_view hostLabel(GatewayKind kind) noexcept {
    return kind == GatewayKind::Http ? "lb-vhost" : "lb-vhost-ssl";
}

std::span<const std::string_view> defaultLabels(GatewayKind kind) noexcept {
    static constexpr std::array<std::string_view, 1> kHttp{"lb-vhost-default"};
    static constexpr std::array<std::string_view, 2> kTls{"lb-vhost-ssl-default",
                                                          "lb-vhost-default-ssl"};
    if (kind == GatewayKind::Http)
        return kHttp;
    return kTls;
}

const std::string* find(const protocol::Labels& labels, std::string_view name) noexcept {
    const auto found = labels.find(name);
    return found != labels.end() ? &found->second : nullptr;
}

bool isHostName(std::string_view name) noexcept {
    const auto isAllowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    if (name.empty() || name.size() > 253)
        return false;
    for (;;) {
        const std::size_t dot = name.find('.');
        const std::string_view part = name.substr(0, dot);
        if (part.empty() || part.size() > 63 || !std::ranges::all_of(part, isAllowed))
            return false;
        if (dot == std::string_view::npos)
            return true;
        name.remove_prefix(dot + 1);
    }
}

class WishReader {
public:
    WishReader(GatewayKind kind, const protocol::App& app, std::span<const GatewayPort> ports)
        : kind_{kind}, app_{app}, ports_{ports} {}

    HostWishes read() {
        readHosts();
        readDefaults();
        return std::move(result_);
    }

private:
    [[nodiscard]] bool fits(const GatewayPort& port) const noexcept {
        // TLS passes the gateway untouched, so its port speaks plain TCP to HAProxy.
        return port.isHttp == (kind_ == GatewayKind::Http);
    }

    [[nodiscard]] const protocol::Labels& labelsOf(const GatewayPort& port) const noexcept {
        return app_.ports[port.index].labels;
    }

    void refuse(std::uint16_t index, std::string reason) {
        result_.refusals.push_back(
            {app_.id, index, std::move(reason), protocol::RefusalRule::InvalidValue, true});
    }

    void readHosts() {
        const std::string_view name = hostLabel(kind_);
        const std::string_view expected = kind_ == GatewayKind::Http
                                              ? "the gateway's port 80 needs proto=http here"
                                              : "TLS by SNI needs a port that is not proto=http";
        const GatewayPort* firstFit = nullptr;
        for (const GatewayPort& port : ports_) {
            const std::string* const hosts = find(labelsOf(port), name);
            if (hosts == nullptr) {
                if (firstFit == nullptr && fits(port))
                    firstFit = &port;
            } else if (fits(port)) {
                wishHosts(port, *hosts);
            } else {
                refuse(port.index, labelReason(name, *hosts, expected));
            }
        }
        // On the app, the label means the first port that can have it.
        if (const std::string* const hosts = find(app_.labels, name)) {
            if (firstFit != nullptr)
                wishHosts(*firstFit, *hosts);
            else
                refuse(protocol::kWholeApp, labelReason(name, *hosts, expected));
        }
    }

    void wishHosts(const GatewayPort& port, const std::string& hosts) {
        const auto items = splitList(hosts);
        if (items.empty())
            refuse(port.index, labelReason(hostLabel(kind_), hosts, "names no host"));
        for (const std::string_view item : items) {
            if (auto host = parseVirtualHost(item))
                result_.wishes.push_back({*std::move(host), port.index});
            else
                refuse(port.index,
                       labelReason(hostLabel(kind_), item, "is no host name; not used"));
        }
    }

    void readDefaults() {
        for (const std::string_view name : defaultLabels(kind_)) {
            for (const GatewayPort& port : ports_)
                if (const std::string* const value = find(labelsOf(port), name)) {
                    const auto index = parseNumber<std::uint16_t>(trim(*value));
                    if (index == port.index || index == std::uint16_t{1})
                        wishDefault(port, name, *value);
                    else
                        refuse(port.index,
                               labelReason(name, *value, "expected the port's index, or 1"));
                }
            if (const std::string* const value = find(app_.labels, name)) {
                const auto index = parseNumber<std::uint16_t>(trim(*value));
                const auto named = std::ranges::find_if(
                    ports_, [&](const GatewayPort& port) { return index == port.index; });
                if (named != ports_.end())
                    wishDefault(*named, name, *value);
                else
                    refuse(protocol::kWholeApp,
                           labelReason(name, *value, "expected the index of an exposed port"));
            }
        }
    }

    void wishDefault(const GatewayPort& port, std::string_view labelName,
                     const std::string& value) {
        if (fits(port))
            result_.wishes.push_back({std::string{kEveryHost}, port.index});
        else
            refuse(port.index,
                   labelReason(labelName, value,
                               kind_ == GatewayKind::Http ? "the port needs proto=http"
                                                          : "the port must not be proto=http"));
    }

    GatewayKind kind_;
    const protocol::App& app_;
    std::span<const GatewayPort> ports_;
    HostWishes result_;
};

} // namespace

std::optional<std::string> parseVirtualHost(std::string_view text) {
    text = trim(text);
    if (const std::size_t colon = text.rfind(':'); colon != std::string_view::npos) {
        if (!parseNumber<std::uint16_t>(text.substr(colon + 1)))
            return std::nullopt;
        text = text.substr(0, colon);
    }
    if (text.ends_with('.'))
        text.remove_suffix(1);
    const bool isSuffix = text.starts_with("*.");
    if (!isHostName(isSuffix ? text.substr(2) : text))
        return std::nullopt;
    return toLower(isSuffix ? text.substr(1) : text);
}

std::string_view hostMap(GatewayKind kind, std::string_view host) noexcept {
    const bool isSuffix = host.starts_with('.');
    if (kind == GatewayKind::Http)
        return isSuffix ? kHttpSuffixMap : kHttpMap;
    return isSuffix ? kTlsSuffixMap : kTlsMap;
}

HostWishes readHostWishes(GatewayKind kind, const protocol::App& app,
                          std::span<const GatewayPort> ports) {
    return WishReader{kind, app, ports}.read();
}

std::string hostTakenReason(GatewayKind kind, std::string_view host) {
    if (host == kEveryHost)
        return std::string{defaultLabels(kind).front()} + " taken";
    return labelReason(hostLabel(kind), (host.starts_with('.') ? "*" : "") + std::string{host},
                       "taken");
}

} // namespace mmsd::worker
