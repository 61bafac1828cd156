// SPDX-License-Identifier: MIT
// SocketStore: sockets that outlive the process, held by the kernel for the next one.
#pragma once

#include "common/inet_address.h"
#include "common/unique_fd.h"
#include "workers/udp-balancer/datagram_batch.h"
#include "workers/udp-balancer/session_table.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace mmsd::udp {

/** A session as one process leaves it to the next. */
struct StoredSession {
    std::uint16_t servicePort = 0;
    InetEndpoint client;
    std::optional<InetEndpoint> target; ///< nothing for multicast
    AskedAddress asked;
    bool isV6 = false;   ///< the socket's family, of multicast
    TimePoint lastUse{}; ///< by CLOCK_MONOTONIC, which all processes share
    UniqueFd socket;
};

struct StoredSockets {
    std::map<std::uint16_t, UniqueFd> services; ///< bound, by service port
    std::vector<StoredSession> sessions;        ///< least recently used first
};

/** Two ends of a SOCK_SEQPACKET socketpair that the supervisor made once, keeps open and passes to
 *  every process of this worker; it never reads or writes there. A message that carries
 *  descriptors keeps the sockets open while it lies in the queue, so a process that ends, however
 *  it ends, loses no bound port, and datagrams wait in the sockets for its successor.
 *  Without the pair everything works, but a restart closes the sockets. */
class SocketStore {
public:
    /** @param in, out the two ends; both undefined = no store
     *  @throws SysError */
    SocketStore(UniqueFd in, UniqueFd out);

    [[nodiscard]] bool isDefined() const noexcept { return in_.isDefined() && out_.isDefined(); }
    /** Takes out all that an earlier process left; what is malformed is closed. */
    [[nodiscard]] StoredSockets take();
    /** Replaces the service sockets that are kept, without a moment in which none are.
     *  @param services borrowed descriptors by service port
     *  @return whether all are kept now */
    bool keepServices(const std::map<std::uint16_t, int>& services);
    /** Leaves sessions to the next process; once, at the end. @return how many were kept */
    std::size_t keepSessions(const std::vector<StoredSession>& sessions);

private:
    struct Message;
    [[nodiscard]] bool put(std::span<const std::byte> payload, std::span<const int> fds);
    [[nodiscard]] std::optional<Message> takeMessage();

    UniqueFd in_;
    UniqueFd out_;
    UniqueFd sessionFile_;         ///< memory; made before the sandbox is up
    std::size_t keptMessages_ = 0; ///< of service sockets, in the queue
};

} // namespace mmsd::udp
