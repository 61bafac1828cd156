// SPDX-License-Identifier: MIT
// TcpService: accepts clients and ends those that have had their time.
#include "workers/dns-server/tcp_service.h"

#include "common/log.h"

#include <sys/socket.h>

#include <cerrno>
#include <utility>

namespace mmsd::dns {

namespace {

/** Clients accepted before other events get their turn. */
constexpr std::size_t kAcceptsPerTurn = 16;
/** How exactly the idle limit is kept. */
constexpr std::chrono::milliseconds kIdleCheckInterval{1'000};

} // namespace

TcpService::TcpService(EventLoop& loop, TimerFactory& timers, UniqueFd listener,
                       std::size_t clientLimit, Responder& responder, DnsCounters& counters)
    : loop_{loop}, timers_{timers}, listener_{std::move(listener)}, clientLimit_{clientLimit},
      responder_{responder}, counters_{counters},
      reply_(kMaxMessageSize), idleTimer_{timers.create([this] { endIdle(); })},
      event_{loop, listener_.get(), [this](bool, bool) { acceptSome(); }} {}

TcpService::~TcpService() = default;

void TcpService::start() {
    event_.watch(true, false);
}

void TcpService::finish() {
    event_.cancel();
    idleTimer_->stop();
    for (Client& client : clients_)
        client.connection->finish();
    places_.clear();
    clients_.clear();
}

void TcpService::acceptSome() {
    for (std::size_t i = 0; i < kAcceptsPerTurn; ++i) {
        UniqueFd socket{::accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!socket.isDefined()) {
            const bool isOutOfDescriptors = errno == EMFILE || errno == ENFILE;
            // Anything else: no client waits, or the one that did is gone again.
            if (isOutOfDescriptors && !clients_.empty()) {
                endOldest();
                continue;
            }
            return;
        }
        if (clients_.size() >= clientLimit_)
            endOldest();
        ++counters_.tcpAccepted;
        if (clients_.empty())
            idleTimer_->start(kIdleCheckInterval);
        clients_.push_back(
            {std::make_unique<TcpConnection>(loop_, std::move(socket), responder_, reply_, *this),
             timers_.now()});
        places_.emplace(clients_.back().connection.get(), std::prev(clients_.end()));
    }
}

void TcpService::onProgress(TcpConnection& connection) {
    const auto place = places_.find(&connection);
    if (place == places_.end())
        return;
    place->second->lastProgress = timers_.now();
    clients_.splice(clients_.end(), clients_, place->second);
}

void TcpService::onEnd(TcpConnection& connection) {
    const auto place = places_.find(&connection);
    const Clients::iterator client = place->second;
    places_.erase(place);
    clients_.erase(client);
}

void TcpService::endOldest() {
    ++counters_.tcpEvicted;
    onEnd(*clients_.front().connection);
}

void TcpService::endIdle() {
    while (!clients_.empty() && timers_.now() - clients_.front().lastProgress >= kTcpIdleLimit) {
        ++counters_.tcpTimedOut;
        onEnd(*clients_.front().connection);
    }
    if (!clients_.empty())
        idleTimer_->start(kIdleCheckInterval);
}

} // namespace mmsd::dns
