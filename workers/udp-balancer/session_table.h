// SPDX-License-Identifier: MIT
// SessionTable: which instance each client is served by. Pure: time is passed in.
#pragma once

#include "workers/udp-balancer/service_plan.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace mmsd::udp {

using TimePoint = std::chrono::steady_clock::time_point;
/** A place in the table, below its capacity; used anew after the session's end. */
using SessionId = std::uint32_t;
/** A small number, used anew after the service's removal. */
using ServiceId = std::uint32_t;

/** An instance that refused a datagram gets no new session for this long, if others can. */
inline constexpr std::chrono::milliseconds kRefusalHold{2'000};

/** Owns all sessions of all services in one pool; nothing is allocated for a datagram.
 *  When the pool is full, a service that has its fair share or more loses its own oldest idle
 *  session; any other takes the oldest of the service that has most. So a flood of client
 *  addresses at one service cannot end the sessions of another. */
class SessionTable {
public:
    /** Called when a session ends, while it can still be asked for. */
    using OnEnd = std::function<void(SessionId)>;

    /** @param capacity sessions at most, > 0
     *  @param secret   random: clients must not be able to aim at one hash bucket */
    SessionTable(std::uint32_t capacity, std::array<std::uint64_t, 2> secret, OnEnd onEnd);

    [[nodiscard]] ServiceId addService(const Service& service);
    /** Sessions whose instance is still there stay with it; the others move on with their next
     *  datagram. A change of mode ends all sessions of the service. */
    void updateService(ServiceId id, const Service& service);
    void removeService(ServiceId id);

    /** Finds or makes the session of a client from which a datagram came.
     *  @return nothing if no instance takes it */
    [[nodiscard]] std::optional<SessionId> route(ServiceId service, const InetEndpoint& client,
                                                 TimePoint now);
    /** A datagram went to the client. */
    void touch(SessionId id, TimePoint now) noexcept;
    /** The session's instance cannot be reached: the next datagram tries another one. */
    void refuse(SessionId id, TimePoint now) noexcept;
    /** Ends what is idle for too long. */
    void expire(TimePoint now);
    /** Takes over a session of an earlier process; those of one service in the order of their last
     *  use. Nothing if its instance is gone, or there is no place, or the client has one already.
     *  @param target null for multicast */
    [[nodiscard]] std::optional<SessionId> restore(ServiceId service, const InetEndpoint& client,
                                                   const InetEndpoint* target, TimePoint lastUse);

    [[nodiscard]] const InetEndpoint& client(SessionId id) const noexcept;
    [[nodiscard]] ServiceId service(SessionId id) const noexcept;
    /** The instance's endpoint; null for multicast, and while the session has none. */
    [[nodiscard]] const InetEndpoint* target(SessionId id) const noexcept;
    /** Rises whenever the session gets another instance. */
    [[nodiscard]] std::uint32_t assignment(SessionId id) const noexcept;
    [[nodiscard]] TimePoint lastUse(SessionId id) const noexcept;

    [[nodiscard]] std::uint32_t capacity() const noexcept;
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t sessions(ServiceId service) const noexcept;
    [[nodiscard]] std::uint64_t evicted(ServiceId service) const noexcept;
    /** All sessions of a service, least recently used first. */
    [[nodiscard]] std::vector<SessionId> sessionsOf(ServiceId service) const;

private:
    static constexpr std::uint32_t kNone = 0xffffffff;

    struct Session {
        InetEndpoint client;
        ServiceId service = kNone;
        std::uint32_t target = kNone;    ///< index into the service's targets
        std::uint32_t refusedBy = kNone; ///< the same
        std::uint32_t assignment = 0;
        std::uint32_t next = kNone; ///< in its bucket, or in the free list
        std::uint32_t older = kNone;
        std::uint32_t newer = kNone;
        TimePoint lastUse{};
    };
    struct TargetState {
        Target target;
        TimePoint refusedUntil{};
    };
    struct ServiceState {
        bool isUsed = false;
        Mode mode = Mode::RoundRobin;
        std::chrono::milliseconds idle{0};
        std::vector<TargetState> targets; ///< sorted by endpoint
        bool hasTaker = false;
        std::uint32_t cursor = 0; ///< the target whose turn it is
        std::uint32_t oldest = kNone;
        std::uint32_t newest = kNone;
        std::uint32_t count = 0;
        std::uint64_t evicted = 0;
    };

    [[nodiscard]] std::uint32_t& bucket(ServiceId service, const InetEndpoint& client) noexcept;
    [[nodiscard]] SessionId find(ServiceId service, const InetEndpoint& client) noexcept;
    SessionId create(ServiceId service, const InetEndpoint& client, TimePoint now);
    void end(SessionId id);
    void evictFor(ServiceId service);
    void assign(Session& session, TimePoint now) noexcept;
    [[nodiscard]] std::uint32_t choose(ServiceState& state, std::uint32_t avoided,
                                       TimePoint now) const noexcept;
    void setTargets(ServiceState& state, const std::vector<Target>& targets);
    [[nodiscard]] static std::uint32_t indexOf(const ServiceState& state,
                                               const InetEndpoint& endpoint) noexcept;
    void linkNewest(SessionId id) noexcept;
    void unlink(SessionId id) noexcept;

    std::array<std::uint64_t, 2> secret_;
    OnEnd onEnd_;
    std::vector<Session> pool_;
    std::vector<std::uint32_t> buckets_; ///< power of two, at least the capacity
    std::vector<ServiceState> services_;
    std::uint32_t usedServices_ = 0;
    std::uint32_t firstFree_ = 0;
    std::uint32_t size_ = 0;
};

} // namespace mmsd::udp
