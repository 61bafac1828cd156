// SPDX-License-Identifier: MIT
// The lists of /v1/instances. Pure.
#include "workers/api-server/instance_list.h"

#include "common/inet_address.h"
#include "common/text.h"
#include "workers/api-server/json_writer.h"

#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

namespace mmsd::api {

namespace {

/** One line; members in the order of sorting. */
struct Line {
    std::string host; ///< "" where the address is shown
    IpAddress address;
    std::vector<std::uint16_t> ports;
    std::uint32_t agentHash = 0;
    std::string marathonHost;
    std::optional<std::string> resolved;
    const protocol::Instance* instance = nullptr;

    [[nodiscard]] auto order() const { return std::tie(host, address, ports, agentHash); }
};

/** The lines of one instance: one per place that ports of the range are reached at. */
void appendLines(std::vector<Line>& lines, const protocol::Instance& instance,
                 const InstanceListOptions& options) {
    const std::size_t begin = lines.size();
    const std::size_t width = options.ports.last - options.ports.first + 1;
    for (std::size_t i = 0; i < width; ++i) {
        auto place = protocol::endpoint(instance, options.ports.first + i);
        if (!place || (!options.hasHostNames && place->addresses->empty()))
            continue;
        Line line{{}, {}, std::vector<std::uint16_t>(width), 0, place->host, {}, &instance};
        if (!place->addresses->empty())
            line.resolved = place->addresses->front().toString();
        if (options.hasHostNames)
            line.host = std::move(place->host);
        else
            line.address = place->addresses->front();
        if (options.hasAgentHash)
            line.agentHash = fnv1a32(instance.agentId);
        const auto same =
            std::find_if(lines.begin() + static_cast<std::ptrdiff_t>(begin), lines.end(),
                         [&line](const Line& other) {
                             return other.host == line.host && other.address == line.address;
                         });
        Line& target = same != lines.end() ? *same : lines.emplace_back(std::move(line));
        target.ports[i] = place->port;
    }
}

void appendText(std::string& out, const Line& line, const InstanceListOptions& options) {
    if (options.hasAgentHash)
        out.append(std::to_string(line.agentHash)).append(":");
    out += formatHostPort(options.hasHostNames ? line.host : line.address.toString(),
                          line.ports.front());
    for (auto port = line.ports.begin() + 1; port != line.ports.end(); ++port)
        out.append(":").append(std::to_string(*port));
    out += '\n';
}

void writeJson(JsonWriter& json, const Line& line, const InstanceListOptions& options) {
    json.beginObject();
    json.member("host", line.marathonHost);
    json.member("address", line.resolved);
    json.key("ports");
    json.beginArray();
    for (const std::uint16_t port : line.ports)
        json.value(port);
    json.endArray();
    json.member("task", line.instance->taskId);
    json.member("agent", line.instance->agentId);
    if (options.hasAgentHash)
        json.member("agent_hash", line.agentHash);
    json.endObject();
}

std::vector<Line> linesOf(const protocol::App& app, const InstanceListOptions& options) {
    std::vector<Line> lines;
    for (const protocol::Instance& instance : app.instances)
        if (protocol::isServing(instance))
            appendLines(lines, instance, options);
    std::ranges::stable_sort(lines, {}, &Line::order);
    return lines;
}

} // namespace

std::optional<PortRange> parsePortRange(std::string_view text, std::size_t portCount,
                                        std::string& reason) {
    const auto refuse = [&reason](std::string why) {
        reason = std::move(why);
        return std::nullopt;
    };
    if (portCount == 0)
        return refuse("the app has no ports");
    const std::size_t colon = text.find(':');
    const bool isRange = colon != std::string_view::npos;
    auto first = parseNumber<std::size_t>(text.substr(0, colon));
    auto last = isRange ? parseNumber<std::size_t>(text.substr(colon + 1)) : first;
    if (isRange && colon == 0)
        first = 0;
    if (isRange && colon + 1 == text.size())
        last = portCount - 1;
    if (!first || !last)
        return refuse("expected N, A:B or A:");
    if (*first >= portCount || *last >= portCount)
        return refuse("the app has port indices 0 to " + std::to_string(portCount - 1));
    if (*first > *last)
        return refuse("the range ends before it begins");
    return PortRange{*first, *last};
}

std::uint32_t fnv1a32(std::string_view text) noexcept {
    std::uint32_t hash = 0x811c9dc5;
    for (const char c : text) {
        hash ^= static_cast<unsigned char>(c);
        hash *= 0x01000193;
    }
    return hash;
}

std::string renderInstanceList(const protocol::App& app, const InstanceListOptions& options) {
    std::string text;
    for (const Line& line : linesOf(app, options))
        appendText(text, line, options);
    return text;
}

std::string renderInstanceJson(const protocol::App& app, const InstanceListOptions& options) {
    const std::vector<Line> lines = linesOf(app, options);
    if (lines.empty())
        return "";
    JsonWriter json;
    json.beginArray();
    for (const Line& line : lines)
        writeJson(json, line, options);
    json.endArray();
    return std::move(json).take().append("\n");
}

} // namespace mmsd::api
