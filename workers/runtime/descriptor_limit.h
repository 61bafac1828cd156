// SPDX-License-Identifier: MIT
// Making room for as many clients as a worker wants to serve.
#pragma once

#include <cstddef>

namespace mmsd::worker {

/** Raises the soft limit of open files, as far as the hard one allows.
 *  @return how many connections fit in besides what the process has open itself, at least 1 and
 *          at most @p wanted */
[[nodiscard]] std::size_t reserveDescriptors(std::size_t wanted);

} // namespace mmsd::worker
