// SPDX-License-Identifier: MIT
// FullAnswer: the apps and pods of one full answer, collected aside until it is known to be whole.
// Pure.
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
    /** What is known of the pods, which Marathon tells apart from the apps. */
    enum class Pods : std::uint8_t {
        Told,    ///< all are in this answer; also where there are none
        Unknown, ///< those known stay
        /** Those known stay, but what is known from an earlier run only, and not among the apps,
         *  is given up: it may have been a pod, but more likely it is gone. */
        Unknowable,
    };
    /** @param store must outlive this object */
    FullAnswer(const AppStore& store, RequestNumber number) : store_{store}, number_{number} {}

    /** Takes the JSON of one app. @throws JsonError if it is none: the answer is not whole */
    void add(std::string_view json);
    /** Takes the JSON of one pod's status, behind all apps. @throws JsonError */
    void addPod(std::string_view json);
    void setPods(Pods pods) noexcept { pods_ = pods; }

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

    void take(std::string_view json, MarathonApp (*parse)(std::string_view), const char* taken);
    void refuse(std::string_view id, const char* reason);

    const AppStore& store_;
    RequestNumber number_;
    Pods pods_ = Pods::Told;
    std::unordered_set<std::string> ids_;
    std::vector<Unchanged> unchanged_;
    std::vector<Changed> changed_;
    std::vector<std::pair<std::string, std::string>> unusable_;
};

} // namespace mmsd::marathon
