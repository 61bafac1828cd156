// SPDX-License-Identifier: MIT
// The API's listening socket.
#pragma once

#include "common/inet_address.h"
#include "common/unique_fd.h"

namespace mmsd::api {

/** Binds and listens, for a run without a supervisor. @throws SysError naming the endpoint */
[[nodiscard]] UniqueFd openListener(const InetEndpoint& endpoint);

/** Makes clients of @p listener inherit TCP_NODELAY (answers are written whole), and be given up
 *  when they have vanished without a word, as held ones and readers of streams would not be
 *  noticed else (tcp(7)). @throws SysError */
void prepareListener(const UniqueFd& listener);

} // namespace mmsd::api
