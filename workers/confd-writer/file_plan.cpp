// SPDX-License-Identifier: MIT
// FilePlan: which app port has which file, with a stable winner where two want the same. Pure.
#include "workers/confd-writer/file_plan.h"

#include "workers/confd-writer/instances_file.h"
#include "workers/runtime/app_precedence.h"

#include <algorithm>
#include <utility>

namespace mmsd::confd {

void FilePlan::remember(const std::string& name, const std::string& appId) {
    entries_[name].holder = appId;
}

std::vector<std::string> FilePlan::update(std::shared_ptr<const protocol::Snapshot> snapshot) {
    std::set<std::string> touched;
    if (!last_) // what was remembered and is not claimed now has to go
        for (const auto& [name, entry] : entries_)
            touched.insert(name);

    for (const auto& [old, fresh] : protocol::differences(last_.get(), *snapshot)) {
        if (old)
            removeApp(*old, touched);
        if (fresh)
            addApp(fresh, touched);
    }
    for (const std::string& name : touched)
        settle(name);
    last_ = std::move(snapshot);
    return {touched.begin(), touched.end()};
}

void FilePlan::addApp(const std::shared_ptr<const protocol::App>& app,
                      std::set<std::string>& touched) {
    for (std::size_t index = 0; index < app->ports.size(); ++index) {
        const auto portIndex = static_cast<std::uint16_t>(index);
        std::string name = fileName(app->id, index);
        if (const auto reason = whyUnsafe(name)) {
            // Further indices only make the name longer.
            const auto refused = index == 0 ? protocol::kWholeApp : portIndex;
            unsafe_[app->id] = {app->id, refused, "no file: " + *reason,
                                protocol::RefusalRule::InvalidValue};
            break;
        }
        entries_[name].claims.push_back({app, portIndex});
        touched.insert(std::move(name));
    }
}

void FilePlan::removeApp(const protocol::App& app, std::set<std::string>& touched) {
    unsafe_.erase(app.id);
    for (std::size_t index = 0; index < app.ports.size(); ++index) {
        std::string name = fileName(app.id, index);
        const auto entry = entries_.find(name);
        if (entry == entries_.end())
            continue;
        std::erase_if(entry->second.claims,
                      [&](const Claim& claim) { return claim.app->id == app.id; });
        touched.insert(std::move(name));
    }
}

void FilePlan::settle(const std::string& name) {
    const auto found = entries_.find(name);
    auto& [claims, holder] = found->second;
    if (claims.size() > 1)
        contested_.insert(name);
    else
        contested_.erase(name);
    if (claims.empty()) {
        entries_.erase(found);
        return;
    }
    // The winner stands first.
    std::ranges::sort(claims, [&holder = holder](const Claim& a, const Claim& b) {
        const bool aHolds = a.app->id == holder;
        const bool bHolds = b.app->id == holder;
        return aHolds != bHolds ? aHolds : worker::precedes(*a.app, *b.app);
    });
    holder = claims.front().app->id;
}

const Claim* FilePlan::owner(const std::string& name) const {
    const auto found = entries_.find(name);
    return found == entries_.end() || found->second.claims.empty() ? nullptr
                                                                   : &found->second.claims.front();
}

std::vector<std::string> FilePlan::names() const {
    std::vector<std::string> names;
    for (const auto& [name, entry] : entries_)
        if (!entry.claims.empty())
            names.push_back(name);
    return names;
}

std::vector<protocol::Refusal> FilePlan::refusals() const {
    std::vector<protocol::Refusal> refusals;
    for (const auto& [id, refusal] : unsafe_)
        refusals.push_back(refusal);
    for (const std::string& name : contested_) {
        const std::vector<Claim>& claims = entries_.at(name).claims;
        for (auto loser = claims.begin() + 1; loser != claims.end(); ++loser)
            refusals.push_back({loser->app->id, loser->portIndex,
                                "file name taken by " + claims.front().app->id,
                                protocol::RefusalRule::Conflict});
    }
    return refusals;
}

} // namespace mmsd::confd
