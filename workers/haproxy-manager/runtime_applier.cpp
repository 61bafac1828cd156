// SPDX-License-Identifier: MIT
// RuntimeApplier: changes the running HAProxy without a reload, and looks whether it worked.
#include "workers/haproxy-manager/runtime_applier.h"

#include "common/text.h"

#include <algorithm>
#include <iterator>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;

/** A command takes some 50 µs; HAProxy may be busy with traffic. */
std::chrono::milliseconds limitFor(std::size_t commands) {
    return 5s + std::chrono::milliseconds{commands * 2};
}

/** Beyond this, one answer with all backends is cheaper than many small ones. */
constexpr std::size_t kMostSingleBackends = 200;

void insert(ServerSets& sets, const ServerChange& change) {
    sets[change.backend].insert(change.server);
}

void erase(ServerSets& sets, const std::string& backend, const InetEndpoint& server) {
    const auto found = sets.find(backend);
    if (found == sets.end())
        return;
    found->second.erase(server);
    if (found->second.empty())
        sets.erase(found);
}

bool contains(const ServerSets& sets, const std::string& backend, const InetEndpoint& server) {
    const auto found = sets.find(backend);
    return found != sets.end() && found->second.contains(server);
}

/** What `show map` prints, in the form of the file. */
std::string mapContent(std::string_view reply) {
    std::string text;
    while (!reply.empty()) {
        const std::size_t end = reply.find('\n');
        const std::string_view line = trim(reply.substr(0, end));
        reply.remove_prefix(end == std::string_view::npos ? reply.size() : end + 1);
        if (const std::size_t blank = line.find(' '); blank != std::string_view::npos)
            text.append(line.substr(blank + 1)).append("\n"); // behind an address
    }
    return text;
}

Task<> verifyMap(RuntimeSession& session, const std::string& name, const std::string& content) {
    const std::string reply = co_await session.ask("show map " + name);
    if (mapContent(reply) != content)
        throw RuntimeError{name + " is not as written"};
}

} // namespace

Task<> RuntimeApplier::apply(std::string socket, const Plan& plan) {
    RuntimeSession session{reactor_, std::move(socket),
                           limitFor(plan.servers.size() * 3 + plan.maps.size())};
    co_await session.open();
    if (!plan.servers.empty())
        co_await applyServers(session, plan.servers);
    if (!plan.maps.empty())
        co_await applyMaps(session, plan.maps);
}

Task<> RuntimeApplier::applyServers(RuntimeSession& session,
                                    const std::vector<ServerChange>& changes) {
    using enum ServerChange::Kind;
    // Whatever happens below, these may be there from now on.
    for (const ServerChange& change : changes) {
        if (change.kind == Drain || change.kind == Remove)
            insert(leaving_, change);
        else
            erase(leaving_, change.backend, change.server);
        if (change.kind == Drain)
            insert(draining_, change);
        else
            erase(draining_, change.backend, change.server);
    }
    std::vector<RuntimeCommand> commands = serverCommands(changes);
    commandCount_ += commands.size();
    co_await session.command(std::move(commands));

    std::vector<std::string> backends;
    for (const ServerChange& change : changes)
        backends.push_back(change.backend);
    const std::vector<ServerState> states = co_await askStates(session, std::move(backends));
    if (!areApplied(changes, states))
        throw RuntimeError{"servers are not as they were told to be"};
}

Task<> RuntimeApplier::applyMaps(RuntimeSession& session, const MapFiles& maps) {
    for (const auto& [name, content] : maps) {
        const std::string reply = co_await session.ask("prepare map " + name);
        const auto version = parseMapVersion(reply);
        if (!version)
            throw RuntimeError{"prepare map " + name + ": " + escapeText(trim(reply), 120)};
        std::vector<RuntimeCommand> commands = mapCommands(name, *version, content);
        commandCount_ += commands.size() + 1;
        co_await session.command(std::move(commands));
        co_await verifyMap(session, name, content);
    }
}

Task<std::vector<ServerState>> RuntimeApplier::askStates(RuntimeSession& session,
                                                         std::vector<std::string> backends) {
    std::ranges::sort(backends);
    const auto rest = std::ranges::unique(backends);
    backends.erase(rest.begin(), rest.end());
    // No name at all asks for everything.
    if (backends.empty() || backends.size() > kMostSingleBackends)
        backends.assign(1, "");
    for (std::string& backend : backends)
        backend.insert(0, "show servers state ");
    const std::vector<std::string> replies = co_await session.ask(std::move(backends));
    std::vector<ServerState> states;
    for (const std::string& reply : replies) {
        auto some = parseServerStates(reply);
        if (!some)
            throw RuntimeError{"unknown format of servers state: " + escapeText(reply, 120)};
        std::ranges::move(*some, std::back_inserter(states));
    }
    co_return states;
}

Task<> RuntimeApplier::verifyAll(std::string socket, const Config& config) {
    std::size_t count = 0;
    std::vector<ServerChange> wanted;
    ServerSets known;
    for (const FragmentPtr& fragment : config.fragments)
        for (const InetEndpoint& server : fragment->servers) {
            wanted.push_back({ServerChange::Kind::Add, fragment->backend(), server, {}});
            known[fragment->backend()].insert(server);
            ++count;
        }
    RuntimeSession session{reactor_, std::move(socket), limitFor(count)};
    co_await session.open();
    const std::vector<ServerState> states = co_await askStates(session, {});
    if (!areApplied(wanted, states))
        throw RuntimeError{"its servers differ from its files"};
    for (const ServerState& state : states) {
        const auto address = IpAddress::parse(state.address);
        const bool isOurs = address && config.find(std::string_view{state.backend}.substr(
                                           std::min<std::size_t>(2, state.backend.size())));
        if (!isOurs || contains(known, state.backend, {*address, state.port}))
            continue;
        if (state.isReady())
            throw RuntimeError{"it has a server that its files do not have"};
        leaving_[state.backend].insert({*address, state.port});
    }
    for (const auto& [name, content] : config.maps)
        co_await verifyMap(session, name, content);
}

Task<> RuntimeApplier::endDraining(std::string socket, const ServerSets& draining) {
    std::vector<ServerChange> gone;
    for (const auto& [backend, servers] : draining_)
        for (const InetEndpoint& server : servers)
            if (!contains(draining, backend, server))
                gone.push_back({ServerChange::Kind::Remove, backend, server, {}});
    if (gone.empty())
        co_return;
    RuntimeSession session{reactor_, std::move(socket), limitFor(gone.size())};
    co_await session.open();
    co_await applyServers(session, gone);
}

Task<> RuntimeApplier::deleteLeaving(std::string socket) {
    std::vector<std::pair<std::string, InetEndpoint>> targets;
    std::vector<std::string> commands;
    for (const auto& [backend, servers] : leaving_)
        for (const InetEndpoint& server : servers)
            if (!contains(draining_, backend, server)) {
                targets.emplace_back(backend, server);
                commands.push_back(deleteCommand(backend, server));
            }
    if (targets.empty())
        co_return;
    commandCount_ += commands.size();
    RuntimeSession session{reactor_, std::move(socket), limitFor(commands.size())};
    co_await session.open();
    const std::vector<std::string> replies = co_await session.ask(std::move(commands));
    for (std::size_t i = 0; i < targets.size(); ++i) {
        const std::string_view reply = trim(replies[i]);
        if (reply == "Server deleted." || reply.starts_with("No such server"))
            erase(leaving_, targets[i].first, targets[i].second);
    }
}

bool RuntimeApplier::hasDeletable() const noexcept {
    std::size_t draining = 0;
    std::size_t all = 0;
    for (const auto& [backend, servers] : draining_)
        draining += servers.size();
    for (const auto& [backend, servers] : leaving_)
        all += servers.size();
    return all > draining;
}

void RuntimeApplier::forget() noexcept {
    leaving_.clear();
    draining_.clear();
}

} // namespace mmsd::haproxy
