// SPDX-License-Identifier: MIT
// The interface between the runtime that every worker shares and what a worker does.
#include "workers/runtime/worker.h"

namespace mmsd::worker {

UniqueFd WorkerContext::takeSocket(std::string_view role) {
    const auto found = sockets.find(role);
    if (found == sockets.end())
        return {};
    UniqueFd socket = std::move(found->second);
    sockets.erase(found);
    return socket;
}

void Worker::onWorkerStatus(std::string_view, protocol::StatusReport) {}

void Worker::onProcessStatus(protocol::ProcessStatus) {}

} // namespace mmsd::worker
