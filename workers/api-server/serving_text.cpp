// SPDX-License-Identifier: MIT
// The serving rule's verdict on an instance in words. Pure.
#include "workers/api-server/serving_text.h"

#include "common/text.h"

#include <fmt/format.h>

namespace mmsd::api {

std::string servingReason(const protocol::Instance& instance) {
    using protocol::Health;
    using enum protocol::Serving;
    switch (instance.serving) {
    case Yes:
        return instance.health == Health::NoChecks ? "runs, and no health check is defined"
                                                   : "runs and is healthy";
    case YesVerdictUnknown:
        return "runs; Marathon has no verdict, so what served goes on, or the grace period is over";
    case YesUnreachable:
        return "its agent is unreachable, but not for long: it is kept";
    case Draining:
        return "is being killed: no new connections";
    case NotRunning:
        return fmt::format("does not run: {}", toString(instance.state));
    case Unhealthy:
        return "Marathon's health checks fail";
    case AwaitingVerdict:
        return "waits for Marathon's first verdict, at most its grace period";
    case Unreachable:
        return "its agent has been unreachable for too long";
    case Unresolved:
        return fmt::format("host \"{}\" has no address", escapeText(instance.host, 100));
    }
    return {};
}

} // namespace mmsd::api
