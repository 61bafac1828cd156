// SPDX-License-Identifier: MIT
// The plain way from a state to a configuration, for comparison: all of it, from nothing.
#pragma once

#include "protocol/state.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/reconciler.h"

namespace mmsd::haproxy::test {

struct PlainResult {
    Config config;
    FdDemand demand;
    ServerSets draining;
    std::vector<protocol::Refusal> refusals; ///< in no order that matters
};

/** Keeps no memory and takes no short cut: every rule is applied to every app. */
PlainResult plainResult(const protocol::Snapshot& snapshot, const ExposureRules& rules,
                        const Claims& claims, const ConfigOptions& options, bool areChecksOn);

} // namespace mmsd::haproxy::test
