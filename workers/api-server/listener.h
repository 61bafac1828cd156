// SPDX-License-Identifier: MIT
// The API's listening socket.
#pragma once

#include "common/inet_address.h"
#include "common/unique_fd.h"

namespace mmsd::api {

/** Binds and listens, for a run without a supervisor. @throws SysError naming the endpoint */
[[nodiscard]] UniqueFd openListener(const InetEndpoint& endpoint);

/** Sets what clients of @p listener inherit: TCP_NODELAY, as answers are written whole; bounded
 *  buffers in the kernel; and to be given up when they have vanished without a word, which would
 *  not be noticed of held ones and readers of streams (tcp(7)). @throws SysError */
void prepareListener(const UniqueFd& listener);

} // namespace mmsd::api
