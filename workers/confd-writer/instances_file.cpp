// SPDX-License-Identifier: MIT
// One app port as an upstream file: its content. Pure.
#include "workers/confd-writer/instances_file.h"

#include "common/inet_address.h"
#include "common/text.h"

#include <algorithm>
#include <cstdint>
#include <utility>

namespace mmsd::confd {

namespace {

using worker::isNameCharacter;
using worker::isWordCharacter;

constexpr std::size_t kMaxProtoName = 63; // octets: it stands on a line of its own

bool isPlainWord(std::string_view text) noexcept {
    return !text.empty() && text.size() <= kMaxProtoName && isWordCharacter(text.front()) &&
           std::ranges::all_of(text, [](char c) { return isNameCharacter(c) || c == '+'; });
}

/** Names and addresses (with colons, and a zone behind '%'), but nothing that ends a line. */
bool isHost(std::string_view text) noexcept {
    return !text.empty() && std::ranges::all_of(text, [](char c) {
        return isNameCharacter(c) || c == ':' || c == '%';
    });
}

std::string_view transportProto(const protocol::Port& port) noexcept {
    if (port.isUdp)
        return port.isTcp ? "udp,tcp" : "udp";
    return port.isTcp ? "tcp" : "unknown";
}

std::string applicationProto(const protocol::App& app, const protocol::Port& port,
                             std::vector<std::string>& complaints) {
    if (const std::string* value = protocol::label(app, port, "proto")) {
        const std::string_view word = trim(*value);
        if (isPlainWord(word))
            return toLower(word);
        if (!word.empty())
            complaints.push_back("label proto is no protocol name: " + escapeText(word, 100));
    }
    if (port.check && port.check->protocol == protocol::CheckProtocol::Http)
        return "http";
    return port.isUdp && !port.isTcp ? "udp" : "tcp";
}

} // namespace

InstancesFile renderInstancesFile(const protocol::App& app, std::size_t portIndex) {
    const protocol::Port& port = app.ports.at(portIndex);
    InstancesFile file;
    std::string& text = file.content;
    text.append("Service-Name: ").append(serviceName(app.id, portIndex));
    text.append("\nService-Port: ").append(std::to_string(port.servicePort));
    text.append("\nService-Transport-Proto: ").append(transportProto(port));
    text.append("\nService-Application-Proto: ")
        .append(applicationProto(app, port, file.complaints));
    if (port.check)
        text.append("\nHealth-Check-Proto: ").append(toString(port.check->protocol));
    text.append("\n\n");

    std::vector<std::pair<std::string, std::uint16_t>> lines;
    for (const protocol::Instance& instance : app.instances) {
        if (!protocol::isServing(instance))
            continue;
        auto place = protocol::endpoint(instance, portIndex);
        if (!place)
            continue;
        if (isHost(place->host))
            lines.emplace_back(std::move(place->host), place->port);
        else
            file.complaints.push_back("host cannot be written: " + escapeText(place->host, 100));
    }
    std::ranges::sort(lines);
    for (const auto& [host, number] : lines)
        text.append(formatHostPort(host, number)).append("\n");
    return file;
}

} // namespace mmsd::confd
