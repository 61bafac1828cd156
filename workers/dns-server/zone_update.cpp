// SPDX-License-Identifier: MIT
// ZoneUpdate: brings a zone in line with a snapshot, in small steps.
#include "workers/dns-server/zone_update.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace mmsd::dns {

namespace {

/** Comparisons of one step: a few microseconds. */
constexpr std::size_t kScanPerStep = 256;

/** Instances share their agents' addresses; a container network that has more only grows later. */
constexpr std::size_t kMaxAddressesExpected = 65'536;

bool isEqual(const AppBlock& old, const AppBlock& next, const AppRecords& records) {
    if (old.names.size() != next.names.size() || old.targets.size() != next.targets.size())
        return false;
    for (std::size_t i = 0; i < next.names.size(); ++i) {
        if (old.names[i].entry->first != records.names[i].name ||
            old.names[i].prepared != next.names[i].prepared)
            return false;
    }
    // The prepared names hold the targets' names and addresses, too.
    return true;
}

} // namespace

struct ZoneUpdate::Building {
    std::unique_ptr<AppBlock> old;
    std::unique_ptr<AppBlock> next = std::make_unique<AppBlock>();
    AppRecords records;
    std::size_t nextName = 0;
};

ZoneUpdate::ZoneUpdate(Zone& zone, std::shared_ptr<const protocol::Snapshot> snapshot,
                       std::uint32_t timestamp, bool shallRebuild)
    : zone_{zone}, snapshot_{std::move(snapshot)}, timestamp_{timestamp},
      shallRebuild_{shallRebuild}, number_{++zone.updates_}, old_{std::move(zone.blocks_)} {
    zone_.blocks_.clear();
    zone_.blocks_.reserve(snapshot_->apps.size());
    const std::size_t instances = snapshot_->instanceCount;
    // Own name, "_tcp", port index, port name; one per instance.
    zone_.names_.reserve(snapshot_->apps.size() * 4 + instances);
    zone_.reverse_.reserve(std::min(instances, kMaxAddressesExpected));
}

ZoneUpdate::~ZoneUpdate() = default;

bool ZoneUpdate::step() {
    if (building_) {
        buildNext();
        return false;
    }
    if (!isMerged_) {
        isMerged_ = scan();
        return false;
    }
    if (zone_.reverse_.prepareNext(zone_.encoder_))
        return false;
    hasChanged_ = hasChanged_ || !zone_.isReady();
    if (hasChanged_)
        zone_.advance(timestamp_, number_);
    return true;
}

bool ZoneUpdate::scan() {
    for (std::size_t i = 0; i < kScanPerStep; ++i) {
        const bool hasOld = nextOld_ < old_.size();
        const bool hasApp = nextApp_ < snapshot_->apps.size();
        if (!hasOld && !hasApp)
            return true;
        const auto& app = hasApp ? snapshot_->apps[nextApp_] : nullptr;
        if (hasOld && app == old_[nextOld_]->app && !shallRebuild_) {
            zone_.blocks_.push_back(std::move(old_[nextOld_++]));
            ++nextApp_;
            continue;
        }
        const int order = !hasApp ? -1 : !hasOld ? 1 : old_[nextOld_]->app->id.compare(app->id);
        if (order < 0) {
            remove(std::move(old_[nextOld_++]));
        } else {
            startBuilding(order == 0 ? std::move(old_[nextOld_++]) : nullptr, app);
            ++nextApp_;
        }
        return false;
    }
    return false;
}

void ZoneUpdate::remove(std::unique_ptr<AppBlock> old) {
    zone_.exchange(old.get(), nullptr, {}, number_);
    hasChanged_ = true;
}

void ZoneUpdate::startBuilding(std::unique_ptr<AppBlock> old,
                               std::shared_ptr<const protocol::App> app) {
    building_ = std::make_unique<Building>();
    building_->old = std::move(old);
    building_->records = makeAppRecords(*app, zone_.base().size());
    AppBlock& next = *building_->next;
    next.app = std::move(app);
    next.names.resize(building_->records.names.size());
    next.targets = std::move(building_->records.targets);
    next.refusals = std::move(building_->records.refusals);
    next.isAllUnhealthy = building_->records.isAllUnhealthy;
}

void ZoneUpdate::buildNext() {
    Building& building = *building_;
    AppBlock& next = *building.next;
    if (building.nextName == next.names.size()) {
        commit();
        return;
    }
    const NameRecords& records = building.records.names[building.nextName];
    auto prepared = zone_.encoder_.prepare(records, next.targets);
    if (prepared.omitted != 0)
        next.refusals.push_back({next.app->id, records.portIndex,
                                 fmt::format("{} records of {} do not fit in a DNS message",
                                             prepared.omitted, toText(records.name + zone_.base())),
                                 protocol::RefusalRule::Limit, true});
    next.names[building.nextName++].prepared = std::move(prepared.name);
}

void ZoneUpdate::commit() {
    const std::unique_ptr<Building> building = std::move(building_);
    AppBlock* old = building->old.get();
    if (old == nullptr || !isEqual(*old, *building->next, building->records))
        hasChanged_ = true;
    zone_.exchange(old, building->next.get(), building->records, number_);
    zone_.blocks_.push_back(std::move(building->next));
}

} // namespace mmsd::dns
