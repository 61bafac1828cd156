// SPDX-License-Identifier: MIT
// MetricFamilies: samples collected by name, and their text for Prometheus. Pure.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::api {

enum class FamilyType : std::uint8_t { Counter, Gauge, Histogram };

/** One # HELP, one # TYPE and all samples for each name. Pure. */
class MetricFamilies {
public:
    using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

    /** Adds a sample; one with the name and the labels of an earlier one, or of another type than
     *  its family, is left out: Prometheus would refuse the whole page for it.
     *  @param family without prefix
     *  @param suffix "_bucket", "_sum", "_count" of a histogram, else "" */
    void add(std::string_view family, FamilyType type, const Labels& labels, double value,
             std::string_view suffix = "");

    [[nodiscard]] std::string toText() const;

private:
    struct Family {
        FamilyType type = FamilyType::Gauge;
        std::vector<std::string> lines; ///< "suffix{labels} value"
        std::set<std::string> keys;     ///< "suffix{labels}", each once
    };
    std::map<std::string, Family, std::less<>> families_;
};

/** What # HELP says of a metric, by its name without prefix. */
[[nodiscard]] std::string_view metricHelp(std::string_view name) noexcept;

} // namespace mmsd::api
