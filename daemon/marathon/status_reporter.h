// SPDX-License-Identifier: MIT
// StatusReporter: the watcher's own report, for metrics and /v1/status.
#pragma once

#include "common/timer.h"
#include "daemon/marathon/host_resolver.h"
#include "daemon/marathon/outlet.h"
#include "daemon/marathon/snapshot_publisher.h"
#include "daemon/marathon/source.h"
#include "daemon/marathon/state_keeper.h"

#include <memory>

namespace mmsd::marathon {

/** Sends a report when something changed, at most once a second, and every ten seconds. Borrows
 *  what it reports on. */
class StatusReporter {
public:
    StatusReporter(TimerFactory& timers, Outlet& outlet, const Source& source,
                   const StateKeeper& keeper, const SnapshotPublisher& publisher,
                   const HostResolver& resolver);

    void start() { look(); }
    /** Reports soon: what follows from it, such as a confirmed state, is told with it. */
    void setSource(protocol::SourceStatus status);

private:
    void look();
    [[nodiscard]] protocol::StatusReport makeReport() const;

    TimerFactory& timers_;
    Outlet& outlet_;
    const Source& source_;
    const StateKeeper& keeper_;
    const SnapshotPublisher& publisher_;
    const HostResolver& resolver_;
    protocol::SourceStatus status_;
    protocol::Payload last_;
    TimePoint lastSent_{};
    std::unique_ptr<Timer> timer_;
};

} // namespace mmsd::marathon
