// SPDX-License-Identifier: MIT
// IP addresses and endpoints as plain values.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd {

/** An IPv4 or IPv6 address without scope; ordered IPv4 first, then by octets. */
class IpAddress {
public:
    /** 0.0.0.0 */
    IpAddress() noexcept = default;
    explicit IpAddress(const in_addr& address) noexcept;
    explicit IpAddress(const in6_addr& address) noexcept;

    /** Numeric text only ("10.0.0.1", "::1", no brackets, no scope, no port). */
    [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text) noexcept;

    [[nodiscard]] bool isV6() const noexcept { return isV6_; }
    /** 4 or 16 octets in network order. */
    [[nodiscard]] std::size_t size() const noexcept { return isV6_ ? 16 : 4; }
    [[nodiscard]] const std::uint8_t* data() const noexcept { return octets_.data(); }
    [[nodiscard]] std::string toString() const;

    auto operator<=>(const IpAddress&) const noexcept = default;

private:
    bool isV6_ = false;
    std::array<std::uint8_t, 16> octets_{};
};

/** Address and port. */
struct InetEndpoint {
    IpAddress address;
    std::uint16_t port = 0;

    [[nodiscard]] socklen_t toSockaddr(sockaddr_storage& out) const noexcept;
    [[nodiscard]] static std::optional<InetEndpoint> fromSockaddr(const sockaddr* address,
                                                                  socklen_t length) noexcept;
    /** "10.0.0.1:80", "[::1]:80" */
    [[nodiscard]] std::string toString() const;
    auto operator<=>(const InetEndpoint&) const noexcept = default;
};

/** "host:port", with brackets around a host that holds a colon (RFC 3986 §3.2.2). */
[[nodiscard]] std::string formatHostPort(std::string_view host, std::uint16_t port);

} // namespace mmsd
