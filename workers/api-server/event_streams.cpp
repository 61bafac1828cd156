// SPDX-License-Identifier: MIT
// EventStreams: the readers of /v1/events.
#include "workers/api-server/event_streams.h"

#include <map>
#include <utility>

namespace mmsd::api {

namespace {

const std::string& prefixOf(const Inquiry& inquiry) {
    static const std::string kAll;
    const std::string* prefix = parameter(inquiry.query, "app");
    return prefix != nullptr ? *prefix : kAll;
}

SharedText share(std::string text) {
    return std::make_shared<const std::string>(std::move(text));
}

} // namespace

HttpResponse openEvents(const Inquiry& inquiry, const ApiState&, const ApiTime&) {
    static_cast<void>(prefixOf(inquiry)); // refuses what open() could not use
    HttpResponse response;
    response.contentType = kEventStreamType;
    response.hasLength = false;
    // nginx as a proxy would hold back what it thinks is too little (ngx_http_proxy_module).
    response.fields = "X-Accel-Buffering: no\r\n";
    return response;
}

EventStreams::EventStreams(TimerFactory& timers, std::string epoch)
    : log_{std::move(epoch)}, timer_{timers.create([this] { beat(); })} {}

void EventStreams::open(HttpConnection& connection, const PreparedResponsePtr& head,
                        const Inquiry& inquiry, std::string_view lastEventId) {
    const std::string& prefix = prefixOf(inquiry);
    std::vector<SharedText> first;
    if (log_.hasBegun()) {
        auto missed = log_.since(lastEventId, prefix);
        first = missed
                    ? std::move(*missed)
                    : std::vector{log_.resetText(lastEventId.empty()
                                                     ? "the stream begins here"
                                                     : "what came after that event is not kept")};
    }
    connection.startStream(head, first);
    if (!connection.isHeld())
        return; // HEAD
    readers_.insert_or_assign(&connection, prefix);
    if (!timer_->isActive())
        timer_->start(kHeartbeat);
}

void EventStreams::onSnapshot(const std::vector<AppChange>& changes, bool isFirst,
                              const protocol::Snapshot& after, const ApiTime& now) {
    if (isFirst) {
        log_.begin(after.generation);
        const SharedText reset = log_.resetText("first state");
        return send([&reset](const std::string&) { return reset; });
    }
    const GenerationEvents& events = log_.record(changes, after, now);
    std::map<std::string, SharedText> texts;
    send([&](const std::string& prefix) {
        const auto [text, isNew] = texts.try_emplace(prefix);
        if (isNew)
            text->second = events.textFor(prefix);
        return text->second;
    });
}

void EventStreams::close() {
    const SharedText text = share(": the server ends, or is replaced\n\n");
    for (const auto& [connection, prefix] : std::exchange(readers_, {}))
        connection->finishStream(text);
}

void EventStreams::send(const std::function<SharedText(const std::string& prefix)>& textFor) {
    std::vector<std::pair<HttpConnection*, SharedText>> due;
    for (const auto& [connection, prefix] : readers_)
        if (SharedText text = textFor(prefix))
            due.emplace_back(connection, std::move(text));
    const SharedText farewell = share("event: dropped\ndata: {\"reason\":\"events were not read "
                                      "in time\"}\n\n");
    // Sending may end that connection, no other.
    for (const auto& [connection, text] : due) {
        if (connection->backlog() + text->size() <= kMaxBacklog) {
            connection->push(text);
        } else {
            ++droppedCount_;
            readers_.erase(connection);
            connection->finishStream(farewell);
        }
    }
}

/** Carries the newest id, so that a reader to whom nothing happened keeps up all the same. */
void EventStreams::beat() {
    const SharedText text =
        share(log_.hasBegun() ? ": alive\nid: " + log_.lastId() + "\n\n" : ": alive\n\n");
    send([&text](const std::string&) { return text; });
    if (!readers_.empty())
        timer_->start(kHeartbeat);
}

} // namespace mmsd::api
