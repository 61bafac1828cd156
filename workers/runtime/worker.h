// SPDX-License-Identifier: MIT
// The interface between the runtime that every worker shares and what a worker does.
#pragma once

#include "common/unique_fd.h"
#include "protocol/control_messages.h"
#include "protocol/settings.h"
#include "protocol/state.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace mmsd {
class EventLoop;
class TimerFactory;
} // namespace mmsd

namespace mmsd::worker {

/** How an apply ended. */
struct ApplyOutcome {
    protocol::ApplyResult result = protocol::ApplyResult::Applied;
    std::string text; ///< what went wrong, also where the rest was applied
};
using ApplyDone = std::function<void(ApplyOutcome)>;

/** What a worker is made from; outlives the worker. */
struct WorkerContext {
    EventLoop& loop;
    TimerFactory& timers;
    const protocol::Settings& settings;
    /** True when run alone on a snapshot file: nobody prepared folders or sockets. */
    bool isForeground = false;
    /** Inherited sockets by role, verified and non-blocking. */
    std::map<std::string, UniqueFd, std::less<>> sockets{};

    /** Hands over the socket of that role; an undefined one if it was not inherited. */
    [[nodiscard]] UniqueFd takeSocket(std::string_view role);
};

/** Turns snapshots into output. Built before the sandbox is up: the constructor opens all that
 *  is ever needed; every other member runs inside the sandbox. */
class Worker {
public:
    virtual ~Worker() = default;

    /** Brings the output in line with @p snapshot. Calls @p done once, in here or later, and is
     *  not called again before that. Never calls it from its destructor. */
    virtual void apply(std::shared_ptr<const protocol::Snapshot> snapshot, ApplyDone done) = 0;
    /** Makes the output of the last snapshot anew, whatever it seems to be already. */
    virtual void reapply(ApplyDone done) = 0;
    /** Its own metrics and refusals; the runtime adds those of applying. */
    [[nodiscard]] virtual protocol::StatusReport report() const = 0;

    /** Another process's report; only the api-server gets these two. */
    virtual void onWorkerStatus(std::string_view process, protocol::StatusReport report);
    virtual void onProcessStatus(protocol::ProcessStatus status);

    /** Told before shutDown() when nobody will take over: what would outlive the process ends. */
    virtual void retire() {}
    /** Finishes what must be finished, then calls @p done; the process ends there, and anyway
     *  after kShutDownLimit. */
    virtual void shutDown(std::function<void()> done) { done(); }
};

} // namespace mmsd::worker
