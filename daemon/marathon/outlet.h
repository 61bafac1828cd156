// SPDX-License-Identifier: MIT
// Outlet: where the watcher's messages go.
#pragma once

#include "protocol/channel.h"
#include "protocol/control_messages.h"

namespace mmsd::marathon {

/** A seam: the supervisor's channel, standard output, or a test. */
class Outlet {
public:
    virtual ~Outlet() = default;
    /** @param transaction a whole state, or what changes the last one */
    virtual void sendSnapshot(protocol::SharedFrames transaction) = 0;
    /** @param report encoded StatusReport */
    virtual void sendStatus(const protocol::Payload& report) = 0;
    virtual void sendSourceStatus(const protocol::SourceStatus& status) = 0;
    /** True while an earlier snapshot is not yet written: another one should wait. */
    [[nodiscard]] virtual bool isBusy() const = 0;
};

} // namespace mmsd::marathon
