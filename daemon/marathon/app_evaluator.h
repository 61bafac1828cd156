// SPDX-License-Identifier: MIT
// From Marathon's app to the app of a snapshot. Pure.
#pragma once

#include "daemon/marathon/marathon_app.h"
#include "daemon/marathon/serving_rule.h"

#include <optional>
#include <string>
#include <vector>

namespace mmsd::marathon {

/** Where addresses of host names come from. */
class HostLookup {
public:
    struct Answer {
        std::vector<IpAddress> addresses; ///< empty = none known (yet)
        bool hasFailed = false;           ///< the last look-up ended without an address
    };
    virtual ~HostLookup() = default;
    /** Never blocks; asking for a host makes it known to the implementation.
     *  @param host name or address, not empty */
    [[nodiscard]] virtual Answer find(const std::string& host) = 0;
    /** True while a name was never answered for. */
    [[nodiscard]] virtual bool isWaiting() const = 0;
};

struct Evaluation {
    protocol::App app;
    std::optional<TimePoint> until; ///< when to evaluate anew although nothing is heard
};

/** Decides about every task, resolves its ports and addresses, and sorts. */
[[nodiscard]] Evaluation evaluateApp(const MarathonApp& app, AppMemory& memory, HostLookup& hosts,
                                     const Now& now);

} // namespace mmsd::marathon
