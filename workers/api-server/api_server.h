// SPDX-License-Identifier: MIT
// ApiServer: answers HTTP from memory.
#pragma once

#include "common/timer.h"
#include "common/unique_fd.h"
#include "workers/api-server/api_state.h"
#include "workers/api-server/http_server.h"
#include "workers/runtime/worker.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string_view>

namespace mmsd::api {

/** The worker of mmsd-api-server. Owns the state that it answers from and the HTTP server. */
class ApiServer final : public worker::Worker {
public:
    /** @param listener non-blocking, listening */
    ApiServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
              std::size_t connectionLimit);

    void apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) override;
    /** Nothing to do: every answer is made anew. */
    void reapply(worker::ApplyDone done) override;
    [[nodiscard]] protocol::StatusReport report() const override;
    void onWorkerStatus(std::string_view process, protocol::StatusReport report) override;
    void onProcessStatus(protocol::ProcessStatus status) override;
    void shutDown(std::function<void()> done) override;

private:
    [[nodiscard]] ApiTime now() const;

    TimerFactory& timers_;
    ApiState state_;
    HttpServer server_;
};

} // namespace mmsd::api
