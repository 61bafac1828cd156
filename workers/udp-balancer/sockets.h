// SPDX-License-Identifier: MIT
// The UDP sockets of the balancer, made and asked.
#pragma once

#include "common/inet_address.h"
#include "common/unique_fd.h"

#include <cstdint>

namespace mmsd::udp {

/** Binds the socket that clients send to. On an unspecified address each datagram tells which
 *  address was asked (IP_PKTINFO). No address reuse: a port in use is an error.
 *  @throws SysError */
[[nodiscard]] UniqueFd openServiceSocket(const InetEndpoint& endpoint);

/** True if @p fd is a UDP socket bound to exactly @p endpoint. */
[[nodiscard]] bool isBoundTo(int fd, const InetEndpoint& endpoint) noexcept;

/** A socket connected to one instance: the kernel keeps strangers out, knows the route, and tells
 *  ICMP errors as errors of this socket.
 *  @return undefined, with errno, if that fails */
[[nodiscard]] UniqueFd openInstanceSocket(const InetEndpoint& instance) noexcept;

/** A socket that sends to several instances and takes their answers.
 *  @param isV6 for IPv6 and (as mapped addresses) IPv4
 *  @return undefined, with errno, if that fails */
[[nodiscard]] UniqueFd openFanOutSocket(bool isV6) noexcept;

/** The pending error of a socket, which is cleared together with its error queue; 0 = none. */
[[nodiscard]] int takeError(int fd) noexcept;

/** Datagrams that the kernel dropped because the socket's queue was full. Source: SO_MEMINFO. */
[[nodiscard]] std::uint64_t queueOverflows(int fd) noexcept;

} // namespace mmsd::udp
