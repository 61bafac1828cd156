// SPDX-License-Identifier: MIT
// HttpServer: accepts clients of the API and bounds what they cost.
#include "workers/api-server/http_server.h"

#include "common/log.h"

#include <sys/socket.h>

#include <cerrno>
#include <iterator>
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
                       std::size_t connectionLimit, Handler& handler, std::size_t backlogLimit)
    : loop_{loop}, timers_{timers}, listener_{std::move(listener)},
      connectionLimit_{connectionLimit}, backlogLimit_{backlogLimit}, handler_{handler},
      resumeTimer_{timers.create([this] { listenEvent_.watch(true, false); })},
      drainTimer_{timers.create([this] {
          active_.clear();
          held_.clear();
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
    for (const auto* list : {&active_, &held_})
        for (const auto& connection : *list)
            all.push_back(connection.get());
    for (HttpConnection* connection : all)
        connection->drain(); // each ends none but itself
    finishIfEmpty();
}

void HttpServer::respond(const HttpRequest& request, HttpConnection& connection) {
    if (backlog_ <= backlogLimit_)
        return handler_.respond(request, connection);
    connection.reply(prepare(unavailableResponse("too many answers wait to be taken\n")));
}

void HttpServer::onHoldOver(HttpConnection& connection) {
    handler_.onHoldOver(connection);
}

void HttpServer::onResponse(int status) {
    ++counters_.responses.at(static_cast<std::size_t>(status / 100));
}

void HttpServer::onMoved(HttpConnection& connection) noexcept {
    auto& [list, position] = connection.place;
    auto& target = connection.isHeld() ? held_ : active_;
    target.splice(target.end(), *list, position);
    list = &target;
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
    if (connection.isHeld())
        handler_.onHeldClosed(connection);
    const HttpConnection::Place place = connection.place;
    place.list->erase(place.position);
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
    if (connectionCount() >= connectionLimit_) {
        if (active_.empty())
            return turnAway(socket);
        ++counters_.evicted;
        active_.pop_front();
    }
    active_.push_back(std::make_unique<HttpConnection>(
        loop_, timers_, std::move(socket), static_cast<HttpConnection::Mediator&>(*this)));
    active_.back()->place = {&active_, std::prev(active_.end())};
}

void HttpServer::turnAway(const UniqueFd& socket) {
    ++counters_.turnedAway;
    const PreparedResponsePtr response = prepare(unavailableResponse("too many connections\n"));
    onResponse(response->status);
    std::string text;
    appendHead(text, *response, date(), false);
    text.append(response->body);
    // An empty socket buffer takes it whole; a client that is gone does not matter.
    [[maybe_unused]] const ssize_t sent =
        ::send(socket.get(), text.data(), text.size(), MSG_NOSIGNAL);
}

void HttpServer::finishIfEmpty() {
    if (!onDrained_ || connectionCount() > 0)
        return;
    drainTimer_->stop();
    std::exchange(onDrained_, nullptr)();
}

} // namespace mmsd::api
