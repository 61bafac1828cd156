// SPDX-License-Identifier: MIT
// Descriptors that the supervisor left open for a worker, checked before use.
#pragma once

#include "common/unique_fd.h"
#include "protocol/control_messages.h"

#include <map>
#include <string>
#include <vector>

namespace mmsd::worker {

/** The channel is always this descriptor. */
inline constexpr int kChannelFd = 3;

/** Takes the channel, non-blocking and close-on-exec.
 *  @throws StartError (usage) if descriptor 3 is no Unix stream socket: started by hand */
[[nodiscard]] UniqueFd adoptChannel();

/** Takes the sockets named in Hello, non-blocking and close-on-exec, by role.
 *  A role ending in "-tcp" must be a listening stream socket, "-udp" a datagram socket.
 *  @throws StartError if one is not what its role says, or a descriptor is named twice */
[[nodiscard]] std::map<std::string, UniqueFd, std::less<>>
adoptSockets(const std::vector<protocol::SocketRole>& roles);

} // namespace mmsd::worker
