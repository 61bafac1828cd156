// SPDX-License-Identifier: MIT
// Forwarder: moves datagrams between clients and instances.
#pragma once

#include "common/unique_fd.h"
#include "workers/udp-balancer/counters.h"
#include "workers/udp-balancer/datagram_batch.h"
#include "workers/udp-balancer/session_table.h"
#include "workers/udp-balancer/socket_store.h"

#include <sys/epoll.h>

#include <array>
#include <bitset>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mmsd::udp {

/** Owns the service sockets, one instance socket per session, and the session table.
 *
 *  One socket per session, because an instance tells its clients apart by their source address and
 *  port: two sessions with one instance need two ports. Connected, because the kernel then keeps
 *  strangers' datagrams out, caches the route and reports ICMP errors per session. A multicast
 *  session has one socket for all instances, which is not connected.
 *
 *  It has an epoll instance of its own, which the event loop watches as one descriptor: hundreds
 *  of ready sockets then cost one callback, and their datagrams leave in batches. */
class Forwarder {
public:
    /** @param maxSessions > 0; each needs a descriptor */
    explicit Forwarder(std::uint32_t maxSessions);
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;

    /** Readable when onReady() has something to do. */
    [[nodiscard]] int descriptor() const noexcept { return epoll_.get(); }
    /** Moves what has come, with an upper bound, so that the caller gets its turn. */
    void onReady();
    /** Ends idle sessions. */
    void expire(TimePoint now);

    /** Takes over a bound socket. */
    [[nodiscard]] ServiceId addService(const Service& service, UniqueFd socket,
                                       const InetEndpoint& bound);
    void updateService(ServiceId id, const Service& service);
    void removeService(ServiceId id);
    /** Takes over a session of an earlier process; closes its socket where that is impossible. */
    void adopt(ServiceId id, StoredSession session);
    /** Gives all sessions away: nothing is forwarded any more, datagrams stay in the sockets. */
    [[nodiscard]] std::vector<StoredSession> giveSessions();

    [[nodiscard]] const SessionTable& sessions() const noexcept { return table_; }
    [[nodiscard]] const Counters& counters(ServiceId id) const { return frontends_[id]->counters; }
    [[nodiscard]] int socket(ServiceId id) const { return frontends_[id]->socket.get(); }

private:
    struct Frontend {
        UniqueFd socket;
        InetEndpoint bound;
        bool isMulticast = false;
        bool hasV6Target = false;
        std::vector<InetEndpoint> targets; ///< sorted; those whose answers are taken
        std::vector<InetEndpoint> takers;  ///< of multicast: those that get each datagram
        Counters counters;
    };
    /** The instance side of a session. */
    struct Upstream {
        UniqueFd socket;
        std::uint32_t assignment = 0; ///< of the session, when the socket was made
        bool isV6 = false;
        AskedAddress asked;
    };

    void takeFromClients(ServiceId id);
    void forward(ServiceId id, const InetEndpoint& client, const AskedAddress& asked,
                 std::span<const std::byte> payload);
    /** @return false, with errno, if another instance shall be tried */
    [[nodiscard]] bool sendOn(Frontend& frontend, SessionId session,
                              std::span<const std::byte> payload);
    void fanOut(Frontend& frontend, SessionId session, std::span<const std::byte> payload);
    [[nodiscard]] bool open(const Frontend& frontend, SessionId session);
    void takeFromInstance(SessionId session, bool hasError);
    void onInstanceError(SessionId session, int error);
    void flushReplies();
    void sendRun(Frontend& frontend, std::span<mmsghdr> messages);
    [[nodiscard]] bool isOwnAddress(const Frontend& frontend, const InetEndpoint& client,
                                    const AskedAddress& asked) const noexcept;
    void setTargets(Frontend& frontend, const Service& service);
    [[nodiscard]] bool watch(int fd, std::uint64_t tag) const noexcept;

    UniqueFd epoll_;
    std::vector<std::unique_ptr<Frontend>> frontends_; ///< by ServiceId
    std::vector<Upstream> upstreams_;                  ///< by SessionId
    SessionTable table_;
    std::bitset<65'536> ownPorts_;
    TimePoint now_{};
    InboundBatch inbound_;
    ReplyBatch replies_;
    std::array<epoll_event, 256> events_{};
    std::array<SocketAddress, kBatch> fanOutAddresses_{};
    std::array<mmsghdr, kBatch> fanOutMessages_{};
};

} // namespace mmsd::udp
