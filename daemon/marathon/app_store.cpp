// SPDX-License-Identifier: MIT
// AppStore: what is known of the apps, and which of them changed. Pure.
#include "daemon/marathon/app_store.h"

#include "daemon/marathon/full_answer.h"

#include <algorithm>

namespace mmsd::marathon {

void AppStore::restore(const protocol::Snapshot& snapshot) {
    for (const auto& app : snapshot.apps) {
        restored_.insert(app->id);
        AppMemory& memory = memories_[app->id].tasks;
        for (const protocol::Instance& instance : app->instances)
            memory.restore(instance);
    }
}

AppStore::Outcome AppStore::applyApp(RequestNumber number, MarathonApp app) {
    return apply(number, std::move(app), 0);
}

AppStore::Outcome AppStore::apply(RequestNumber number, MarathonApp app, std::uint64_t checksum) {
    const std::string id = app.id;
    const auto removal = removed_.find(id);
    if (removal != removed_.end() && removal->second > number)
        return Outcome::Outdated;
    const auto [place, isNew] = records_.try_emplace(id);
    Record& record = place->second;
    if (record.number > number)
        return Outcome::Outdated;
    record.number = number;
    setChecksum(record, checksum);
    if (!isNew && record.app == app)
        return Outcome::Unchanged;
    record.app = std::move(app);
    if (checksum != 0)
        byContent_[checksum] = id; // not before the record has its id
    restored_.erase(id);
    memories_[id].goneSince.reset();
    touched_.insert(id);
    return Outcome::Changed;
}

AppStore::Outcome AppStore::applyGone(RequestNumber number, const std::string& id, TimePoint now) {
    const auto place = records_.find(id);
    if (place == records_.end()) {
        if (restored_.erase(id) == 0)
            return Outcome::Unchanged;
        removed_[id] = number;
        touched_.insert(id);
        return Outcome::Changed;
    }
    if (place->second.number > number)
        return Outcome::Outdated;
    remove(place, number, now);
    return Outcome::Changed;
}

AppStore::FullOutcome AppStore::applyFull(FullAnswer answer, TimePoint now) {
    FullOutcome outcome;
    for (const FullAnswer::Unchanged& app : answer.unchanged_) {
        const auto place = records_.find(app.id);
        const auto removal = removed_.find(app.id);
        const RequestNumber known = place != records_.end()     ? place->second.number
                                    : removal != removed_.end() ? removal->second
                                                                : 0;
        if (known == app.basedOn && place != records_.end()) {
            place->second.number = answer.number_;
            setChecksum(place->second, app.checksum);
        } else if (known < answer.number_) {
            outcome.conflicts.push_back(app.id);
        }
    }
    for (FullAnswer::Changed& app : answer.changed_) {
        const std::string id = app.app.id;
        if (apply(answer.number_, std::move(app.app), app.checksum) == Outcome::Changed)
            outcome.changed.push_back(id);
    }
    for (auto place = records_.begin(); place != records_.end();) {
        const bool isTold = !place->second.app.isPod || answer.pods_ == FullAnswer::Pods::Told;
        const bool isGone =
            isTold && place->second.number < answer.number_ && !answer.ids_.contains(place->first);
        if (isGone)
            outcome.changed.push_back(place->first);
        place = isGone ? remove(place, answer.number_, now) : std::next(place);
    }
    if (answer.pods_ != FullAnswer::Pods::Unknown) {
        for (const std::string& id : restored_) { // those that the answer has not
            memories_[id].goneSince = now;
            touched_.insert(id);
        }
        restored_.clear();
    }
    forgetOld(answer.number_, now);
    return outcome;
}

void AppStore::setChecksum(Record& record, std::uint64_t checksum) {
    if (record.checksum == checksum)
        return;
    const auto old = byContent_.find(record.checksum);
    if (old != byContent_.end() && old->second == record.app.id)
        byContent_.erase(old);
    record.checksum = checksum;
    if (checksum != 0 && !record.app.id.empty())
        byContent_[checksum] = record.app.id;
}

AppStore::Records::iterator AppStore::remove(Records::iterator place, RequestNumber number,
                                             TimePoint now) {
    const std::string& id = place->first;
    setChecksum(place->second, 0);
    setUntil(id, place->second, std::nullopt);
    memories_[id].goneSince = now;
    removed_[id] = number;
    touched_.insert(id);
    return records_.erase(place);
}

void AppStore::forgetOld(RequestNumber number, TimePoint now) {
    // Each full fetch is alone on its way, so older requests than the last one have been answered
    // or will be dropped by number.
    std::erase_if(removed_, [&](const auto& entry) { return entry.second < number; });
    std::erase_if(memories_, [&](const auto& entry) {
        const auto& goneSince = entry.second.goneSince;
        return goneSince && now - *goneSince >= kMemoryOfMissing;
    });
}

bool AppStore::touchHost(const std::string& host) {
    bool isUsed = false;
    for (const auto& [id, record] : records_) {
        if (std::ranges::find(record.app.tasks, host, &MarathonTask::host) ==
            record.app.tasks.end())
            continue;
        touched_.insert(id);
        isUsed = true;
    }
    return isUsed;
}

void AppStore::touchAll() {
    for (const auto& [id, record] : records_)
        touched_.insert(id);
}

std::vector<AppStore::Change> AppStore::evaluate(const Now& now) {
    while (!due_.empty() && due_.begin()->first <= now.steady) {
        const std::string id = due_.begin()->second;
        setUntil(id, records_.at(id), std::nullopt);
        touched_.insert(id);
    }
    std::vector<Change> changes;
    changes.reserve(touched_.size());
    for (const std::string& id : touched_) {
        const auto place = records_.find(id);
        if (place == records_.end()) {
            changes.push_back({id, std::nullopt});
            continue;
        }
        Evaluation evaluation = evaluateApp(place->second.app, memories_[id].tasks, hosts_, now);
        setUntil(id, place->second, evaluation.until);
        changes.push_back({id, std::move(evaluation.app)});
    }
    touched_.clear();
    return changes;
}

std::optional<TimePoint> AppStore::nextEvaluation() const noexcept {
    if (due_.empty())
        return std::nullopt;
    return due_.begin()->first;
}

void AppStore::setUntil(const std::string& id, Record& record, std::optional<TimePoint> until) {
    if (record.until)
        due_.erase({*record.until, id});
    record.until = until;
    if (until)
        due_.emplace(*until, id);
}

const MarathonApp* AppStore::find(const std::string& id) const noexcept {
    const auto place = records_.find(id);
    return place == records_.end() ? nullptr : &place->second.app;
}

RequestNumber AppStore::numberOf(const std::string& id) const noexcept {
    const auto place = records_.find(id);
    return place == records_.end() ? 0 : place->second.number;
}

const std::string* AppStore::findByContent(std::uint64_t checksum) const noexcept {
    const auto place = byContent_.find(checksum);
    return place == byContent_.end() ? nullptr : &place->second;
}

std::set<std::string> AppStore::hosts() const {
    std::set<std::string> hosts;
    for (const auto& [id, record] : records_) {
        for (const MarathonTask& task : record.app.tasks)
            hosts.insert(task.host);
    }
    return hosts;
}

} // namespace mmsd::marathon
