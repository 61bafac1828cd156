// SPDX-License-Identifier: MIT
// ListenSockets: the listeners that outlive the processes which serve them.
#pragma once

#include "common/unique_fd.h"
#include "daemon/process_plan.h"

#include <string_view>
#include <vector>

namespace mmsd::supervisor {

/** Owns bound sockets: TCP, listening, or UDP for a role that ends with "-udp". Runs in the
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

    /** Borrowed; the role must be open. */
    [[nodiscard]] int fd(std::string_view role) const;
    /** The same for a process that is started: listening again, as its predecessor may have shut
     *  the shared socket down. */
    [[nodiscard]] int revived(std::string_view role) const;

private:
    struct Listener {
        ListenEndpoint endpoint;
        UniqueFd fd;
    };
    std::vector<Listener> listeners_;
};

} // namespace mmsd::supervisor
