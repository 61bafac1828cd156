// SPDX-License-Identifier: MIT
// The API's listening socket and how many clients the process can hold.
#pragma once

#include "common/inet_address.h"
#include "common/unique_fd.h"

#include <cstddef>

namespace mmsd::api {

/** Binds and listens, for a run without a supervisor. @throws SysError naming the endpoint */
[[nodiscard]] UniqueFd openListener(const InetEndpoint& endpoint);

/** Makes clients of @p listener inherit TCP_NODELAY: answers are written whole.
 *  @throws SysError */
void prepareListener(const UniqueFd& listener);

/** Raises the soft limit of open files, as far as the hard one allows.
 *  @return how many connections fit in besides what the process has open itself, at least 1 and
 *          at most @p wanted */
[[nodiscard]] std::size_t reserveDescriptors(std::size_t wanted);

} // namespace mmsd::api
