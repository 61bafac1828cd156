// SPDX-License-Identifier: MIT
// IP addresses and endpoints as plain values.
#include "common/inet_address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace mmsd {

IpAddress::IpAddress(const in_addr& address) noexcept {
    std::memcpy(octets_.data(), &address, sizeof(address));
}

IpAddress::IpAddress(const in6_addr& address) noexcept : isV6_{true} {
    std::memcpy(octets_.data(), &address, sizeof(address));
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) noexcept {
    // inet_pton stops at a NUL: one inside the text must not hide what follows.
    std::array<char, INET6_ADDRSTRLEN> terminated{};
    if (text.size() >= terminated.size() || text.find('\0') != std::string_view::npos)
        return std::nullopt;
    std::ranges::copy(text, terminated.begin());

    IpAddress address;
    address.isV6_ = text.find(':') != std::string_view::npos;
    const int family = address.isV6_ ? AF_INET6 : AF_INET;
    if (inet_pton(family, terminated.data(), address.octets_.data()) != 1)
        return std::nullopt;
    return address;
}

std::string IpAddress::toString() const {
    std::array<char, INET6_ADDRSTRLEN> text{};
    inet_ntop(isV6_ ? AF_INET6 : AF_INET, octets_.data(), text.data(), text.size());
    return text.data();
}

socklen_t InetEndpoint::toSockaddr(sockaddr_storage& out) const noexcept {
    out = {};
    if (address.isV6()) {
        sockaddr_in6 v6{};
        v6.sin6_family = AF_INET6;
        v6.sin6_port = htons(port);
        std::memcpy(&v6.sin6_addr, address.data(), sizeof(v6.sin6_addr));
        std::memcpy(&out, &v6, sizeof(v6));
        return sizeof(v6);
    }
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.data(), sizeof(v4.sin_addr));
    std::memcpy(&out, &v4, sizeof(v4));
    return sizeof(v4);
}

std::optional<InetEndpoint> InetEndpoint::fromSockaddr(const sockaddr* address,
                                                       socklen_t length) noexcept {
    if (address == nullptr || length < sizeof(sa_family_t))
        return std::nullopt;
    if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
        sockaddr_in v4{};
        std::memcpy(&v4, address, sizeof(v4));
        return InetEndpoint{IpAddress{v4.sin_addr}, ntohs(v4.sin_port)};
    }
    if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
        sockaddr_in6 v6{};
        std::memcpy(&v6, address, sizeof(v6));
        return InetEndpoint{IpAddress{v6.sin6_addr}, ntohs(v6.sin6_port)};
    }
    return std::nullopt;
}

std::string InetEndpoint::toString() const {
    return formatHostPort(address.toString(), port);
}

std::string formatHostPort(std::string_view host, std::uint16_t port) {
    std::string text{host};
    if (host.find(':') != std::string_view::npos)
        text = "[" + text + "]";
    return text + ":" + std::to_string(port);
}

} // namespace mmsd
