// SPDX-License-Identifier: MIT
// Batches of datagrams for recvmmsg(2) and sendmmsg(2), with buffers of their own.
#pragma once

#include "common/inet_address.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

namespace mmsd::udp {

/** Datagrams in one system call. */
inline constexpr std::size_t kBatch = 64;
/** Octets of the largest UDP payload (65 507 over IPv4, 65 527 over IPv6) and room to spare: no
 *  datagram is ever cut. */
inline constexpr std::size_t kMaxDatagram = 65'536;

/** Which of this host's addresses a client asked, so that the answer comes from there. */
struct AskedAddress {
    IpAddress address;
    std::uint32_t interface = 0; ///< index; only of IPv6, where a link-local client needs it
    bool isKnown = false;        ///< false: the socket is bound to it

    bool operator==(const AskedAddress&) const = default;
};

/** Memory for kBatch datagrams; only what is used becomes resident. */
class DatagramBuffers {
public:
    [[nodiscard]] std::byte* at(std::size_t index) noexcept {
        return memory_.get() + index * kStep;
    }

private:
    /** Not a power of two: equal offsets would all fall into one set of the processor's caches. */
    static constexpr std::size_t kStep = kMaxDatagram + 2 * 64;
    std::unique_ptr<std::byte[]> memory_ =
        std::make_unique_for_overwrite<std::byte[]>(kBatch * kStep);
};

/** A sockaddr of either family. */
union SocketAddress {
    sockaddr_in v4;
    sockaddr_in6 v6;

    /** @return its length */
    socklen_t set(const InetEndpoint& endpoint) noexcept;
    /** The same with IPv4 as an IPv4-mapped address (RFC 4291 §2.5.5.2). */
    socklen_t setMapped(const InetEndpoint& endpoint) noexcept;
    /** IPv4-mapped addresses become IPv4. */
    [[nodiscard]] InetEndpoint get() const noexcept;
};

/** Place for one control message that tells an address of this host. */
struct alignas(cmsghdr) PacketInfo {
    std::array<std::byte, CMSG_SPACE(sizeof(in6_pktinfo))> octets;
};

/** What clients sent: received in one call, read one by one. */
class InboundBatch {
public:
    InboundBatch();
    InboundBatch(const InboundBatch&) = delete;
    InboundBatch& operator=(const InboundBatch&) = delete;

    /** @return how many were there; 0 if none */
    std::size_t receive(int fd) noexcept;

    [[nodiscard]] std::span<const std::byte> payload(std::size_t i) noexcept;
    [[nodiscard]] InetEndpoint client(std::size_t i) const noexcept;
    [[nodiscard]] AskedAddress asked(std::size_t i) const noexcept;

private:
    DatagramBuffers buffers_;
    std::array<mmsghdr, kBatch> messages_{};
    std::array<iovec, kBatch> vectors_{};
    std::array<SocketAddress, kBatch> clients_{};
    std::array<PacketInfo, kBatch> infos_{};
    std::size_t used_ = kBatch;
};

/** Answers on their way to clients of any service: received from instances into the same memory
 *  from which they are sent. */
class ReplyBatch {
public:
    ReplyBatch();
    ReplyBatch(const ReplyBatch&) = delete;
    ReplyBatch& operator=(const ReplyBatch&) = delete;

    [[nodiscard]] bool isFull() const noexcept { return count_ == kBatch; }
    [[nodiscard]] bool isEmpty() const noexcept { return count_ == 0; }

    /** Receives what @p fd has and there is place for; each must then be addressed or dropped, in
     *  order.
     *  @param wantsSource source() will be asked for
     *  @return how many; negative with errno like recvmmsg(2) */
    int receive(int fd, bool wantsSource) noexcept;
    /** Who sent the next one to be addressed. */
    [[nodiscard]] InetEndpoint source() const noexcept { return addresses_[next_].get(); }
    /** Decides on the next received one: to @p client, out of the socket of @p service. */
    void address(std::uint32_t service, const InetEndpoint& client,
                 const AskedAddress& asked) noexcept;
    void drop() noexcept;

    /** Answers that leave from one socket, in order, ready for sendmmsg(2). */
    struct Run {
        std::uint32_t service;
        std::span<mmsghdr> messages;
    };
    /** The next run, good until the next call; nothing when all are taken: the batch is then
     *  empty. */
    [[nodiscard]] std::optional<Run> takeRun() noexcept;

private:
    static constexpr std::uint32_t kDone = 0xffffffff;
    DatagramBuffers buffers_;
    std::array<mmsghdr, kBatch> messages_{};
    std::array<mmsghdr, kBatch> run_{};
    std::array<iovec, kBatch> vectors_{};
    std::array<SocketAddress, kBatch> addresses_{};
    std::array<PacketInfo, kBatch> infos_{};
    std::array<std::uint32_t, kBatch> services_{};
    std::size_t count_ = 0; ///< received
    std::size_t next_ = 0;  ///< decided on
    std::size_t taken_ = 0; ///< all before it are in runs
};

} // namespace mmsd::udp
