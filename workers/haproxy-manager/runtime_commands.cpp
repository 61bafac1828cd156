// SPDX-License-Identifier: MIT
// Texts for HAProxy's runtime API and what its answers must be. Pure.
#include "workers/haproxy-manager/runtime_commands.h"

#include "common/text.h"

#include <algorithm>
#include <array>
#include <unordered_map>

namespace mmsd::haproxy {

namespace {

/** HAProxy reads a command with its payload into one buffer of 16 KiB. */
constexpr std::size_t kPayloadLimit = 12'000;

std::string_view takeLine(std::string_view& text) noexcept {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return trim(line);
}

std::string path(std::string_view backend, const InetEndpoint& server) {
    return std::string{backend} + '/' + serverName(server);
}

/** Columns of `show servers state`, format version 1. */
enum Column : std::size_t { kBackend = 1, kName = 3, kAddress = 4, kAdmin = 6, kPort = 18 };
constexpr std::array<std::pair<Column, std::string_view>, 5> kColumns{{
    {kBackend, "be_name"},
    {kName, "srv_name"},
    {kAddress, "srv_addr"},
    {kAdmin, "srv_admin_state"},
    {kPort, "srv_port"},
}};

/** The columns up to the last that is looked at; nothing if there are not so many. */
std::optional<std::array<std::string_view, kPort + 1>>
splitColumns(std::string_view line) noexcept {
    std::array<std::string_view, kPort + 1> fields;
    for (std::string_view& field : fields) {
        line.remove_prefix(std::min(line.find_first_not_of(' '), line.size()));
        field = line.substr(0, line.find(' '));
        if (field.empty())
            return std::nullopt;
        line.remove_prefix(field.size());
    }
    return fields;
}

bool hasKnownColumns(std::string_view header) {
    if (!header.starts_with("# "))
        return false;
    const auto names = splitList(header.substr(2), ' ');
    for (const auto& [column, name] : kColumns)
        if (names.size() <= column || names[column] != name)
            return false;
    return true;
}

} // namespace

bool isAsExpected(const RuntimeCommand& command, std::string_view reply) noexcept {
    switch (command.expected) {
    case ExpectedReply::Nothing:
        return trim(reply).empty();
    case ExpectedReply::Registered:
        return trim(reply) == "New server registered.";
    case ExpectedReply::Anything:
        return true;
    }
    return false;
}

std::vector<RuntimeCommand> serverCommands(const std::vector<ServerChange>& changes) {
    using enum ServerChange::Kind;
    std::vector<RuntimeCommand> commands;
    commands.reserve(changes.size() * 3);
    for (const ServerChange& change : changes) {
        const std::string where = path(change.backend, change.server);
        switch (change.kind) {
        case Add:
            commands.push_back(
                {"add server " + where + ' ' + change.server.toString() + change.options,
                 ExpectedReply::Registered});
            // Before it gets traffic: enabled the other way round, it would be unchecked at first.
            if (change.options.find(" check ") != std::string::npos)
                commands.push_back({"enable health " + where});
            commands.push_back({"enable server " + where});
            break;
        case Revive:
            commands.push_back({"set server " + where + " state ready"});
            break;
        case Drain:
            commands.push_back({"set server " + where + " state drain"});
            break;
        case Remove:
            commands.push_back({"set server " + where + " state maint"});
            break;
        }
    }
    return commands;
}

std::string deleteCommand(std::string_view backend, const InetEndpoint& server) {
    return "del server " + path(backend, server);
}

std::vector<RuntimeCommand> mapCommands(std::string_view file, std::uint64_t version,
                                        std::string_view content) {
    const std::string where = " @" + std::to_string(version) + ' ' + std::string{file};
    std::vector<RuntimeCommand> commands;
    std::string payload;
    const auto flush = [&] {
        if (!payload.empty())
            commands.push_back({"add map" + where + " <<\n" + payload});
        payload.clear();
    };
    while (!content.empty()) {
        const std::string_view line = takeLine(content);
        if (payload.size() + line.size() + 1 > kPayloadLimit)
            flush();
        payload.append(line).append("\n");
    }
    flush();
    commands.push_back({"commit map" + where});
    return commands;
}

std::optional<std::uint64_t> parseMapVersion(std::string_view reply) noexcept {
    constexpr std::string_view kWords = "New version created: ";
    reply = trim(reply);
    if (!reply.starts_with(kWords))
        return std::nullopt;
    return parseNumber<std::uint64_t>(reply.substr(kWords.size()));
}

std::optional<ProcessInfo> parseInfo(std::string_view reply) noexcept {
    constexpr std::string_view kPid = "Pid: ";
    constexpr std::string_view kStopping = "Stopping: ";
    ProcessInfo info;
    if (!trim(reply).starts_with("Name: HAProxy"))
        return std::nullopt;
    while (!reply.empty()) {
        const std::string_view line = takeLine(reply);
        if (line.starts_with(kPid))
            info.pid = parseNumber<std::uint32_t>(line.substr(kPid.size())).value_or(0);
        else if (line.starts_with(kStopping))
            info.isStopping = line.substr(kStopping.size()) != "0";
    }
    return info.pid != 0 ? std::optional{info} : std::nullopt;
}

std::optional<std::vector<ServerState>> parseServerStates(std::string_view reply) {
    if (takeLine(reply) != "1" || !hasKnownColumns(takeLine(reply)))
        return std::nullopt;
    std::vector<ServerState> states;
    while (!reply.empty()) {
        const std::string_view line = takeLine(reply);
        if (line.empty())
            continue;
        const auto fields = splitColumns(line);
        if (!fields)
            return std::nullopt;
        const auto admin = parseNumber<unsigned>((*fields)[kAdmin]);
        const auto port = parseNumber<std::uint16_t>((*fields)[kPort]);
        if (!admin || !port)
            return std::nullopt;
        states.push_back({std::string{(*fields)[kBackend]}, std::string{(*fields)[kName]},
                          std::string{(*fields)[kAddress]}, *port, *admin});
    }
    return states;
}

std::string filterServerStates(std::string_view reply, const Config& running, const Config& next) {
    std::string kept{"1\n"};
    const std::string_view version = takeLine(reply);
    const std::string_view header = takeLine(reply);
    if (version != "1" || !hasKnownColumns(header))
        return kept;
    kept.append(header).append("\n");
    const auto hasServer = [](const FragmentPtr& fragment, const InetEndpoint& server) {
        return fragment != nullptr && std::ranges::binary_search(fragment->servers, server);
    };
    // The servers of one backend stand together.
    std::string_view backend;
    FragmentPtr before;
    FragmentPtr after;
    while (!reply.empty()) {
        const std::string_view line = takeLine(reply);
        const auto fields = splitColumns(line);
        if (!fields)
            continue;
        if ((*fields)[kBackend] != backend) {
            backend = (*fields)[kBackend];
            const bool isOurs = backend.starts_with(worker::kBackendPrefix);
            const auto proxy = backend.substr(isOurs ? worker::kBackendPrefix.size() : 0);
            before = isOurs ? running.get(proxy) : nullptr;
            after = before ? next.get(proxy) : nullptr;
        }
        if (!after)
            continue;
        const auto address = IpAddress::parse((*fields)[kAddress]);
        const auto port = parseNumber<std::uint16_t>((*fields)[kPort]);
        if (address && port && (*fields)[kName] == serverName({*address, *port}) &&
            hasServer(before, {*address, *port}) && hasServer(after, {*address, *port}))
            kept.append(line).append("\n");
    }
    return kept;
}

bool areApplied(const std::vector<ServerChange>& changes, const std::vector<ServerState>& states) {
    std::unordered_map<std::string, const ServerState*> byPath;
    for (const ServerState& state : states)
        byPath.emplace(state.backend + '/' + state.name, &state);
    for (const ServerChange& change : changes) {
        const auto found = byPath.find(path(change.backend, change.server));
        const bool isThere = found != byPath.end();
        if (change.kind == ServerChange::Kind::Drain || change.kind == ServerChange::Kind::Remove) {
            if (isThere && found->second->isReady())
                return false;
        } else if (!isThere || !found->second->isReady() ||
                   found->second->address != change.server.address.toString() ||
                   found->second->port != change.server.port) {
            return false;
        }
    }
    return true;
}

} // namespace mmsd::haproxy
