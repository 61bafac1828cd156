// SPDX-License-Identifier: MIT
// HeldRequests: clients that wait for their answer to change.
#include "workers/api-server/held_requests.h"

#include <cassert>
#include <utility>
#include <vector>

namespace mmsd::api {

void HeldRequests::add(HttpConnection& connection, Request request) {
    requests_.insert_or_assign(&connection, std::move(request));
}

HeldRequests::Request HeldRequests::take(HttpConnection& connection) {
    auto node = requests_.extract(&connection);
    assert(!node.empty());
    return std::move(node.mapped());
}

void HeldRequests::refresh(bool hasOnlyReports,
                           const std::function<AnswerPtr(const Inquiry&)>& answer) {
    std::vector<std::pair<HttpConnection*, AnswerPtr>> due;
    for (auto& [connection, request] : requests_) {
        if (hasOnlyReports && request.inquiry.route->freshness != Freshness::Reports)
            continue;
        if (AnswerPtr present = answer(request.inquiry); present->tag != request.known->tag)
            due.emplace_back(connection, std::move(present));
    }
    for (const auto& [connection, present] : due)
        requests_.erase(connection);
    // A reply may end its own connection, no other; and may bring up a pipelined request to hold.
    for (const auto& [connection, present] : due)
        connection->reply(present->full);
}

void HeldRequests::release() {
    for (const auto& [connection, request] : std::exchange(requests_, {}))
        connection->reply(unchanged(*request.known));
}

const PreparedResponsePtr& unchanged(const Answer& answer) noexcept {
    return answer.notModified ? answer.notModified : answer.full;
}

} // namespace mmsd::api
