// SPDX-License-Identifier: MIT
// Batches of datagrams for recvmmsg(2) and sendmmsg(2), with buffers of their own.
#include "workers/udp-balancer/datagram_batch.h"

#include <algorithm>
#include <cstring>

namespace mmsd::udp {

namespace {

/** Answers of one session in one call; most have one, and each prepared place costs time. */
constexpr std::size_t kMaxPerReceive = 8;

constexpr std::array<std::uint8_t, 12> kMappedPrefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

/** One control message of type T into @p octets. @return its length */
template <typename T>
std::size_t putControl(std::byte* octets, int level, int type, const T& value) noexcept {
    cmsghdr header{};
    header.cmsg_level = level;
    header.cmsg_type = type;
    header.cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(octets, &header, sizeof header);
    std::memcpy(octets + CMSG_LEN(0), &value, sizeof value);
    return CMSG_SPACE(sizeof value);
}

std::size_t putAskedAddress(std::byte* octets, const AskedAddress& asked) noexcept {
    if (!asked.isKnown)
        return 0;
    if (asked.address.isV6()) {
        in6_pktinfo info{};
        std::memcpy(&info.ipi6_addr, asked.address.data(), sizeof info.ipi6_addr);
        info.ipi6_ifindex = asked.interface;
        return putControl(octets, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
    in_pktinfo info{};
    std::memcpy(&info.ipi_spec_dst, asked.address.data(), sizeof info.ipi_spec_dst);
    return putControl(octets, IPPROTO_IP, IP_PKTINFO, info);
}

} // namespace

socklen_t SocketAddress::set(const InetEndpoint& endpoint) noexcept {
    if (endpoint.address.isV6())
        return setMapped(endpoint);
    v4 = {};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(endpoint.port);
    std::memcpy(&v4.sin_addr, endpoint.address.data(), sizeof v4.sin_addr);
    return sizeof v4;
}

socklen_t SocketAddress::setMapped(const InetEndpoint& endpoint) noexcept {
    v6 = {};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(endpoint.port);
    std::uint8_t* octets = v6.sin6_addr.s6_addr;
    if (!endpoint.address.isV6())
        octets = std::ranges::copy(kMappedPrefix, octets).out;
    std::memcpy(octets, endpoint.address.data(), endpoint.address.size());
    return sizeof v6;
}

InetEndpoint SocketAddress::get() const noexcept {
    if (v4.sin_family == AF_INET)
        return {IpAddress{v4.sin_addr}, ntohs(v4.sin_port)};
    if (std::memcmp(&v6.sin6_addr, kMappedPrefix.data(), kMappedPrefix.size()) != 0)
        return {IpAddress{v6.sin6_addr}, ntohs(v6.sin6_port)};
    in_addr address{};
    std::memcpy(&address, v6.sin6_addr.s6_addr + kMappedPrefix.size(), sizeof address);
    return {IpAddress{address}, ntohs(v6.sin6_port)};
}

InboundBatch::InboundBatch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
        vectors_[i] = {buffers_.at(i), kMaxDatagram};
        messages_[i].msg_hdr.msg_iov = &vectors_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
        messages_[i].msg_hdr.msg_name = &clients_[i];
        messages_[i].msg_hdr.msg_control = infos_[i].octets.data();
    }
}

std::size_t InboundBatch::receive(int fd) noexcept {
    // Those that the last call did not reach are as they were.
    for (std::size_t i = 0; i < used_; ++i) {
        messages_[i].msg_hdr.msg_namelen = sizeof(SocketAddress);
        messages_[i].msg_hdr.msg_controllen = sizeof(PacketInfo::octets);
    }
    const int count = ::recvmmsg(fd, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
    used_ = static_cast<std::size_t>(std::max(count, 0));
    return used_;
}

std::span<const std::byte> InboundBatch::payload(std::size_t i) noexcept {
    return {buffers_.at(i), messages_[i].msg_len};
}

InetEndpoint InboundBatch::client(std::size_t i) const noexcept {
    return clients_[i].get();
}

AskedAddress InboundBatch::asked(std::size_t i) const noexcept {
    const msghdr& message = messages_[i].msg_hdr;
    if (message.msg_controllen < sizeof(cmsghdr))
        return {};
    cmsghdr header{};
    std::memcpy(&header, infos_[i].octets.data(), sizeof header);
    const std::byte* const data = infos_[i].octets.data() + CMSG_LEN(0);
    if (header.cmsg_level == IPPROTO_IP && header.cmsg_type == IP_PKTINFO) {
        in_pktinfo info{};
        std::memcpy(&info, data, sizeof info);
        return {IpAddress{info.ipi_spec_dst}, 0, true};
    }
    if (header.cmsg_level == IPPROTO_IPV6 && header.cmsg_type == IPV6_PKTINFO) {
        in6_pktinfo info{};
        std::memcpy(&info, data, sizeof info);
        // A group cannot be the source of an answer: then the kernel chooses.
        if (IN6_IS_ADDR_MULTICAST(&info.ipi6_addr))
            return {};
        const bool isLinkLocal = IN6_IS_ADDR_LINKLOCAL(&clients_[i].v6.sin6_addr);
        return {IpAddress{info.ipi6_addr}, isLinkLocal ? info.ipi6_ifindex : 0, true};
    }
    return {};
}

ReplyBatch::ReplyBatch() {
    for (std::size_t i = 0; i < kBatch; ++i) {
        vectors_[i].iov_base = buffers_.at(i);
        messages_[i].msg_hdr.msg_iov = &vectors_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
    }
}

int ReplyBatch::receive(int fd, bool wantsSource) noexcept {
    const std::size_t limit = std::min(count_ + kMaxPerReceive, kBatch);
    for (std::size_t i = count_; i < limit; ++i) {
        msghdr& message = messages_[i].msg_hdr;
        vectors_[i].iov_len = kMaxDatagram;
        message.msg_name = wantsSource ? &addresses_[i] : nullptr;
        message.msg_namelen = wantsSource ? sizeof(SocketAddress) : 0;
        message.msg_control = nullptr;
        message.msg_controllen = 0;
    }
    const int received = ::recvmmsg(fd, &messages_[count_], static_cast<unsigned>(limit - count_),
                                    MSG_DONTWAIT, nullptr);
    count_ += static_cast<std::size_t>(std::max(received, 0));
    return received;
}

void ReplyBatch::address(std::uint32_t service, const InetEndpoint& client,
                         const AskedAddress& asked) noexcept {
    const std::size_t i = next_++;
    msghdr& message = messages_[i].msg_hdr;
    vectors_[i].iov_len = messages_[i].msg_len;
    message.msg_name = &addresses_[i];
    message.msg_namelen = addresses_[i].set(client);
    message.msg_controllen = putAskedAddress(infos_[i].octets.data(), asked);
    message.msg_control = message.msg_controllen != 0 ? infos_[i].octets.data() : nullptr;
    services_[i] = service;
}

void ReplyBatch::drop() noexcept {
    services_[next_++] = kDone;
}

std::optional<ReplyBatch::Run> ReplyBatch::takeRun() noexcept {
    while (taken_ < next_ && services_[taken_] == kDone)
        ++taken_;
    if (taken_ == next_) {
        count_ = next_ = taken_ = 0;
        return std::nullopt;
    }
    const std::uint32_t service = services_[taken_];
    std::size_t length = 0;
    for (std::size_t i = taken_; i < next_; ++i) {
        if (services_[i] != service)
            continue;
        run_[length++] = messages_[i];
        services_[i] = kDone;
    }
    return Run{service, {run_.data(), length}};
}

} // namespace mmsd::udp
