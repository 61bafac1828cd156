// SPDX-License-Identifier: MIT
// TcpService: accepts clients and ends those that have had their time.
#include "workers/dns-server/tcp_service.h"

#include "common/log.h"

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace mmsd::dns {

namespace {

/** Clients accepted before other events get their turn. */
constexpr std::size_t kAcceptsPerTurn = 16;
/** How exactly the idle limit is kept. */
constexpr std::chrono::milliseconds kIdleCheckInterval{1'000};
/** Octets of an IPv6 address that one host can choose. Source: RFC 4291 §2.5.4. */
constexpr std::size_t kInterfaceIdSize = 8;

/** The address that stands for a client; 0.0.0.0 where there is none. */
IpAddress clientOf(const sockaddr_storage& peer, socklen_t length) noexcept {
    const auto endpoint =
        InetEndpoint::fromSockaddr(reinterpret_cast<const sockaddr*>(&peer), length);
    if (!endpoint || !endpoint->address.isV6())
        return endpoint ? endpoint->address : IpAddress{};
    in6_addr network;
    std::memcpy(&network, endpoint->address.data(), sizeof network);
    if (!IN6_IS_ADDR_V4MAPPED(&network))
        std::memset(&network.s6_addr[sizeof network - kInterfaceIdSize], 0, kInterfaceIdSize);
    return IpAddress{network};
}

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

void TcpService::stopAccepting() {
    event_.cancel();
}

bool TcpService::isAwaited() const noexcept {
    return std::ranges::any_of(clients_,
                               [](const Client& client) { return client.connection->isAwaited(); });
}

void TcpService::finish() {
    stopAccepting();
    idleTimer_->stop();
    for (Client& client : clients_)
        client.connection->finish();
    places_.clear();
    clients_.clear();
}

void TcpService::acceptSome() {
    for (std::size_t i = 0; i < kAcceptsPerTurn; ++i) {
        sockaddr_storage peer{};
        socklen_t length = sizeof peer;
        UniqueFd socket{::accept4(listener_.get(), reinterpret_cast<sockaddr*>(&peer), &length,
                                  SOCK_NONBLOCK | SOCK_CLOEXEC)};
        if (!socket.isDefined()) {
            const bool isOutOfDescriptors = errno == EMFILE || errno == ENFILE;
            // Anything else: no client waits, or the one that did is gone again.
            if (isOutOfDescriptors && !clients_.empty()) {
                evict(clients_.front());
                continue;
            }
            return;
        }
        const IpAddress address = clientOf(peer, length);
        makeRoomFor(address);
        ++counters_.tcpAccepted;
        if (clients_.empty())
            idleTimer_->start(kIdleCheckInterval);
        clients_.push_back(
            {std::make_unique<TcpConnection>(loop_, std::move(socket), responder_, reply_, *this),
             address, timers_.now()});
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

void TcpService::makeRoomFor(const IpAddress& address) {
    const Client* quietest = nullptr;
    std::size_t count = 0;
    for (const Client& client : clients_) {
        if (client.address != address)
            continue;
        ++count;
        if (quietest == nullptr)
            quietest = &client;
    }
    if (quietest != nullptr && count >= std::max<std::size_t>(1, clientLimit_ / kTcpClientShare))
        evict(*quietest);
    else if (clients_.size() >= clientLimit_)
        evict(clients_.front());
}

void TcpService::evict(const Client& client) {
    ++counters_.tcpEvicted;
    onEnd(*client.connection);
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
