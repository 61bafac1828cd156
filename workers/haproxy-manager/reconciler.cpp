// SPDX-License-Identifier: MIT
// From what runs to what is wanted: nothing, runtime commands, or a reload. Pure.
#include "workers/haproxy-manager/reconciler.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace mmsd::haproxy {

namespace {

bool contains(const ServerSets& sets, std::string_view backend, const InetEndpoint& server) {
    const auto found = sets.find(backend);
    return found != sets.end() && found->second.contains(server);
}

class Reconciler {
public:
    Reconciler(const Config& running, const Config& wanted, const ServerSets& draining,
               const ServerSets& leaving, bool canChangeServers)
        : running_{running}, wanted_{wanted}, draining_{draining}, leaving_{leaving},
          canChangeServers_{canChangeServers} {}

    Plan plan() {
        compareFragments();
        if (running_.base != wanted_.base)
            needReload("global settings changed");
        if (running_.tail != wanted_.tail)
            needReload("tail file changed");
        plan_.reachable.base = running_.base;
        plan_.reachable.tail = running_.tail;
        compareMaps();
        std::ranges::stable_sort(plan_.servers, {}, &ServerChange::kind);
        return std::move(plan_);
    }

private:
    void needReload(std::string reason) {
        if (plan_.reloadReason.empty())
            plan_.reloadReason = std::move(reason);
    }

    void compareFragments() {
        plan_.reachable.fragments.reserve(running_.fragments.size());
        auto wanted = wanted_.fragments.begin();
        const auto end = wanted_.fragments.end();
        for (const FragmentPtr& running : running_.fragments) {
            if (wanted != end && *wanted == running) {
                plan_.reachable.fragments.push_back(running);
                ++wanted;
                continue;
            }
            for (; wanted != end && (*wanted)->proxy < running->proxy; ++wanted)
                needReload("new: " + (*wanted)->proxy);
            if (wanted != end && (*wanted)->proxy == running->proxy)
                compare(running, *wanted++);
            else
                remove(running);
        }
        for (; wanted != end; ++wanted)
            needReload("new: " + (*wanted)->proxy);
    }

    void compare(const FragmentPtr& running, const FragmentPtr& wanted) {
        const bool isSame = isSameShape(*running, *wanted);
        if (!isSame)
            needReload("changed: " + running->proxy);
        if (running->servers == wanted->servers) {
            // Of two that are equal the wanted one: the next comparison is one of pointers.
            plan_.reachable.fragments.push_back(isSame ? wanted : running);
            return;
        }
        if (!canChangeServers_) {
            needReload("servers of " + running->proxy);
            plan_.reachable.fragments.push_back(running);
            return;
        }
        std::vector<InetEndpoint> added;
        std::vector<InetEndpoint> gone;
        std::ranges::set_difference(wanted->servers, running->servers, std::back_inserter(added));
        std::ranges::set_difference(running->servers, wanted->servers, std::back_inserter(gone));
        // New servers need the new options, and those come with the reload only.
        if (running->options != wanted->options)
            added.clear();
        drop(*running, gone);
        add(*running, added);
        std::vector<InetEndpoint> left;
        std::ranges::set_difference(running->servers, gone, std::back_inserter(left));
        left.insert(left.end(), added.begin(), added.end());
        std::ranges::sort(left);
        plan_.reachable.fragments.push_back(isSame ? wanted : withServers(*running, left));
    }

    /** The frontend stays until the reload, but another app may get these addresses before. */
    void remove(const FragmentPtr& running) {
        needReload("gone: " + running->proxy);
        if (!canChangeServers_ || running->servers.empty()) {
            plan_.reachable.fragments.push_back(running);
            return;
        }
        drop(*running, running->servers);
        plan_.reachable.fragments.push_back(withServers(*running, {}));
    }

    void add(const Fragment& fragment, const std::vector<InetEndpoint>& servers) {
        const std::string backend = fragment.backend();
        for (const InetEndpoint& server : servers) {
            const bool isThere = contains(leaving_, backend, server);
            plan_.servers.push_back({isThere ? ServerChange::Kind::Revive : ServerChange::Kind::Add,
                                     backend, server, fragment.options});
        }
    }

    void drop(const Fragment& fragment, const std::vector<InetEndpoint>& servers) {
        const std::string backend = fragment.backend();
        for (const InetEndpoint& server : servers) {
            const bool isKilled = contains(draining_, backend, server);
            plan_.servers.push_back(
                {isKilled ? ServerChange::Kind::Drain : ServerChange::Kind::Remove,
                 backend,
                 server,
                 {}});
        }
    }

    void compareMaps() {
        for (const auto& [name, content] : running_.maps) {
            const auto found = wanted_.maps.find(name);
            std::string reachable = content;
            // A backend that is new, or that will speak something else, waits for the reload.
            if (found != wanted_.maps.end() && found->second != content)
                reachable = keepUsableLines(found->second, content, [this](std::string_view proxy) {
                    const Fragment* const running = running_.find(proxy);
                    const Fragment* const wanted = wanted_.find(proxy);
                    return running != nullptr && wanted != nullptr &&
                           isSameShape(*running, *wanted);
                });
            if (reachable != content)
                plan_.maps.emplace(name, reachable);
            plan_.reachable.maps.emplace(name, std::move(reachable));
        }
    }

    const Config& running_;
    const Config& wanted_;
    const ServerSets& draining_;
    const ServerSets& leaving_;
    bool canChangeServers_;
    Plan plan_;
};

} // namespace

Plan reconcile(const Config& running, const Config& wanted, const ServerSets& draining,
               const ServerSets& leaving, bool canChangeServers) {
    return Reconciler{running, wanted, draining, leaving, canChangeServers}.plan();
}

} // namespace mmsd::haproxy
