// SPDX-License-Identifier: MIT
// Apps, snapshots and options for the tests of the haproxy-manager.
#pragma once

#include "protocol/state.h"
#include "workers/haproxy-manager/exposure.h"
#include "workers/haproxy-manager/haproxy_config.h"
#include "workers/haproxy-manager/wanted_config.h"

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <vector>

namespace mmsd::haproxy::test {

/** A running instance at one port of a host. */
protocol::Instance instance(const std::string& address, std::initializer_list<std::uint16_t> ports,
                            protocol::Serving serving = protocol::Serving::Yes);

/** An app with tcp ports of these service ports, no labels, no instances. */
protocol::App app(const std::string& id, std::initializer_list<std::uint16_t> servicePorts);

/** Sorts by id. */
protocol::Snapshot snapshot(std::vector<protocol::App> apps);

/** Bind address 127.0.0.1, management port 8081, all features of 2.6, no gateway. */
ConfigOptions options();
/** The same with a gateway on ports 20080 and 20443. */
ConfigOptions gatewayOptions();

/** What becomes of a state: the services by proxy, the names, and what is refused. */
struct Model {
    std::shared_ptr<const protocol::Snapshot> snapshot;
    std::vector<Service> services;
    VirtualHosts http;
    VirtualHosts tls;
    std::vector<protocol::Refusal> refusals;
};

/** Who holds what in a configuration in force. */
struct Claims {
    worker::PortHolders ports;
    VirtualHosts http;
    VirtualHosts tls;
};

[[nodiscard]] Claims claimsOf(const Config& config);
/** A configuration that has these holders; no text that HAProxy would take. */
[[nodiscard]] Config holding(const Claims& claims);

/** What a fresh Exposure makes of one state. */
[[nodiscard]] Model expose(const protocol::Snapshot& snapshot, const ExposureRules& rules,
                           const Claims& claims);
/** The configuration that a fresh WantedConfig makes of a model's state; nothing is held. */
[[nodiscard]] Config makeConfig(const Model& model, const ConfigOptions& options);

/** Model of these apps with gateway and without anything held. */
Model model(std::vector<protocol::App> apps);

/** Reasons of all refusals of an app, one a line. */
std::string reasons(const Model& model, const std::string& appId);

/** Writes @p config into a fresh folder and has the installed HAProxy check it with all warnings
 *  as errors.
 *  @return what it printed; "" = valid; "skipped" where no HAProxy is installed */
std::string checkWithHaproxy(const Config& config);

} // namespace mmsd::haproxy::test
