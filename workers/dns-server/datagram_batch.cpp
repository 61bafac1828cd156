// SPDX-License-Identifier: MIT
// DatagramBatch: many datagrams in and many answers out with two system calls.
#include "workers/dns-server/datagram_batch.h"

#include <netinet/udp.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace mmsd::dns {

namespace {

/** Octets that one segmented send can hold. Source: udp(7), UDP_SEGMENT; IP's limit of 65 535. */
constexpr std::size_t kMaxSegmented = 65'000;

/** Leaves the interface to the routing table: the answer need not go out where the query came in.
 *  Link-local peers name theirs in their address. */
void forgetInterface(msghdr& message) noexcept {
    for (cmsghdr* item = CMSG_FIRSTHDR(&message); item != nullptr;
         item = CMSG_NXTHDR(&message, item)) {
        if (item->cmsg_level == IPPROTO_IP && item->cmsg_type == IP_PKTINFO)
            reinterpret_cast<in_pktinfo*>(CMSG_DATA(item))->ipi_ifindex = 0;
        else if (item->cmsg_level == IPPROTO_IPV6 && item->cmsg_type == IPV6_PKTINFO)
            reinterpret_cast<in6_pktinfo*>(CMSG_DATA(item))->ipi6_ifindex = 0;
    }
}

void resetHeader(msghdr& message) noexcept {
    message.msg_namelen = sizeof(sockaddr_in6);
    message.msg_controllen = CMSG_SPACE(sizeof(in6_pktinfo));
}

/** Bits of a sort key, from the top: client, size (larger ones first), place. */
constexpr unsigned kSizeShift = 8;
constexpr unsigned kClientShift = kSizeShift + 11;
static_assert(kMaxUdpReply < 1u << (kClientShift - kSizeShift));
static_assert(DatagramBatch::kCapacity <= 1u << kSizeShift);

/** Brings the answers to one client together; different ones may meet by chance. */
std::uint64_t sortKey(const sockaddr_in6& peer, std::size_t size, std::size_t place) noexcept {
    std::uint32_t host = 0;
    if (peer.sin6_family == AF_INET)
        std::memcpy(&host, &reinterpret_cast<const sockaddr_in&>(peer).sin_addr, sizeof host);
    else
        std::memcpy(&host, peer.sin6_addr.s6_addr + 12, sizeof host);
    const std::uint64_t client = (std::uint64_t{peer.sin6_port} << 32 | host) * 0x9e3779b97f4a7c15;
    return client >> kClientShift << kClientShift | (kMaxUdpReply - size) << kSizeShift | place;
}

} // namespace

DatagramBatch::DatagramBatch() noexcept {
    for (std::size_t i = 0; i < kCapacity; ++i) {
        queryParts_[i] = {queries_[i].data(), queries_[i].size()};
        msghdr& query = received_[i].msg_hdr;
        query.msg_name = &peers_[i];
        query.msg_iov = &queryParts_[i];
        query.msg_iovlen = 1;
        query.msg_control = controls_[i].octets.data();
        resetHeader(query);
    }
}

std::size_t DatagramBatch::receive(int fd) noexcept {
    // The kernel has written to the headers that it used.
    for (std::size_t i = 0; i < receivedCount_; ++i)
        resetHeader(received_[i].msg_hdr);
    replyCount_ = 0;
    const int count = ::recvmmsg(fd, received_.data(), kCapacity, MSG_DONTWAIT, nullptr);
    receivedCount_ = count < 0 ? 0 : static_cast<std::size_t>(count);
    return receivedCount_;
}

std::span<const std::uint8_t> DatagramBatch::query(std::size_t index) const noexcept {
    const mmsghdr& message = received_[index];
    const bool isCut = (message.msg_hdr.msg_flags & MSG_TRUNC) != 0;
    return {queries_[index].data(), isCut ? 0 : message.msg_len};
}

void DatagramBatch::addReply(std::size_t index, std::size_t size) noexcept {
    msghdr& query = received_[index].msg_hdr;
    if (query.msg_controllen != 0)
        forgetInterface(query);
    origins_[replyCount_] = static_cast<std::uint8_t>(index);
    sizes_[replyCount_] = static_cast<std::uint16_t>(size);
    order_[replyCount_] = sortKey(peers_[index], size, replyCount_);
    ++replyCount_;
}

bool DatagramBatch::isSameWay(std::size_t position, std::size_t other) const noexcept {
    if (order_[position] >> kClientShift != order_[other] >> kClientShift)
        return false;
    const msghdr& a = received_[origins_[placeAt(position)]].msg_hdr;
    const msghdr& b = received_[origins_[placeAt(other)]].msg_hdr;
    return a.msg_namelen == b.msg_namelen &&
           std::memcmp(a.msg_name, b.msg_name, a.msg_namelen) == 0 &&
           a.msg_controllen == b.msg_controllen &&
           std::memcmp(a.msg_control, b.msg_control, a.msg_controllen) == 0;
}

void DatagramBatch::makeMessage(std::size_t message, std::size_t first,
                                std::size_t count) noexcept {
    const std::size_t reply = placeAt(first);
    msghdr& made = sent_[message].msg_hdr;
    made = received_[origins_[reply]].msg_hdr;
    made.msg_flags = 0;
    made.msg_iov = &replyParts_[first];
    made.msg_iovlen = count;
    if (count == 1)
        return;
    Control& control = sentControls_[message];
    std::memcpy(control.octets.data(), made.msg_control, made.msg_controllen);
    made.msg_control = control.octets.data();
    auto* const item = reinterpret_cast<cmsghdr*>(control.octets.data() + made.msg_controllen);
    item->cmsg_level = SOL_UDP;
    item->cmsg_type = UDP_SEGMENT;
    item->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
    std::memcpy(CMSG_DATA(item), &sizes_[reply], sizeof(std::uint16_t));
    made.msg_controllen += CMSG_SPACE(sizeof(std::uint16_t));
}

std::size_t DatagramBatch::makeMessages() noexcept {
    if (canSegment_)
        std::sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(replyCount_));
    std::size_t messages = 0;
    for (std::size_t first = 0; first < replyCount_;) {
        const std::size_t head = placeAt(first);
        std::size_t total = 0;
        std::size_t end = first;
        do {
            const std::size_t reply = placeAt(end++);
            replyParts_[end - 1] = {replies_[reply].data(), sizes_[reply]};
            total += sizes_[reply];
            // All segments have the size of the first; only the last may be shorter.
            if (sizes_[reply] != sizes_[head])
                break;
        } while (canSegment_ && end < replyCount_ && total + sizes_[head] <= kMaxSegmented &&
                 isSameWay(first, end));
        makeMessage(messages++, first, end - first);
        first = end;
    }
    return messages;
}

std::size_t DatagramBatch::sendOneByOne(int fd, const msghdr& message) noexcept {
    std::size_t lost = 0;
    msghdr single = message;
    single.msg_controllen -= CMSG_SPACE(sizeof(std::uint16_t));
    single.msg_iovlen = 1;
    for (std::size_t i = 0; i < message.msg_iovlen; ++i) {
        single.msg_iov = message.msg_iov + i;
        lost += ::sendmsg(fd, &single, MSG_DONTWAIT) < 0;
    }
    return lost;
}

std::size_t DatagramBatch::send(int fd) noexcept {
    const std::size_t messages = makeMessages();
    std::size_t lost = 0;
    for (std::size_t done = 0; done < messages;) {
        const int sent =
            ::sendmmsg(fd, &sent_[done], static_cast<unsigned>(messages - done), MSG_DONTWAIT);
        if (sent > 0) {
            done += static_cast<std::size_t>(sent);
            continue;
        }
        const msghdr& first = sent_[done++].msg_hdr;
        if (errno == EAGAIN || errno == EWOULDBLOCK || first.msg_iovlen == 1) {
            lost += first.msg_iovlen;
            continue;
        }
        // EIO: the interface cannot sum, EINVAL: too large for the way there, or an old kernel.
        canSegment_ = errno != EIO && errno != EOPNOTSUPP && errno != ENOPROTOOPT;
        lost += sendOneByOne(fd, first);
    }
    return lost;
}

} // namespace mmsd::dns
