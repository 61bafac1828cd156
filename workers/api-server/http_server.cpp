// SPDX-License-Identifier: MIT
// HttpServer: accepts clients of the API and bounds what they cost.
#include "workers/api-server/http_server.h"

#include "common/log.h"

#include <sys/socket.h>

#include <cerrno>
#include <system_error>
#include <utility>
#include <vector>

namespace mmsd::api {

namespace {

/** Per wake-up, so that a flood of connects does not starve those who are connected. */
constexpr int kAcceptsPerWakeUp = 64;
constexpr std::chrono::milliseconds kAcceptPause{100};

} // namespace

HttpServer::HttpServer(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
                       std::size_t connectionLimit, Responder responder)
    : loop_{loop}, timers_{timers}, listener_{std::move(listener)},
      connectionLimit_{connectionLimit}, responder_{std::move(responder)},
      resumeTimer_{timers.create([this] { listenEvent_.watch(true, false); })},
      drainTimer_{timers.create([this] {
          connections_.clear();
          finishIfEmpty();
      })},
      listenEvent_{loop, listener_.get(), [this](bool, bool) { acceptSome(); }} {
    listenEvent_.watch(true, false);
}

HttpServer::~HttpServer() = default;

void HttpServer::pause(std::chrono::milliseconds limit) {
    listenEvent_.cancel();
    resumeTimer_->start(limit);
}

void HttpServer::resume() {
    if (onDrained_)
        return;
    resumeTimer_->stop();
    listenEvent_.watch(true, false);
}

void HttpServer::shutDown(std::function<void()> done) {
    onDrained_ = std::move(done);
    listenEvent_.cancel();
    resumeTimer_->stop();
    drainTimer_->start(kDrainLimit);
    std::vector<HttpConnection*> all;
    for (const auto& [connection, owner] : connections_)
        all.push_back(connection);
    for (HttpConnection* connection : all)
        connection->drain(); // each ends none but itself
    finishIfEmpty();
}

PreparedResponsePtr HttpServer::respond(const HttpRequest& request) {
    PreparedResponsePtr response;
    if (backlog_ > kMaxBacklog) {
        HttpResponse refusal = textResponse(503, "too many answers wait to be taken\n");
        refusal.retryAfter = std::chrono::seconds{1};
        response = prepare(std::move(refusal));
    } else {
        response = responder_(request);
    }
    count(response->status);
    return response;
}

void HttpServer::onRefused(int status) {
    count(status);
}

std::string_view HttpServer::date() {
    const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
    if (now != dateTime_) {
        dateTime_ = now;
        date_ = formatHttpDate(now);
    }
    return date_;
}

void HttpServer::onBacklog(std::ptrdiff_t difference) noexcept {
    backlog_ = static_cast<std::size_t>(static_cast<std::ptrdiff_t>(backlog_) + difference);
}

void HttpServer::onClosed(HttpConnection& connection) {
    connections_.erase(&connection);
    finishIfEmpty();
}

void HttpServer::acceptSome() {
    for (int i = 0; i < kAcceptsPerWakeUp; ++i) {
        UniqueFd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (socket.isDefined()) {
            welcome(std::move(socket));
            continue;
        }
        if (errno == EAGAIN)
            return;
        // Out of descriptors or memory: the connection stays in the queue, and would wake us at
        // once again. Everything else is that one client's trouble (accept(2), "Error handling").
        if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            logWarning("cannot accept a client now",
                       {{"reason", std::generic_category().message(errno)}});
            listenEvent_.cancel();
            resumeTimer_->start(kAcceptPause);
            return;
        }
    }
}

void HttpServer::welcome(UniqueFd socket) {
    ++counters_.accepted;
    if (connections_.size() >= connectionLimit_ && !closeOldestIdle())
        return turnAway(socket);
    auto connection = std::make_unique<HttpConnection>(
        loop_, timers_, std::move(socket), static_cast<HttpConnection::Mediator&>(*this));
    connections_.emplace(connection.get(), std::move(connection));
}

bool HttpServer::closeOldestIdle() {
    auto oldest = connections_.end();
    for (auto candidate = connections_.begin(); candidate != connections_.end(); ++candidate)
        if (candidate->first->isIdle() &&
            (oldest == connections_.end() ||
             candidate->first->idleSince() < oldest->first->idleSince()))
            oldest = candidate;
    if (oldest == connections_.end())
        return false;
    connections_.erase(oldest);
    return true;
}

void HttpServer::turnAway(const UniqueFd& socket) {
    ++counters_.turnedAway;
    count(503);
    HttpResponse response = textResponse(503, "too many connections\n");
    response.retryAfter = std::chrono::seconds{1};
    const PreparedResponsePtr prepared = prepare(std::move(response));
    std::string text;
    appendHead(text, *prepared, date(), false);
    text.append(prepared->body);
    // An empty socket buffer takes it whole; a client that is gone does not matter.
    [[maybe_unused]] const ssize_t sent =
        ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

void HttpServer::count(int status) {
    ++counters_.responses.at(static_cast<std::size_t>(status / 100));
}

void HttpServer::finishIfEmpty() {
    if (!onDrained_ || !connections_.empty())
        return;
    drainTimer_->stop();
    std::exchange(onDrained_, nullptr)();
}

} // namespace mmsd::api
