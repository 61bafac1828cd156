// SPDX-License-Identifier: MIT
// TcpService: accepts clients and ends those that have had their time.
#pragma once

#include "common/inet_address.h"
#include "common/io_event.h"
#include "common/timer.h"
#include "common/unique_fd.h"
#include "workers/dns-server/tcp_connection.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

namespace mmsd::dns {

/** Connections at a time; each costs some 5 KB, and at most kMaxTcpOutput + 64 KiB more. */
inline constexpr std::size_t kMaxTcpClients = 512;
/** One part in so many of them is what one client may have, so that it cannot drive out all others.
 *  Source: RFC 7766 §6.2.2. */
inline constexpr std::size_t kTcpClientShare = 4;
/** Without an answered query or a finished answer, however slowly octets trickle.
 *  Source: RFC 7766 §6.2.3. */
inline constexpr std::chrono::seconds kTcpIdleLimit{10};

/** Owns the listener and the connections. At the limit, the connection that has been quiet for
 *  longest gives way to a new one; at the limit of one client (an IPv4 address or an IPv6 /64),
 * that client's own. */
class TcpService final : public TcpConnection::Handler {
public:
    TcpService(EventLoop& loop, TimerFactory& timers, UniqueFd listener, std::size_t clientLimit,
               Responder& responder, DnsCounters& counters);
    ~TcpService() override;

    /** Begins to accept; until then clients wait in the listener. */
    void start();
    /** From now on clients wait in the listener, for whoever serves it next. */
    void stopAccepting();
    /** True if a connection is open whose first query, or the rest of one, has still to come. */
    [[nodiscard]] bool isAwaited() const noexcept;
    /** Answers what has arrived and closes all connections. */
    void finish();

    [[nodiscard]] std::size_t clientCount() const noexcept { return clients_.size(); }

    void onProgress(TcpConnection& connection) override;
    void onEnd(TcpConnection& connection) override;

private:
    struct Client {
        std::unique_ptr<TcpConnection> connection;
        IpAddress address; ///< what it shares its limit with
        TimerFactory::TimePoint lastProgress;
    };
    using Clients = std::list<Client>;

    void acceptSome();
    void endIdle();
    void makeRoomFor(const IpAddress& address);
    void evict(const Client& client);

    EventLoop& loop_;
    TimerFactory& timers_;
    UniqueFd listener_;
    std::size_t clientLimit_;
    Responder& responder_;
    DnsCounters& counters_;
    std::vector<std::uint8_t> reply_;
    Clients clients_; ///< the longest quiet one first
    std::unordered_map<const TcpConnection*, Clients::iterator> places_;
    std::unique_ptr<Timer> idleTimer_;
    IoEvent event_;
};

} // namespace mmsd::dns
