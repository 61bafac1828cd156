// SPDX-License-Identifier: MIT
// DisappearanceGuard: holds back a state that lost most of what serves. Pure.
#pragma once

#include "daemon/marathon/serving_rule.h"

#include <cstddef>
#include <optional>

namespace mmsd::marathon {

/** A thin answer, as Marathon gives them after a change of leader, must not empty the backends: a
 *  loss of more than half of at least kLeast serving instances counts only when a second fetch,
 *  kDelay later, confirms it. Source: CONTRACT section 2, "Never worse than before". */
class DisappearanceGuard {
public:
    static constexpr std::size_t kLeast = 20;
    static constexpr std::chrono::seconds kDelay{5};
    /** Timers may fire this much early. */
    static constexpr std::chrono::milliseconds kSlack{100};

    /** Judges the step from @p before to @p after serving instances.
     *  @return true if it has to be held back */
    [[nodiscard]] bool mustHold(std::size_t before, std::size_t after, TimePoint now) {
        const bool isLoss = before >= kLeast && after < before && (before - after) * 2 > before;
        if (!isLoss || isConfirmed_) {
            heldSince_.reset();
            isConfirmed_ = false;
            return false;
        }
        if (!heldSince_)
            heldSince_ = now;
        return true;
    }
    /** Notes a whole answer to a full fetch. @param startedAt when that was sent */
    void confirm(TimePoint startedAt) noexcept {
        isConfirmed_ = heldSince_ && startedAt - *heldSince_ >= kDelay - kSlack;
    }
    [[nodiscard]] bool isHolding() const noexcept { return heldSince_.has_value(); }

private:
    std::optional<TimePoint> heldSince_;
    bool isConfirmed_ = false;
};

} // namespace mmsd::marathon
