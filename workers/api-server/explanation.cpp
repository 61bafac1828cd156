// SPDX-License-Identifier: MIT
// Why an app is where it is, and why it is not elsewhere. Pure.
#include "workers/api-server/explanation.h"

#include "common/text.h"
#include "workers/api-server/report_values.h"
#include "workers/api-server/serving_text.h"
#include "workers/runtime/app_protocol.h"
#include "workers/runtime/dns_name.h"
#include "workers/runtime/file_names.h"
#include "workers/runtime/proxy_name.h"
#include "workers/runtime/virtual_hosts.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>

namespace mmsd::api {

namespace {

using protocol::App;
using protocol::Port;
using protocol::Refusal;

constexpr std::string_view kHaproxy = "haproxy-manager";
constexpr std::string_view kUdp = "udp-balancer";
constexpr std::string_view kFiles = "confd-writer";
constexpr std::string_view kDns = "dns-server";

void set(Output& output, Exposure exposure, std::string_view rule, std::string reason) {
    output.exposure = exposure;
    output.rule = rule;
    output.reason = std::move(reason);
}

Output off(std::string_view kind, std::string_view flag) {
    Output output{.kind = kind};
    set(output, Exposure::Off, "disabled", fmt::format("--{}=false", flag));
    return output;
}

/** Text of a host as an operator writes it: "*.b.c", not ".b.c". */
std::string hostText(const std::string& host) {
    if (host == worker::kEveryHost)
        return "* (every other name)";
    return host.starts_with('.') ? "*" + host : host;
}

std::size_t countServing(const App& app, std::size_t index) {
    return static_cast<std::size_t>(
        std::ranges::count_if(app.instances, [index](const protocol::Instance& instance) {
            const auto where = protocol::endpoint(instance, index);
            return protocol::isServing(instance) && where && !where->addresses->empty();
        }));
}

/** Says why nothing is behind a port index. */
void setEmpty(const App& app, const PortView& view, Output& output) {
    std::size_t unresolved = 0;
    std::size_t unknownPort = 0;
    std::string host;
    for (const protocol::Instance& instance : app.instances) {
        const bool hasPort = protocol::endpoint(instance, view.index).has_value();
        if (instance.serving == protocol::Serving::Unresolved) {
            ++unresolved;
            host = instance.host;
        } else if (protocol::isServing(instance) && !hasPort) {
            ++unknownPort;
        }
    }
    if (unresolved > 0)
        return set(output, Exposure::Empty, "unresolved_host",
                   fmt::format("no instance serves: host \"{}\" has no address ({} of {})",
                               escapeText(host, 100), unresolved, app.instances.size()));
    if (unknownPort > 0)
        return set(output, Exposure::Empty, "no_host_port",
                   fmt::format("no instance serves: {} of {} have no port for this index",
                               unknownPort, app.instances.size()));
    set(output, Exposure::Empty, "no_serving_instance",
        app.instances.empty() ? "the app has no instances"
                              : fmt::format("none of {} instances serves", app.instances.size()));
}

} // namespace

std::string_view toString(Exposure exposure) noexcept {
    constexpr std::array<std::string_view, 5> kNames{"exposed", "empty", "pending", "left_out",
                                                     "off"};
    return kNames.at(static_cast<std::size_t>(exposure));
}

Explainer::Explainer(const ApiState& state, const ViewOptions& options)
    : state_{state}, options_{options},
      dnsBaseSize_{dns::parseName(options.dnsBase).value_or(dns::WireName{}).size()} {
    for (const auto& [process, received] : state.reports) {
        if (isTwin(process))
            continue;
        for (const Refusal& refusal : received.report.refusals)
            refused_[refusal.appId].push_back({process, &refusal});
    }
}

AppView Explainer::explain(const App& app) const {
    AppView view{.app = &app};
    for (const protocol::Instance& instance : app.instances) {
        view.serving += protocol::isServing(instance) ? 1 : 0;
        view.instances.push_back({&instance, servingReason(instance), {}});
    }
    for (std::size_t i = 0; i < app.ports.size(); ++i) {
        PortView& port = view.ports.emplace_back();
        port.index = static_cast<std::uint16_t>(i);
        port.port = &app.ports[i];
        port.serving = countServing(app, i);
        addTcp(app, port);
        addUdp(app, port);
    }
    addGateway(app, view);
    for (PortView& port : view.ports) {
        addFile(app, port);
        addDns(app, port);
    }
    std::string ignored;
    if (const auto name = dns::nameOfApp(app.id, dnsBaseSize_, ignored); options_.hasDns && name)
        for (InstanceView& each : view.instances)
            if (protocol::isServing(*each.instance))
                each.dnsName =
                    dns::toText(dns::instanceLabel(dns::instanceHash(each.instance->taskId)) +
                                *name) +
                    "." + options_.dnsBase;
    addNotes(app, view);
    return view;
}

void Explainer::addTcp(const App& app, PortView& view) const {
    const Port& port = *view.port;
    if (!port.isTcp)
        return;
    if (!options_.hasTcp) {
        view.outputs.push_back(off("tcp", "enable-tcp"));
        return;
    }
    Output output{.kind = "tcp"};
    output.details.emplace_back("app_protocol", toString(worker::appProtocol(app, port)));
    applyPortRules(app, view, options_.tcpRules, output);
    if (output.isThere()) {
        const std::string proxy = worker::proxyName(app.id, view.index);
        output.places = {formatHostPort(options_.bindIp.toString(), port.servicePort)};
        output.details.emplace_back("frontend", std::string{worker::kFrontendPrefix} + proxy);
        output.details.emplace_back("backend", std::string{worker::kBackendPrefix} + proxy);
        judge(kHaproxy, app, view, output);
    }
    view.outputs.push_back(std::move(output));
}

void Explainer::addUdp(const App& app, PortView& view) const {
    const Port& port = *view.port;
    if (!port.isUdp)
        return;
    if (!options_.hasUdp) {
        view.outputs.push_back(off("udp", "enable-udp"));
        return;
    }
    Output output{.kind = "udp"};
    applyPortRules(app, view, options_.udpRules, output);
    if (output.isThere()) {
        output.places = {formatHostPort(options_.bindIp.toString(), port.servicePort)};
        judge(kUdp, app, view, output);
    }
    view.outputs.push_back(std::move(output));
}

void Explainer::applyPortRules(const App& app, const PortView& view, const worker::PortRules& rules,
                               Output& output) const {
    if (const auto objection = worker::objectionTo(app, *view.port, rules))
        set(output, Exposure::LeftOut, objection->rule ? toString(*objection->rule) : "group",
            objection->reason);
}

void Explainer::judge(std::string_view process, const App& app, const PortView& view,
                      Output& output) const {
    for (const auto& [who, refusal] : refusedOf(app.id)) {
        const bool isMeant =
            refusal->portIndex == view.index || refusal->portIndex == protocol::kWholeApp;
        if (who == process && isMeant && !refusal->isPartial)
            return set(output, Exposure::LeftOut, toString(refusal->rule), refusal->reason);
    }
    if (std::string reason = whyPending(process); !reason.empty())
        return set(output, Exposure::Pending, "process", std::move(reason));
    if (view.serving == 0)
        setEmpty(app, view, output);
}

void Explainer::addGateway(const App& app, AppView& view) const {
    using worker::GatewayKind;
    std::vector<worker::GatewayPort> exposed;
    for (const PortView& port : view.ports)
        for (const Output& output : port.outputs)
            if (output.kind == "tcp" && output.exposure < Exposure::LeftOut)
                exposed.push_back({port.index, worker::appProtocol(app, *port.port) ==
                                                   worker::AppProtocol::Http});
    for (const GatewayKind kind : {GatewayKind::Http, GatewayKind::Tls}) {
        const bool isHttp = kind == GatewayKind::Http;
        const std::string_view name = isHttp ? "gateway_http" : "gateway_tls";
        for (const worker::HostWish& wish : worker::readHostWishes(kind, app, exposed).wishes) {
            PortView& port = view.ports[wish.portIndex];
            Output output{.kind = name};
            if (!options_.hasGateway) {
                output = off(name, options_.hasTcp ? "enable-gateway" : "enable-tcp");
                output.details.emplace_back("host", hostText(wish.host));
                port.outputs.push_back(std::move(output));
                continue;
            }
            const InetEndpoint& where = isHttp ? options_.gatewayHttp : options_.gatewayHttps;
            output.places = {hostText(wish.host)};
            output.details = {{"bind", formatHostPort(where.address.toString(), where.port)},
                              {"map", std::string{worker::hostMap(kind, wish.host)}},
                              {"key", wish.host},
                              {"backend", std::string{worker::kBackendPrefix} +
                                              worker::proxyName(app.id, wish.portIndex)}};
            const std::string taken = worker::hostTakenReason(kind, wish.host) + " by ";
            judge(kHaproxy, app, port, output);
            for (const auto& [process, refusal] : refusedOf(app.id))
                if (process == kHaproxy && refusal->portIndex == wish.portIndex &&
                    refusal->rule == protocol::RefusalRule::Conflict &&
                    refusal->reason.starts_with(taken))
                    set(output, Exposure::LeftOut, toString(refusal->rule), refusal->reason);
            port.outputs.push_back(std::move(output));
        }
    }
}

void Explainer::addFile(const App& app, PortView& view) const {
    if (!options_.hasFiles) {
        view.outputs.push_back(off("file", "enable-files"));
        return;
    }
    Output output{.kind = "file"};
    const std::string name = worker::fileName(app.id, view.index);
    if (const auto reason = worker::whyUnsafe(name)) {
        set(output, Exposure::LeftOut, toString(protocol::RefusalRule::InvalidValue), *reason);
    } else {
        output.places = {options_.filesFolder + "/" + name};
        judge(kFiles, app, view, output);
    }
    view.outputs.push_back(std::move(output));
}

void Explainer::addDns(const App& app, PortView& view) const {
    if (!options_.hasDns) {
        view.outputs.push_back(off("dns", "enable-dns"));
        return;
    }
    Output output{.kind = "dns"};
    std::string reason;
    const auto appName = dns::nameOfApp(app.id, dnsBaseSize_, reason);
    if (!appName) {
        set(output, Exposure::LeftOut, toString(protocol::RefusalRule::InvalidValue), reason);
        view.outputs.push_back(std::move(output));
        return;
    }
    const std::string tail = dns::toText(*appName) + "." + options_.dnsBase;
    output.places.push_back(tail);
    std::vector<std::string> words{std::to_string(view.index)};
    if (!view.port->name.empty() && view.port->name != words.front())
        words.push_back(view.port->name);
    for (const std::string& word : words)
        if (const auto label = dns::parseLabel("_" + word)) {
            for (const bool isUdp : {false, true})
                if (isUdp ? view.port->isUdp : view.port->isTcp)
                    output.places.push_back(
                        fmt::format("{}._{}.{}", dns::toText(*label), isUdp ? "udp" : "tcp", tail));
        }
    judge(kDns, app, view, output);
    view.outputs.push_back(std::move(output));
}

void Explainer::addNotes(const App& app, AppView& view) const {
    const auto notesAt = [&view](std::uint16_t index) -> std::vector<Note>& {
        return index < view.ports.size() ? view.ports[index].notes : view.notes;
    };
    for (const protocol::Problem& problem : app.problems)
        notesAt(problem.portIndex).push_back({"marathon-watcher", "problem", problem.text});
    for (const auto& [process, refusal] : refusedOf(app.id))
        // The watcher's are the app's problems, which came with the app.
        if (process != "marathon-watcher")
            notesAt(refusal->portIndex)
                .push_back({process, toString(refusal->rule), refusal->reason});
}

std::vector<Note> Explainer::notesOn(std::string_view appId) const {
    std::vector<Note> notes;
    for (const auto& [process, refusal] : refusedOf(appId))
        notes.push_back({process, toString(refusal->rule), refusal->reason});
    return notes;
}

const std::vector<Explainer::Refused>& Explainer::refusedOf(std::string_view appId) const {
    static const std::vector<Refused> kNone;
    const auto found = refused_.find(appId);
    return found != refused_.end() ? found->second : kNone;
}

std::string Explainer::whyPending(std::string_view process) const {
    if (!state_.processes || !state_.snapshot)
        return fmt::format("nothing is known of {} yet", process);
    const auto& all = state_.processes->processes;
    const auto found = std::ranges::find(all, process, &protocol::ProcessInfo::name);
    if (found == all.end())
        return fmt::format("{} is not among the processes", process);
    if (found->phase != protocol::Phase::Running)
        return fmt::format("{} is {}: {}", process, toString(found->phase), found->lastResult);
    if (found->generation < state_.snapshot->generation)
        return fmt::format("{} has generation {} in force, not yet {}: {}", process,
                           found->generation, state_.snapshot->generation, found->lastResult);
    return {};
}

} // namespace mmsd::api
