// SPDX-License-Identifier: MIT
// DatagramBatch: many datagrams in and many answers out with two system calls.
#pragma once

#include "workers/dns-server/responder.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace mmsd::dns {

/** Buffers and headers of one batch, some 200 KB. Answers to one client of one size leave as one
 *  send that the kernel cuts (UDP_SEGMENT): forwarders and balancers ask many things at a time from
 *  one port, and most of an answer's cost is the way through the kernel. */
class DatagramBatch {
public:
    static constexpr std::size_t kCapacity = 32;
    /** Octets of a query: with every option in use a few hundred; larger ones are nobody's. */
    static constexpr std::size_t kMaxQuery = 1'500;

    DatagramBatch() noexcept;
    DatagramBatch(const DatagramBatch&) = delete;
    DatagramBatch& operator=(const DatagramBatch&) = delete;

    /** Takes what has arrived on @p fd, and forgets the batch before.
     *  @return how many datagrams; 0 = none, or an error of an earlier answer */
    std::size_t receive(int fd) noexcept;
    /** Query @p index; empty if it was larger than kMaxQuery. */
    [[nodiscard]] std::span<const std::uint8_t> query(std::size_t index) const noexcept;

    /** Where the next answer is to be written. */
    [[nodiscard]] std::span<std::uint8_t> reply() noexcept { return replies_[replyCount_]; }
    /** Takes what was written to reply() as the answer to query @p index. */
    void addReply(std::size_t index, std::size_t size) noexcept;

    /** Sends all answers. @return how many could not be sent */
    std::size_t send(int fd) noexcept;

private:
    /** Room for where a datagram was sent to, and the size of segments. */
    struct Control {
        alignas(cmsghdr) std::array<std::uint8_t, CMSG_SPACE(sizeof(in6_pktinfo)) +
                                                      CMSG_SPACE(sizeof(std::uint16_t))> octets;
    };

    /** Reply at that place of the order. */
    [[nodiscard]] std::size_t placeAt(std::size_t position) const noexcept {
        return order_[position] & 0xff;
    }
    /** True if the replies at those positions go to one client from one address. */
    [[nodiscard]] bool isSameWay(std::size_t position, std::size_t other) const noexcept;
    std::size_t makeMessages() noexcept;
    void makeMessage(std::size_t message, std::size_t first, std::size_t count) noexcept;
    std::size_t sendOneByOne(int fd, const msghdr& message) noexcept;

    std::size_t receivedCount_ = 0;
    std::array<mmsghdr, kCapacity> received_{};
    std::array<iovec, kCapacity> queryParts_{};
    std::array<sockaddr_in6, kCapacity> peers_{};
    std::array<Control, kCapacity> controls_{};
    std::array<std::array<std::uint8_t, kMaxQuery>, kCapacity> queries_{};

    std::size_t replyCount_ = 0;
    std::array<std::array<std::uint8_t, kMaxUdpReply>, kCapacity> replies_{};
    std::array<std::uint8_t, kCapacity> origins_{}; ///< query of each reply
    std::array<std::uint16_t, kCapacity> sizes_{};
    /** Sort key of each reply, with its place in the low octet. */
    std::array<std::uint64_t, kCapacity> order_{};
    std::array<iovec, kCapacity> replyParts_{}; ///< in that order
    std::array<mmsghdr, kCapacity> sent_{};
    std::array<Control, kCapacity> sentControls_{};
    bool canSegment_ = true;
};

} // namespace mmsd::dns
