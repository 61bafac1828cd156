// SPDX-License-Identifier: MIT
// AppStore: what is known of the apps, and which of them changed. Pure.
#pragma once

#include "daemon/marathon/app_evaluator.h"
#include "daemon/marathon/marathon_app.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace mmsd::marathon {

/** Numbers requests in the order of their start: of two answers about an app, that of the later
 *  request counts, whichever arrives first. */
using RequestNumber = std::uint64_t;

class FullAnswer;

/** Owns Marathon's apps and the memory of their tasks; borrows the look-up of host names. */
class AppStore {
public:
    /** An app that has to be published in a new form. */
    struct Change {
        std::string id;
        std::optional<protocol::App> app; ///< nothing = it is gone
    };
    enum class Outcome : std::uint8_t { Changed, Unchanged, Outdated };

    explicit AppStore(HostLookup& hosts) : hosts_{hosts} {}

    /** Takes the apps of an earlier run for known, until an answer tells of them. */
    void restore(const protocol::Snapshot& snapshot);

    Outcome applyApp(RequestNumber number, MarathonApp app);
    Outcome applyGone(RequestNumber number, const std::string& id, TimePoint now);
    /** What a whole answer did: ids of apps. */
    struct FullOutcome {
        /** To be fetched one by one: an older answer came in while this one was on its way, after
         *  it had been compared with what was known then. */
        std::vector<std::string> conflicts;
        std::vector<std::string> changed; ///< new, different, or gone
    };
    /** Takes a whole answer: what is not in it is gone. */
    [[nodiscard]] FullOutcome applyFull(FullAnswer answer, TimePoint now);
    /** True if evaluate() has something to do now. */
    [[nodiscard]] bool isTouched() const noexcept { return !touched_.empty(); }
    /** Notes that the addresses of a host changed. @return true if an app has tasks there */
    bool touchHost(const std::string& host);
    /** Notes that every app has to be evaluated anew. */
    void touchAll();

    /** Evaluates what was touched and what has become due; changes in the order of ids. */
    [[nodiscard]] std::vector<Change> evaluate(const Now& now);
    /** When evaluate() has to be called although nothing is heard. */
    [[nodiscard]] std::optional<TimePoint> nextEvaluation() const noexcept;

    [[nodiscard]] const MarathonApp* find(const std::string& id) const noexcept;
    /** The request that an app is known by; 0 if it is not known. */
    [[nodiscard]] RequestNumber numberOf(const std::string& id) const noexcept;
    /** The id of the app whose JSON had that checksum, or null. */
    [[nodiscard]] const std::string* findByContent(std::uint64_t checksum) const noexcept;
    /** The hosts that tasks are on. */
    [[nodiscard]] std::set<std::string> hosts() const;
    [[nodiscard]] std::size_t size() const noexcept { return records_.size(); }

private:
    struct Record {
        MarathonApp app;
        RequestNumber number = 0;
        std::uint64_t checksum = 0; ///< of its JSON in the last full answer; 0 = none
        std::optional<TimePoint> until;
    };
    struct Memory {
        AppMemory tasks;
        std::optional<TimePoint> goneSince;
    };
    using Records = std::map<std::string, Record>;

    Outcome apply(RequestNumber number, MarathonApp app, std::uint64_t checksum);
    void setChecksum(Record& record, std::uint64_t checksum);
    Records::iterator remove(Records::iterator place, RequestNumber number, TimePoint now);
    void setUntil(const std::string& id, Record& record, std::optional<TimePoint> until);
    void forgetOld(RequestNumber number, TimePoint now);

    HostLookup& hosts_;
    Records records_;
    std::set<std::string> restored_; ///< known from an earlier run only
    std::unordered_map<std::string, Memory> memories_;
    std::unordered_map<std::uint64_t, std::string> byContent_;
    std::map<std::string, RequestNumber> removed_; ///< by which request, for older ones under way
    std::set<std::string> touched_;
    std::set<std::pair<TimePoint, std::string>> due_;
};

} // namespace mmsd::marathon
