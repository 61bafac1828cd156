// SPDX-License-Identifier: MIT
// AnswerCache: answers as octets, made once per state and resource.
#pragma once

#include "workers/api-server/http_response.h"
#include "workers/api-server/route.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

namespace mmsd::api {

/** An answer ready to be sent, and what a client gets that has it already. */
struct Answer {
    PreparedResponsePtr full;
    PreparedResponsePtr notModified; ///< null where the answer has no tag or is a failure
    std::string tag;                 ///< "" = none
};
using AnswerPtr = std::shared_ptr<const Answer>;

/** Owns the answers to inquiries about the present state, and finds them by the octets of a
 *  request without parsing these. Bounded; what was not asked for lately goes first. */
class AnswerCache {
public:
    static constexpr std::size_t kMaxEntries = 8'192;
    static constexpr std::size_t kMaxOctets = std::size_t{16} << 20;

    /** The answer to @p inquiry: a kept one where that still holds, else a new one. */
    [[nodiscard]] AnswerPtr answer(const Inquiry& inquiry, const ApiState& state,
                                   const ApiTime& now);

    /** The kept answer to a request with these octets, or null. */
    [[nodiscard]] const Answer* find(std::string_view requestKey);
    /** Keeps @p answer for requests with these octets, if it may be kept. */
    void keepFor(std::string_view requestKey, const Inquiry& inquiry, AnswerPtr answer);

    /** The snapshot has been replaced. */
    void onSnapshot();
    /** A process's report has been replaced. */
    void onReport() noexcept { ++reportRevision_; }

    /** Octets of all answers that still exist: kept ones, and others that are being sent. */
    [[nodiscard]] std::size_t liveOctets() const noexcept { return *liveOctets_; }

private:
    struct Entry {
        AnswerPtr answer;
        std::uint64_t reportRevision = 0; ///< 0 = does not depend on reports
        std::size_t octets = 0;
    };
    struct Hash {
        using is_transparent = void;
        std::size_t operator()(std::string_view text) const noexcept {
            return std::hash<std::string_view>{}(text);
        }
    };
    using Entries = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;

    [[nodiscard]] AnswerPtr make(const Inquiry& inquiry, const ApiState& state, const ApiTime& now);
    void keep(std::string_view key, Entry entry);

    Entries recent_;
    Entries older_; ///< what recent_ was when it was half of what is allowed
    std::size_t recentOctets_ = 0;
    std::uint64_t reportRevision_ = 1;
    std::shared_ptr<std::size_t> liveOctets_ = std::make_shared<std::size_t>(0);
};

} // namespace mmsd::api
