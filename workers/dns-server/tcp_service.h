// SPDX-License-Identifier: MIT
// TcpService: accepts clients and ends those that have had their time.
#pragma once

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

/** Clients at a time; each costs some 5 KB, and at most kMaxTcpOutput + 64 KiB more. */
inline constexpr std::size_t kMaxTcpClients = 512;
/** Without an answered query or a finished answer, however slowly octets trickle.
 *  Source: RFC 7766 §6.2.3. */
inline constexpr std::chrono::seconds kTcpIdleLimit{10};

/** Owns the listener and the connections. At the limit, the client that has been quiet for longest
 *  gives way to a new one. */
class TcpService final : public TcpConnection::Handler {
public:
    TcpService(EventLoop& loop, TimerFactory& timers, UniqueFd listener, std::size_t clientLimit,
               Responder& responder, DnsCounters& counters);
    ~TcpService() override;

    /** Begins to accept; until then clients wait in the listener. */
    void start();
    /** Answers what has arrived and closes all connections, not the listener's queue. */
    void finish();

    [[nodiscard]] std::size_t clientCount() const noexcept { return clients_.size(); }

    void onProgress(TcpConnection& connection) override;
    void onEnd(TcpConnection& connection) override;

private:
    struct Client {
        std::unique_ptr<TcpConnection> connection;
        TimerFactory::TimePoint lastProgress;
    };
    using Clients = std::list<Client>;

    void acceptSome();
    void endIdle();
    void endOldest();

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
