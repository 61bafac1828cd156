// SPDX-License-Identifier: MIT
// UdpBalancer: keeps the service sockets in line with the state.
#pragma once

#include "common/io_event.h"
#include "common/timer.h"
#include "workers/runtime/port_exposure.h"
#include "workers/runtime/worker.h"
#include "workers/udp-balancer/forwarder.h"
#include "workers/udp-balancer/service_plan.h"
#include "workers/udp-balancer/socket_store.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace mmsd::udp {

/** Sessions at most. Each has a port of its own towards its instance: this is half of the ports
 *  that Linux hands out by default, so that no flood can take them all from the host. */
inline constexpr std::uint32_t kMaxSessions = 16'384;
/** Services at most, each with a socket. */
inline constexpr std::uint32_t kMaxServices = 2'048;

/** How many of each the limit on open descriptors allows. */
struct Capacity {
    std::uint32_t services = kMaxServices;
    std::uint32_t sessions = kMaxSessions;
};
/** @param descriptors the limit on open descriptors, at least 64 */
[[nodiscard]] Capacity capacityFor(std::uint64_t descriptors) noexcept;

/** The worker of mmsd-udp-balancer. Owns all sockets; a port that cannot be bound is retried, the
 *  others are served. */
class UdpBalancer final : public worker::Worker {
public:
    /** What an earlier process left in @p store is served again with the first snapshot. */
    UdpBalancer(EventLoop& loop, TimerFactory& timers, const IpAddress& bindAddress,
                worker::PortRules rules, Capacity capacity, SocketStore store);

    void apply(std::shared_ptr<const protocol::Snapshot> snapshot, worker::ApplyDone done) override;
    /** Tries at once to bind what could not be bound. */
    void reapply(worker::ApplyDone done) override;
    [[nodiscard]] protocol::StatusReport report() const override;
    /** Leaves sockets and sessions to the next process. */
    void shutDown(std::function<void()> done) override;

private:
    struct Served {
        Service service;
        std::optional<ServiceId> id; ///< none while the port cannot be bound
        std::string bindError;
    };

    [[nodiscard]] worker::PortHolders holders() const;
    bool follow(const ServicePlan& plan);
    void tellRefusals(std::vector<protocol::Refusal> refusals);
    void remove(const Served& served);
    /** Binds what is not bound. @return whether anything was */
    bool bindMissing();
    void bind(std::uint16_t port, Served& served);
    [[nodiscard]] UniqueFd takeInherited(const InetEndpoint& endpoint);
    void adoptSessions();
    void keepSockets();
    [[nodiscard]] worker::ApplyOutcome outcome(bool hasChanged) const;
    void expireSoon();

    TimerFactory& timers_;
    IpAddress bindAddress_;
    worker::PortRules rules_;
    Capacity capacity_;
    SocketStore store_;
    StoredSockets inherited_; ///< until the first snapshot
    Forwarder forwarder_;
    std::map<std::uint16_t, Served> served_; ///< by service port
    /** App id, port index, reason of what is not served. */
    using Refusals =
        std::set<std::tuple<std::string, std::uint16_t, std::string, protocol::RefusalRule>>;
    Refusals refusals_;
    Counters retired_; ///< of services that are gone

    std::unique_ptr<Timer> expiryTimer_;
    std::unique_ptr<Timer> retryTimer_;
    std::chrono::milliseconds retryDelay_;
    IoEvent onDatagrams_;
};

} // namespace mmsd::udp
