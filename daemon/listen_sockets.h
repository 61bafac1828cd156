// SPDX-License-Identifier: MIT
// ListenSockets: the listeners that outlive the processes which serve them.
#pragma once

#include "common/unique_fd.h"
#include "daemon/process_plan.h"
#include "daemon/upgrade.h"

#include <vector>

namespace mmsd::supervisor {

/** Owns bound sockets: roles "…-tcp", listening, and "…-udp". Several processes of one port have a
 *  socket each, among which the kernel divides the clients (SO_REUSEPORT). "…-in-store" and
 *  "…-out-store" are the ends of a queue of descriptors in flight (SCM_RIGHTS), in which a worker
 *  leaves its sockets for the next: bound, and receiving, while there is no worker. Runs in the
 *  supervisor, which never accepts or reads. */
class ListenSockets {
public:
    /** Binds what @p wanted has and *this has not; *this stays as it is.
     *  An endpoint that overlaps with an open one (another address, same port) is refused by the
     *  kernel: the old listener must not be closed before the new one is known to work.
     *  @throws StartError naming address and port */
    [[nodiscard]] ListenSockets openMissing(const std::vector<ListenEndpoint>& wanted) const;
    /** Takes over what was opened; closes what is not wanted any more. */
    void adopt(ListenSockets opened, const std::vector<ListenEndpoint>& wanted);

    /** Takes what the service manager has bound: "api" and "dns" are the names of its sockets.
     *  @throws StartError if @p wanted has none of that name, type, address and port */
    void takePassed(std::vector<ListenEndpoint> wanted);
    /** Takes over what @p wanted has from another supervisor, where it is what its role says. */
    void inherit(Handover& handover, const std::vector<ListenEndpoint>& wanted);

    struct Listener {
        ListenEndpoint endpoint;
        UniqueFd fd;
    };
    [[nodiscard]] const std::vector<Listener>& all() const noexcept { return listeners_; }
    /** Borrowed; it must be open. */
    [[nodiscard]] int fd(const ListenEndpoint& endpoint) const;
    /** The same for a process that is started: listening again, as its predecessor may have shut
     *  the shared socket down. */
    [[nodiscard]] int revived(const ListenEndpoint& endpoint) const;

private:
    /** Lets a further socket of another process join those on its port.
     *  @return whether there are any */
    [[nodiscard]] bool shareWith(const ListenEndpoint& further) const;

    std::vector<Listener> listeners_;
};

} // namespace mmsd::supervisor
