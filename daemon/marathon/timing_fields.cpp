// SPDX-License-Identifier: MIT
// Durations that apps and pods declare alike, held to what a snapshot and our clocks can carry.
#include "daemon/marathon/timing_fields.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/** Longest duration of a check on the wire, about 46 days: 32 bits of milliseconds. */
constexpr seconds kMaxOnWire{4'000'000};
/** Longest grace period, 63 years: a sum with any time point stays in range. */
constexpr seconds kMaxGrace{2'000'000'000};
constexpr std::int64_t kMaxFailures = 1'000'000;

milliseconds readSeconds(const JsonFields& fields, std::string_view name, milliseconds byDefault,
                         seconds most) {
    const auto value = fields.integer(name, 0);
    return value ? seconds{std::min(*value, most.count())} : byDefault;
}

} // namespace

milliseconds parseCheckTiming(const JsonFields& fields, protocol::HealthCheck& check) {
    const auto grace = readSeconds(fields, "gracePeriodSeconds", check.gracePeriod, kMaxGrace);
    check.gracePeriod = std::min<milliseconds>(grace, kMaxOnWire);
    check.interval = readSeconds(fields, "intervalSeconds", check.interval, kMaxOnWire);
    check.timeout = readSeconds(fields, "timeoutSeconds", check.timeout, kMaxOnWire);
    if (const auto failures = fields.integer("maxConsecutiveFailures", 0))
        check.maxConsecutiveFailures =
            static_cast<std::uint32_t>(std::min(*failures, kMaxFailures));
    return grace;
}

milliseconds parseUnreachableHold(JsonValue strategy, ProblemList& problems) {
    constexpr seconds kMost{60};
    if (!strategy.isObject()) // missing before 1.4, or the word "disabled"
        return kMost;
    const JsonFields fields{strategy, "unreachableStrategy", problems};
    const milliseconds inactive = readSeconds(fields, "inactiveAfterSeconds", kMost, kMost);
    // 0, Marathon's default since 1.5, says "replace it at once" and nothing about whether clients
    // still reach it: a partition between master and agents must not take instances out of use.
    return inactive.count() == 0 ? kMost : inactive;
}

} // namespace mmsd::marathon
