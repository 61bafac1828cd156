// SPDX-License-Identifier: MIT
// Ids that somebody may have meant. Pure.
#include "workers/api-server/explanation.h"

#include "common/text.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace mmsd::api {

namespace {

/** Ids longer than this are not compared letter by letter: the cost grows with the square. */
constexpr std::size_t kMaxCompared = 64;
constexpr std::size_t kMaxTypingErrors = 2;

std::string_view lastPart(std::string_view id) {
    return id.substr(id.rfind('/') + 1);
}

/** Levenshtein's distance; kMaxTypingErrors + 1 for everything beyond. */
std::size_t distance(std::string_view a, std::string_view b) {
    const std::size_t far = kMaxTypingErrors + 1;
    const std::size_t difference = a.size() > b.size() ? a.size() - b.size() : b.size() - a.size();
    if (a.size() > kMaxCompared || difference > kMaxTypingErrors)
        return far;
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 0; i < a.size(); ++i) {
        std::size_t diagonal = row[0]++;
        for (std::size_t j = 0; j < b.size(); ++j) {
            const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
            diagonal = row[j + 1];
            row[j + 1] = std::min({replaced, row[j] + 1, diagonal + 1});
        }
    }
    return std::min(row.back(), far);
}

/** Smaller is nearer; kNotNear = not at all. */
constexpr int kNotNear = 9;

int rank(const std::string& wanted, std::string_view id) {
    const std::string lower = toLower(id);
    if (lower == wanted)
        return 0;
    if (distance(wanted, lower) <= kMaxTypingErrors)
        return 1;
    if (lastPart(lower) == lastPart(wanted))
        return 2;
    // A folder of apps, or one level too deep.
    if (lower.starts_with(wanted + "/") || wanted.starts_with(lower + "/"))
        return 3;
    if (distance(lastPart(wanted), lastPart(lower)) <= 1)
        return 4;
    return lower.find(lastPart(wanted)) != std::string::npos ? 5 : kNotNear;
}

} // namespace

std::vector<std::string_view> nearNames(const protocol::Snapshot& snapshot, std::string_view appId,
                                        std::size_t limit) {
    std::string wanted = toLower(appId);
    while (wanted.size() > 1 && wanted.ends_with('/'))
        wanted.pop_back();
    std::vector<std::pair<int, std::string_view>> found;
    if (lastPart(wanted).empty())
        return {};
    for (const auto& app : snapshot.apps)
        if (const int place = rank(wanted, app->id); place < kNotNear)
            found.emplace_back(place, app->id);
    const auto end = found.begin() + static_cast<std::ptrdiff_t>(std::min(limit, found.size()));
    std::partial_sort(found.begin(), end, found.end());
    std::vector<std::string_view> names;
    for (auto each = found.begin(); each != end; ++each)
        names.push_back(each->second);
    return names;
}

} // namespace mmsd::api
