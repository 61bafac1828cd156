// SPDX-License-Identifier: MIT
// Making room for as many clients as a worker wants to serve.
#include "workers/runtime/descriptor_limit.h"

#include "common/sys_error.h"

#include <sys/resource.h>

#include <algorithm>

namespace mmsd::worker {

namespace {

/** Standard streams, channel, listener, epoll, libevent's pipe, and some to spare. */
constexpr rlim_t kOwnDescriptors = 32;

} // namespace

std::size_t reserveDescriptors(std::size_t wanted) {
    rlimit limit{};
    if (::getrlimit(RLIMIT_NOFILE, &limit) != 0)
        throwErrno("ask for the limit of open files");
    const rlim_t needed = wanted + kOwnDescriptors;
    if (limit.rlim_cur < needed) {
        limit.rlim_cur = std::min<rlim_t>(needed, limit.rlim_max);
        if (::setrlimit(RLIMIT_NOFILE, &limit) != 0)
            throwErrno("raise the limit of open files");
    }
    const rlim_t available = std::max(limit.rlim_cur, kOwnDescriptors + 1) - kOwnDescriptors;
    return std::min<std::size_t>(wanted, available);
}

} // namespace mmsd::worker
