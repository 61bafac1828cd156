// SPDX-License-Identifier: MIT
// ApiServer: answers HTTP from memory.
#pragma once

#include "common/timer.h"
#include "common/unique_fd.h"
#include "workers/api-server/answer_cache.h"
#include "workers/api-server/api_state.h"
#include "workers/api-server/event_streams.h"
#include "workers/api-server/held_requests.h"
#include "workers/api-server/http_server.h"
#include "workers/runtime/worker.h"

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace mmsd::api {

/** Octets of all answers together, kept ones and others on their way to clients; above it,
 *  requests for new ones get a 503. */
inline constexpr std::size_t kMaxLiveAnswers = std::size_t{64} << 20;

/** The worker of mmsd-api-server. Owns the state that it answers from, the answers made of it and
 *  the HTTP server. */
class ApiServer final : public worker::Worker, private HttpServer::Handler {
public:
    /** @param listener non-blocking, listening */
    ApiServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener, std::size_t connectionLimit,
              ViewOptions options = {});

    void apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) override;
    /** Makes all answers anew as they are asked for. */
    void reapply(worker::ApplyDone done) override;
    [[nodiscard]] protocol::StatusReport report() const override;
    void onWorkerStatus(std::string_view process, protocol::StatusReport report) override;
    void onProcessStatus(protocol::ProcessStatus status) override;
    void shutDown(std::function<void()> done) override;

private:
    void respond(const HttpRequest& request, HttpConnection& connection) override;
    void onHoldOver(HttpConnection& connection) override;
    void onHeldClosed(HttpConnection& connection) noexcept override;

    void inquire(Inquiry inquiry, const HttpRequest& request, HttpConnection& connection);
    [[nodiscard]] AnswerPtr present(const Inquiry& inquiry);
    void serveIfInformed();
    void onReport();
    [[nodiscard]] ApiTime now() const;

    TimerFactory& timers_;
    ApiState state_;
    AnswerCache cache_;
    std::string requestKey_; ///< of the request under way
    HeldRequests held_;
    EventStreams streams_;
    bool isStopping_ = false;
    HttpServer server_; ///< its connections are known to held_ and streams_
};

} // namespace mmsd::api
