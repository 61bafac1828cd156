// SPDX-License-Identifier: MIT
// HeldRequests: clients that wait for their answer to change.
#pragma once

#include "workers/api-server/answer_cache.h"
#include "workers/api-server/http_connection.h"
#include "workers/api-server/route.h"

#include <cstddef>
#include <functional>
#include <unordered_map>

namespace mmsd::api {

/** Borrows the connections, which are held (HttpConnection::hold()). A client is told when the
 *  content that it asked for differs from what it has, not when anything else does. */
class HeldRequests {
public:
    struct Request {
        Inquiry inquiry;
        AnswerPtr known; ///< what the client has
    };

    void add(HttpConnection& connection, Request request);
    /** The client has gone. */
    void remove(HttpConnection& connection) noexcept { requests_.erase(&connection); }
    /** Gives up the request of a client, who is waiting. */
    [[nodiscard]] Request take(HttpConnection& connection);

    /** Answers those whose answer has changed.
     *  @param hasOnlyReports false: the snapshot has changed, too
     *  @param answer         the present answer */
    void refresh(bool hasOnlyReports, const std::function<AnswerPtr(const Inquiry&)>& answer);
    /** Ends the waiting of all as if their time were over. */
    void release();

    [[nodiscard]] std::size_t size() const noexcept { return requests_.size(); }

private:
    std::unordered_map<HttpConnection*, Request> requests_;
};

/** What a client gets that waited in vain: that nothing has changed, or the same failure again. */
[[nodiscard]] const PreparedResponsePtr& unchanged(const Answer& answer) noexcept;

} // namespace mmsd::api
