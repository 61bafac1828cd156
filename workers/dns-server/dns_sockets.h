// SPDX-License-Identifier: MIT
// The server's two sockets: opened here only when nobody else did, and prepared for use.
#pragma once

#include "common/inet_address.h"
#include "common/unique_fd.h"

#include <cstddef>
#include <vector>

namespace mmsd::dns {

/** Bind, for a run without a supervisor. @throws SysError naming the endpoint */
[[nodiscard]] UniqueFd openUdpSocket(const InetEndpoint& endpoint);
[[nodiscard]] UniqueFd openTcpListener(const InetEndpoint& endpoint);

/** Makes room for bursts, and has datagrams tell the address that they were sent to where the
 *  socket is bound to all: the answer must leave from there.
 *  @throws SysError */
void prepareUdpSocket(const UniqueFd& socket);
/** Makes clients of @p listener inherit TCP_NODELAY: answers are written whole.
 *  @throws SysError */
void prepareTcpListener(const UniqueFd& listener);

/** The addresses under which clients reach a server that is bound to @p address: itself, or where
 *  that means "all" those of the machine's interfaces that are up; never empty. */
[[nodiscard]] std::vector<IpAddress> reachableAddresses(const IpAddress& address);

} // namespace mmsd::dns
