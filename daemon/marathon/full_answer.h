// SPDX-License-Identifier: MIT
// FullAnswer: the apps of one full answer, collected aside until it is known to be whole. Pure.
#pragma once

#include "daemon/marathon/app_store.h"

#include <string>
#include <string_view>
#include <unordered_set>
#include <utility>
#include <vector>

namespace mmsd::marathon {

/** Keeps of each app only what differs from the store. */
class FullAnswer {
public:
    /** @param store must outlive this object */
    FullAnswer(const AppStore& store, RequestNumber number) : store_{store}, number_{number} {}

    /** Takes the JSON of one app. @throws JsonError if it is none: the answer is not whole */
    void add(std::string_view json);

    /** Elements that are no apps, or there twice: what stood there as id, and what is wrong. */
    [[nodiscard]] const std::vector<std::pair<std::string, std::string>>&
    unusable() const noexcept {
        return unusable_;
    }
    [[nodiscard]] RequestNumber number() const noexcept { return number_; }

private:
    friend class AppStore;
    struct Unchanged {
        std::string id;
        std::uint64_t checksum;
        RequestNumber basedOn; ///< what was known of it when it was compared
    };
    struct Changed {
        MarathonApp app;
        std::uint64_t checksum;
    };

    void refuse(std::string_view id, const char* reason);

    const AppStore& store_;
    RequestNumber number_;
    std::unordered_set<std::string> ids_;
    std::vector<Unchanged> unchanged_;
    std::vector<Changed> changed_;
    std::vector<std::pair<std::string, std::string>> unusable_;
};

} // namespace mmsd::marathon
