// SPDX-License-Identifier: MIT
// ZoneUpdate: brings a zone in line with a snapshot, in small steps.
#pragma once

#include "protocol/state.h"
#include "workers/dns-server/zone.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace mmsd::dns {

/** One update of one zone, borrowed; must be run to its end. Apps that are the same objects as in
 *  the last snapshot cost a comparison of pointers. */
class ZoneUpdate {
public:
    /** @param timestamp seconds since 1970, what the serial follows
     *  @param shallRebuild prepares every app anew, whatever has changed */
    ZoneUpdate(Zone& zone, std::shared_ptr<const protocol::Snapshot> snapshot,
               std::uint32_t timestamp, bool shallRebuild = false);
    ~ZoneUpdate();

    /** Does a bounded piece of work (some 10 µs: one name, or some hundred comparisons).
     *  @return true when everything is done */
    bool step();
    /** When done: whether any record has changed. */
    [[nodiscard]] bool hasChanged() const noexcept { return hasChanged_; }

private:
    struct Building; // the app that is being prepared

    bool scan();
    void startBuilding(std::unique_ptr<AppBlock> old, std::shared_ptr<const protocol::App> app);
    void buildNext();
    void commit();
    void remove(std::unique_ptr<AppBlock> old);

    Zone& zone_;
    std::shared_ptr<const protocol::Snapshot> snapshot_;
    std::uint32_t timestamp_;
    bool shallRebuild_;
    std::uint64_t number_;

    std::vector<std::unique_ptr<AppBlock>> old_;
    std::size_t nextOld_ = 0;
    std::size_t nextApp_ = 0;
    std::unique_ptr<Building> building_;
    bool hasChanged_ = false;
    bool isMerged_ = false;
};

} // namespace mmsd::dns
