// SPDX-License-Identifier: MIT
// Which of a resource's media types a client gets. Pure.
#include "workers/api-server/content_negotiation.h"

#include "common/text.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <vector>

namespace mmsd::api {

namespace {

constexpr int kFullWeight = 1'000;

/** An element of an Accept field. */
struct MediaRange {
    std::string_view type; ///< "text/plain", "text/*", "*/*"
    int weight = kFullWeight;
};

/** How a client likes one type; bigger is better. */
struct Liking {
    int weight = -1; ///< thousandths; -1 = not named
    int exactness = 0;
    std::size_t earliness = 0;

    auto operator<=>(const Liking&) const = default;
};

/** "0", "1", "0.5", "1.000": thousandths (RFC 9110 §12.4.2); nothing if malformed. */
std::optional<int> parseWeight(std::string_view text) {
    constexpr std::size_t kDigits = 3;
    if (text.empty() || text.size() > kDigits + 2 || (text[0] != '0' && text[0] != '1'))
        return std::nullopt;
    int weight = text[0] - '0';
    if (text.size() > 1 && text[1] != '.')
        return std::nullopt;
    for (std::size_t i = 2; i < kDigits + 2; ++i) {
        const char digit = i < text.size() ? text[i] : '0';
        if (digit < '0' || digit > '9')
            return std::nullopt;
        weight = weight * 10 + (digit - '0');
    }
    return weight <= kFullWeight ? std::optional{weight} : std::nullopt;
}

/** A malformed weight counts as the full one: the client did name the type. */
MediaRange parseRange(std::string_view item) {
    const auto parts = splitList(item, ';');
    MediaRange range;
    if (parts.empty())
        return range;
    range.type = parts.front();
    for (const std::string_view parameter : parts)
        if (parameter.size() > 2 && equalsIgnoringCase(parameter.substr(0, 2), "q="))
            range.weight = parseWeight(trim(parameter.substr(2))).value_or(kFullWeight);
    return range;
}

/** 3 = that very type, 2 = "type/ *", 1 = any, 0 = does not match. */
int exactnessOf(std::string_view range, std::string_view type) {
    if (equalsIgnoringCase(range, type))
        return 3;
    const std::size_t slash = type.find('/');
    if (range.ends_with("/*") &&
        equalsIgnoringCase(range.substr(0, range.size() - 1), type.substr(0, slash + 1)))
        return 2;
    return range == "*/*" ? 1 : 0;
}

/** The most exact range decides about a type (RFC 9110 §12.5.1). */
Liking likingOf(std::string_view type, const std::vector<MediaRange>& ranges) {
    Liking liking;
    for (std::size_t i = 0; i < ranges.size(); ++i)
        if (const int exactness = exactnessOf(ranges[i].type, type); exactness > liking.exactness)
            liking = {ranges[i].weight, exactness, ranges.size() - i};
    return liking;
}

} // namespace

std::optional<std::size_t> negotiate(std::string_view accept,
                                     std::span<const std::string_view> offered) {
    if (accept.empty() || accept == "*/*")
        return 0;
    std::vector<MediaRange> ranges;
    for (const std::string_view item : splitList(accept))
        ranges.push_back(parseRange(item));
    std::size_t chosen = 0;
    Liking best{std::numeric_limits<int>::min(), 0, 0};
    bool isAllRuledOut = true;
    for (std::size_t i = 0; i < offered.size(); ++i) {
        const Liking liking = likingOf(trim(offered[i].substr(0, offered[i].find(';'))), ranges);
        isAllRuledOut = isAllRuledOut && liking.weight == 0;
        // What was not named is still better than what was ruled out.
        const Liking rank = liking.weight == 0 ? Liking{-2, 0, 0} : liking;
        if (best < rank) {
            best = rank;
            chosen = i;
        }
    }
    if (isAllRuledOut)
        return std::nullopt;
    return chosen;
}

} // namespace mmsd::api
