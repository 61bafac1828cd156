// SPDX-License-Identifier: MIT
// The network part of an app from JSON. Pure.
#include "daemon/marathon/network_parser.h"

#include "common/text.h"
#include "protocol/limits.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

/** A word that is neither is told, and is no transport: a port of sctp alone has none, so that no
 *  load balancer serves it as something else. */
void parseTransport(const JsonFields& fields, DeclaredPort& out) {
    const std::string_view text = fields.string("protocol");
    if (text.empty())
        return;
    out.isTcp = false;
    for (const std::string_view word : splitList(text)) {
        if (equalsIgnoringCase(word, "tcp"))
            out.isTcp = true;
        else if (equalsIgnoringCase(word, "udp"))
            out.isUdp = true;
        else
            fields.complain("protocol", "unknown word");
    }
}

/** @param number name of the member that holds the port's number */
void parsePorts(const std::vector<JsonValue>& items, const std::string& listName,
                std::string_view number, std::vector<DeclaredPort>& out, LabelFilter& labels,
                ProblemList& problems) {
    // Labels are collected by address: the list must not grow later.
    out.resize(items.size());
    for (std::size_t i = 0; i < items.size(); ++i) {
        const auto index = static_cast<std::uint16_t>(std::min<std::size_t>(i, 0xfffe));
        const JsonFields fields{items[i], listName + '[' + std::to_string(i) + ']', problems,
                                index};
        DeclaredPort& port = out[i];
        if (!items[i].isObject()) {
            fields.complain("", "no object"); // the index stays, so that no other shifts
            continue;
        }
        if (number == "port")
            port.servicePort = fields.port("port").value_or(0);
        else
            port.containerPort = fields.port(number);
        if (number == "containerPort") {
            port.servicePort = fields.port("servicePort").value_or(0);
            port.hasHostPort = fields.port("hostPort").has_value();
        }
        port.name = fields.name("name", protocol::kMaxPortName);
        parseTransport(fields, port);
        labels.collect(fields, index, port.labels);
    }
}

/** `ports`, the service ports of Marathon <= 1.4. */
void parsePlainPorts(const std::vector<JsonValue>& items, std::vector<DeclaredPort>& out,
                     ProblemList& problems) {
    for (const JsonValue item : items) {
        const auto number = item.integer();
        const bool isPort = number && *number >= 0 && *number <= 65'535;
        if (!isPort)
            problems.add(static_cast<std::uint16_t>(std::min<std::size_t>(out.size(), 0xfffe)),
                         "ports: no port number");
        out.emplace_back().servicePort = static_cast<std::uint16_t>(isPort ? *number : 0);
    }
}

} // namespace

void parseNetwork(const JsonFields& app, NetworkDefinition& out, LabelFilter& labels,
                  ProblemList& problems) {
    for (const JsonValue network : app.list("networks")) {
        if (network.isObject())
            out.modes.emplace_back(JsonFields{network, "networks", problems}.string("mode"));
        else
            app.complain("networks", "an element is no object");
    }

    const JsonFields container{app.object("container"), "container", problems};
    const JsonFields docker{container.object("docker"), "container.docker", problems};
    out.dockerNetwork = docker.string("network");
    const std::vector<JsonValue> mappings = container.list("portMappings");
    parsePorts(mappings.empty() ? docker.list("portMappings") : mappings, "portMappings",
               "containerPort", out.mappings, labels, problems);

    out.hasIpAddress = app["ipAddress"].isObject();
    const JsonFields ipAddress{app.object("ipAddress"), "ipAddress", problems};
    const JsonFields discovery{ipAddress.object("discovery"), "ipAddress.discovery", problems};
    parsePorts(discovery.list("ports"), "discovery.ports", "number", out.discovery, labels,
               problems);

    parsePorts(app.list("portDefinitions"), "portDefinitions", "port", out.definitions, labels,
               problems);
    if (out.definitions.empty())
        parsePlainPorts(app.list("ports"), out.definitions, problems);
}

} // namespace mmsd::marathon
