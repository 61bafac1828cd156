// SPDX-License-Identifier: MIT
// Apps from JSON, of every Marathon generation. Pure.
#include "daemon/marathon/app_parser.h"

#include "common/text.h"
#include "daemon/marathon/network_parser.h"
#include "daemon/marathon/task_parser.h"
#include "daemon/marathon/timing_fields.h"
#include "protocol/limits.h"

#include <algorithm>
#include <array>

namespace mmsd::marathon {

namespace {

using protocol::CheckProtocol;
using protocol::HealthCheck;

struct CheckName {
    std::string_view name;
    CheckProtocol protocol;
};
constexpr std::array<CheckName, 7> kCheckNames{{
    {"HTTP", CheckProtocol::Http},
    {"MESOS_HTTP", CheckProtocol::Http},
    {"HTTPS", CheckProtocol::Https},
    {"MESOS_HTTPS", CheckProtocol::Https},
    {"TCP", CheckProtocol::Tcp},
    {"MESOS_TCP", CheckProtocol::Tcp},
    {"COMMAND", CheckProtocol::Command},
}};

/** Octets of a check's path that is unusable anyway. */
constexpr std::size_t kShownPath = 200;

/** Attaches a check to its port index, where that exists. */
void attachCheck(const JsonFields& fields, HealthCheck check, bool isKnown, MarathonApp& app) {
    const auto index = static_cast<std::size_t>(fields.integer("portIndex", 0).value_or(0));
    if (index >= app.ports.size()) {
        if (check.protocol != CheckProtocol::Command && !check.port)
            fields.complain("portIndex", "the app has no such port");
        return;
    }
    auto& slot = app.ports[index].check;
    // The first counts, but one that speaks to the port says more about it than a command.
    const bool isBetter = !slot || (slot->protocol == CheckProtocol::Command &&
                                    check.protocol != CheckProtocol::Command);
    if (isKnown && isBetter)
        slot = std::move(check);
}

/** A path that no client can ask for is passed on in a form that every client refuses: without any
 *  it would be "/", which says nothing about this app. */
std::string readCheckPath(const JsonFields& check) {
    std::string path = check.name("path", protocol::kMaxCheckPath);
    if (path.empty())
        path = escapeText(check.string("path"), kShownPath);
    return path;
}

/** @return how many checks are declared */
std::size_t parseChecks(const JsonFields& fields, MarathonApp& app, ProblemList& problems) {
    std::size_t count = 0;
    for (const JsonValue item : fields.list("healthChecks")) {
        if (!item.isObject())
            continue;
        const JsonFields each{item, "healthChecks[" + std::to_string(count++) + ']', problems};
        HealthCheck check;
        const std::string_view name = each.string("protocol");
        const auto* const found = std::ranges::find(kCheckNames, name, &CheckName::name);
        const bool isKnown = name.empty() || found != kCheckNames.end(); // missing = HTTP
        if (found != kCheckNames.end())
            check.protocol = found->protocol;
        if (!isKnown)
            each.complain("protocol", "unknown word");
        check.path = readCheckPath(each);
        app.gracePeriod = std::max(app.gracePeriod, parseCheckTiming(each, check));
        if (const auto port = each.port("port"); port && *port != 0)
            check.port = port;
        attachCheck(each, std::move(check), isKnown, app);
    }
    return count;
}

} // namespace

std::optional<std::string> normalizeAppId(std::string_view id) {
    std::string path = id.starts_with('/') ? std::string{id} : '/' + std::string{id};
    if (path.size() > protocol::kMaxAppId || !isCleanText(path) ||
        path.find_first_of(" \\") != std::string::npos)
        return std::nullopt;
    for (std::size_t at = 0; at != std::string::npos;) {
        const std::size_t next = path.find('/', at + 1);
        const std::string_view segment =
            std::string_view{path}.substr(at + 1, next == std::string::npos ? next : next - at - 1);
        if (segment.empty() || segment == "." || segment == "..")
            return std::nullopt;
        at = next;
    }
    return path;
}

std::string requireAppId(JsonValue root) {
    if (!root.isObject())
        throw UnusableApp{"", "an app is no object"};
    const auto text = root["id"].string();
    if (!text)
        throw UnusableApp{"", "an app has no id"};
    auto id = normalizeAppId(*text);
    if (!id)
        throw UnusableApp{std::string{*text}, "the app's id is no path, or too long"};
    return *std::move(id);
}

MarathonApp parseApp(std::string_view json) {
    const JsonDocument document = JsonDocument::parse(json);
    ProblemList problems;
    MarathonApp app;
    app.id = requireAppId(document.root());
    const JsonFields fields{document.root(), "", problems};
    app.version = fields.name("version", protocol::kMaxAppVersion);

    LabelFilter labels;
    NetworkDefinition network;
    labels.collect(fields, protocol::kWholeApp, app.labels);
    parseNetwork(fields, network, labels, problems);
    labels.apply(problems);

    PortPlan plan = planPorts(network);
    if (plan.omitted > 0)
        problems.add(std::to_string(plan.omitted) + " ports left out, too many");
    app.ports = std::move(plan.ports);
    app.rules = std::move(plan.rules);

    const std::size_t checkCount = parseChecks(fields, app, problems);
    app.unreachableHold = parseUnreachableHold(fields["unreachableStrategy"], problems);
    if (networkMode(network) == NetworkMode::Unknown)
        problems.add("unknown network mode: none of its tasks can be reached");
    else
        app.tasks = parseTasks(fields, checkCount, problems);
    app.problems = problems.take();
    return app;
}

} // namespace mmsd::marathon
