// SPDX-License-Identifier: MIT
// RefusalBook: refusals by what they come from, so that one can be replaced without the others.
#pragma once

#include "protocol/control_messages.h"

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace mmsd::worker {

/** Has entries only for what is refused, so its size is that of the news in it. */
template <typename Key> class RefusalBook {
public:
    /** Replaces what there was of @p key; none: it is not refused any more. */
    void set(const Key& key, std::vector<protocol::Refusal> refusals) {
        const auto known = entries_.find(key);
        if (refusals.empty()) {
            if (known == entries_.end())
                return;
            entries_.erase(known);
        } else if (known == entries_.end()) {
            entries_.emplace(key, std::move(refusals));
        } else {
            known->second = std::move(refusals);
        }
        ++changes_;
    }

    /** Adds all, by key. */
    void appendTo(std::vector<protocol::Refusal>& all) const {
        for (const auto& [key, refusals] : entries_)
            all.insert(all.end(), refusals.begin(), refusals.end());
    }

    /** Grows with each change: equal numbers, equal content. */
    [[nodiscard]] std::uint64_t changes() const noexcept { return changes_; }

private:
    std::map<Key, std::vector<protocol::Refusal>> entries_;
    std::uint64_t changes_ = 0;
};

} // namespace mmsd::worker
