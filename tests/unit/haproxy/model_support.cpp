// SPDX-License-Identifier: MIT
// Apps, snapshots and options for the tests of the haproxy-manager.
#include "tests/unit/haproxy/model_support.h"

#include "common/file_io.h"
#include "tests/support/temp_dir.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

namespace mmsd::haproxy::test {

protocol::Instance instance(const std::string& address, std::initializer_list<std::uint16_t> ports,
                            protocol::Serving serving) {
    protocol::Instance made;
    made.taskId = "task-" + address;
    made.host = address;
    made.hostAddresses = {IpAddress::parse(address).value()};
    made.state = protocol::TaskState::Running;
    made.serving = serving;
    for (const std::uint16_t port : ports) {
        made.taskId += "-" + std::to_string(port);
        made.ports.push_back({port, false});
    }
    return made;
}

protocol::App app(const std::string& id, std::initializer_list<std::uint16_t> servicePorts) {
    protocol::App made;
    made.id = id;
    made.version = "2016-10-13T13:31:39.055Z";
    for (const std::uint16_t port : servicePorts) {
        protocol::Port definition;
        definition.servicePort = port;
        made.ports.push_back(definition);
    }
    return made;
}

protocol::Snapshot snapshot(std::vector<protocol::App> apps) {
    std::ranges::sort(apps, {}, &protocol::App::id);
    protocol::Snapshot made;
    for (protocol::App& app : apps)
        made.apps.push_back(std::make_shared<const protocol::App>(std::move(app)));
    return made;
}

ConfigOptions options() {
    ConfigOptions made;
    made.bindIp = IpAddress::parse("127.0.0.1").value();
    made.management = {made.bindIp, 8081};
    made.hardFdLimit = 20'000;
    made.features = {{2, 6}, "2.6.12", true, true};
    return made;
}

ConfigOptions gatewayOptions() {
    ConfigOptions made = options();
    made.gateway = {{made.bindIp, 20'080}, {made.bindIp, 20'443}};
    return made;
}

Claims claimsOf(const Config& config) {
    Claims claims;
    for (const FragmentPtr& fragment : config.fragments)
        claims.ports.emplace(fragment->servicePort,
                             worker::PortName{fragment->appId, fragment->portIndex});
    claims.http = hostsIn(config.maps, worker::GatewayKind::Http);
    claims.tls = hostsIn(config.maps, worker::GatewayKind::Tls);
    return claims;
}

Config holding(const Claims& claims) {
    Config config;
    for (const auto& [port, name] : claims.ports) {
        auto fragment = std::make_shared<Fragment>();
        fragment->proxy = proxyName(name.appId, name.portIndex);
        fragment->appId = name.appId;
        fragment->portIndex = name.portIndex;
        fragment->servicePort = port;
        config.fragments.push_back(std::move(fragment));
    }
    std::ranges::sort(config.fragments, {}, [](const auto& f) { return f->proxy; });
    config.maps = makeMaps(claims.http, claims.tls);
    return config;
}

Model expose(const protocol::Snapshot& snapshot, const ExposureRules& rules, const Claims& claims) {
    Model made;
    made.snapshot = std::make_shared<const protocol::Snapshot>(snapshot);
    Exposure exposure{rules};
    static_cast<void>(exposure.update(made.snapshot, holding(claims)));
    for (const auto& [port, service] : exposure.services())
        made.services.push_back(*service);
    std::ranges::sort(made.services, {}, [](const Service& service) {
        return proxyName(service.appId, service.portIndex);
    });
    made.http = exposure.hosts(worker::GatewayKind::Http);
    made.tls = exposure.hosts(worker::GatewayKind::Tls);
    made.refusals = exposure.refusals();
    return made;
}

Config makeConfig(const Model& model, const ConfigOptions& options) {
    ExposureRules rules;
    rules.hasGateway = options.gateway.has_value();
    WantedConfig wanted{rules, options.bindIp};
    wanted.update(model.snapshot, {});
    wanted.setGlobals(options, "");
    return wanted.config();
}

Model model(std::vector<protocol::App> apps) {
    ExposureRules rules;
    rules.hasGateway = true;
    return expose(snapshot(std::move(apps)), rules, {});
}

std::string reasons(const Model& model, const std::string& appId) {
    std::string text;
    for (const protocol::Refusal& refusal : model.refusals)
        if (refusal.appId == appId)
            text += refusal.reason + "\n";
    return text;
}

std::string checkWithHaproxy(const Config& config) {
    const char* const named = std::getenv("MMSD_HAPROXY"); // see tests/tools/debian_haproxy.sh
    const std::string binary = named != nullptr ? named : "/usr/sbin/haproxy";
    if (::access(binary.c_str(), X_OK) != 0)
        return "skipped";
    const mmsd::test::TempDir folder;
    replaceFileAt(folder.fd(), "haproxy.cfg", render(config).text, 0600);
    replaceFileAt(folder.fd(), "server-state", "1\n", 0600);
    for (const auto& [name, content] : config.maps)
        replaceFileAt(folder.fd(), name, content, 0600);
    const std::string command = "cd " + folder.path().string() +
                                " && MMSD_SOCK=" + folder / "sock" + " " + binary +
                                " -dW -c -f haproxy.cfg >out 2>&1";
    const int status = std::system(command.c_str());
    const std::string output = readFile(folder / "out", 1 << 20);
    return status == 0 ? "" : output + "(failed)";
}

} // namespace mmsd::haproxy::test
