// SPDX-License-Identifier: MIT
// AnswerCache: answers as octets, made once per state and resource.
#include "workers/api-server/answer_cache.h"

#include "workers/api-server/api_routes.h"

#include <utility>

namespace mmsd::api {

namespace {

/** What two requests have in common that ask for the same, however they are spelled. Begins
 *  unlike any request. */
std::string keyOf(const Inquiry& inquiry) {
    std::string key;
    const auto add = [&key](std::string_view part) { key.append(1, '\0').append(part); };
    add(inquiry.route->path);
    add(inquiry.mediaType);
    add(inquiry.appId);
    for (const auto& [name, value] : inquiry.query) {
        add(name);
        add(value);
    }
    return key;
}

bool mayBeKept(const Inquiry& inquiry, const Answer& answer) noexcept {
    return answer.notModified != nullptr && inquiry.route->freshness != Freshness::Instant;
}

std::size_t octetsOf(const PreparedResponse& response) noexcept {
    return sizeof response + response.head.size() + response.body.size();
}

} // namespace

AnswerPtr AnswerCache::answer(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    const std::string key = keyOf(inquiry);
    for (Entries* entries : {&recent_, &older_})
        if (const auto found = entries->find(key);
            found != entries->end() &&
            (found->second.reportRevision == 0 || found->second.reportRevision == reportRevision_))
            return found->second.answer;
    AnswerPtr made = make(inquiry, state, now);
    keepFor(key, inquiry, made);
    return made;
}

const Answer* AnswerCache::find(std::string_view requestKey) {
    auto found = recent_.find(requestKey);
    if (found == recent_.end()) {
        const auto old = older_.find(requestKey);
        if (old == older_.end())
            return nullptr;
        const Entry entry = old->second;
        older_.erase(old);
        keep(requestKey, entry);
        found = recent_.find(requestKey);
        if (found == recent_.end())
            return nullptr;
    }
    const Entry& entry = found->second;
    const bool isValid = entry.reportRevision == 0 || entry.reportRevision == reportRevision_;
    return isValid ? entry.answer.get() : nullptr;
}

void AnswerCache::keepFor(std::string_view requestKey, const Inquiry& inquiry, AnswerPtr answer) {
    if (!mayBeKept(inquiry, *answer))
        return;
    const bool dependsOnReports = inquiry.route->freshness == Freshness::Reports;
    const std::size_t octets = requestKey.size() + sizeof(Entry) + octetsOf(*answer->full);
    keep(requestKey, {std::move(answer), dependsOnReports ? reportRevision_ : 0, octets});
}

void AnswerCache::onSnapshot() {
    recent_.clear();
    older_.clear();
    recentOctets_ = 0;
}

AnswerPtr AnswerCache::make(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    HttpResponse response = api::answer(inquiry, state, now);
    Answer made;
    made.tag = response.entityTag;
    // Only what would be a success is conditional (RFC 9110 §13.2.1).
    if (!response.entityTag.empty() && response.status < 300)
        made.notModified = prepare(notModified(response));
    auto full = std::make_unique<const PreparedResponse>(render(std::move(response)));
    // Counted until its last user is gone, who may be a client that takes its time.
    const std::size_t octets = octetsOf(*full);
    *liveOctets_ += octets;
    made.full = {full.release(), [octets, ledger = liveOctets_](const PreparedResponse* done) {
                     *ledger -= octets;
                     delete done;
                 }};
    return std::make_shared<const Answer>(std::move(made));
}

void AnswerCache::keep(std::string_view key, Entry entry) {
    if (entry.octets > kMaxOctets / 2)
        return;
    if (recent_.size() >= kMaxEntries / 2 || recentOctets_ + entry.octets > kMaxOctets / 2) {
        older_ = std::exchange(recent_, {});
        recentOctets_ = 0;
    }
    recentOctets_ += entry.octets;
    Entry& place = recent_[std::string{key}];
    recentOctets_ -= place.octets;
    place = std::move(entry);
}

} // namespace mmsd::api
