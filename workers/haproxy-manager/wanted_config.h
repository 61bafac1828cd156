// SPDX-License-Identifier: MIT
// WantedConfig: the configuration that the cluster's state asks for, kept up to date by what
// changes. Pure.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/exposure.h"
#include "workers/haproxy-manager/fd_budget.h"
#include "workers/haproxy-manager/haproxy_config.h"
#include "workers/haproxy-manager/reconciler.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Fragments that did not change are the same objects as before, so that whatever follows can tell
 *  by comparing pointers. The result is that of a start with the same state and the same
 *  configuration in force. */
class WantedConfig {
public:
    WantedConfig(ExposureRules rules, const IpAddress& bindIp);

    /** Takes a state, and what is in force: its app ports keep their service ports and names. */
    void update(std::shared_ptr<const protocol::Snapshot> snapshot, const Config& running);
    /** Whether HAProxy checks the instances; it does at first. */
    void switchChecks(bool areOn);
    /** Makes the part that no app has a say in. */
    void setGlobals(const ConfigOptions& options, std::string tail);

    [[nodiscard]] const Config& config() const noexcept { return config_; }
    /** What descriptors are needed for with all checks that are asked for. */
    [[nodiscard]] const FdDemand& demand() const noexcept { return demand_; }
    /** Instances that are being killed, by backend. */
    [[nodiscard]] const ServerSets& draining() const noexcept { return draining_; }
    /** Why app ports, labels and names are not used. */
    [[nodiscard]] const std::vector<protocol::Refusal>& refusals() const noexcept {
        return exposure_.refusals();
    }
    /** True if what is in force has the service port, whoever it is. */
    [[nodiscard]] bool isHeld(std::uint16_t port) const { return exposure_.isHeld(port); }

private:
    void take(std::span<const ServiceChange> changes);
    [[nodiscard]] FragmentPtr fragmentOf(const Service& service) const;
    void count(const Service& service, bool isThere);

    Exposure exposure_;
    IpAddress bindIp_;
    bool hasGateway_;
    bool areChecksOn_ = true;
    FdDemand demand_;
    ServerSets draining_;
    Config config_;
};

} // namespace mmsd::haproxy
