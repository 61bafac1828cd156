// SPDX-License-Identifier: MIT
// DnsServer: the worker that answers DNS queries.
#pragma once

#include "common/timer.h"
#include "workers/dns-server/dns_counters.h"
#include "workers/dns-server/responder.h"
#include "workers/dns-server/tcp_service.h"
#include "workers/dns-server/udp_service.h"
#include "workers/dns-server/zone.h"
#include "workers/dns-server/zone_update.h"
#include "workers/runtime/worker.h"

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>

namespace mmsd::dns {

/** Owns the zone and both services. Snapshots are applied in slices between which queries are
 *  answered. Before the first one is in force, queries wait in the sockets rather than be told that
 *  nothing exists; if none comes, they are answered with SERVFAIL, so that clients ask elsewhere.
 */
class DnsServer final : public worker::Worker {
public:
    struct Sockets {
        UniqueFd udp;
        UniqueFd tcp;
        std::size_t tcpClientLimit = kMaxTcpClients;
    };

    DnsServer(EventLoop& loop, TimerFactory& timers, ZoneOptions options, Sockets sockets);
    ~DnsServer() override;

    void apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) override;
    void reapply(worker::ApplyDone done) override;
    [[nodiscard]] protocol::StatusReport report() const override;
    void shutDown(std::function<void()> done) override;

private:
    void startUpdate(bool shallRebuild, worker::ApplyDone done);
    void runSlice();
    void startServices();
    void finishWhenAsked();

    Zone zone_;
    DnsCounters counters_;
    Responder responder_;
    UdpService udp_;
    TcpService tcp_;
    bool isServing_ = false;
    std::unique_ptr<Timer> patienceTimer_;

    std::shared_ptr<const protocol::Snapshot> snapshot_;
    std::optional<ZoneUpdate> update_;
    worker::ApplyDone done_;
    std::unique_ptr<Timer> sliceTimer_;
    std::chrono::nanoseconds longestSlice_{0};

    std::function<void()> stopped_;
    std::unique_ptr<Timer> lastQueriesTimer_;
    TimerFactory& timers_;
    TimerFactory::TimePoint lastQueriesUntil_{};
};

} // namespace mmsd::dns
