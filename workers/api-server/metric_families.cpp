// SPDX-License-Identifier: MIT
// MetricFamilies: samples collected by name, and their text for Prometheus. Pure.
#include "workers/api-server/metric_families.h"

#include <fmt/format.h>

#include <array>

namespace mmsd::api {

namespace {

constexpr std::string_view kPrefix = "mmsd_";

constexpr std::string_view typeName(FamilyType type) noexcept {
    constexpr std::array<std::string_view, 3> kNames{"counter", "gauge", "histogram"};
    return kNames[static_cast<std::size_t>(type)];
}

/** Source: Prometheus, "Text-based format": backslash, quote and line feed in label values. */
void appendEscaped(std::string& out, std::string_view value) {
    for (const char c : value) {
        if (c == '\\' || c == '"')
            out.append(1, '\\').append(1, c);
        else if (c == '\n')
            out.append("\\n");
        else
            out += c;
    }
}

std::string keyOf(std::string_view suffix, const MetricFamilies::Labels& labels) {
    std::string key{suffix};
    if (labels.empty())
        return key;
    key += '{';
    for (const auto& [name, value] : labels) {
        if (key.back() != '{')
            key += ',';
        key.append(name).append("=\"");
        appendEscaped(key, value);
        key += '"';
    }
    return key += '}';
}

} // namespace

void MetricFamilies::add(std::string_view family, FamilyType type, const Labels& labels,
                         double value, std::string_view suffix) {
    const auto [found, isNew] = families_.try_emplace(std::string{family});
    Family& entry = found->second;
    if (isNew)
        entry.type = type;
    std::string key = keyOf(suffix, labels);
    if (entry.type != type || !entry.keys.insert(key).second)
        return;
    entry.lines.push_back(fmt::format("{} {}", key, value));
}

std::string MetricFamilies::toText() const {
    std::string text;
    for (const auto& [name, family] : families_) {
        fmt::format_to(std::back_inserter(text), "# HELP {0}{1} {2}\n# TYPE {0}{1} {3}\n", kPrefix,
                       name, metricHelp(name), typeName(family.type));
        for (const std::string& line : family.lines)
            text.append(kPrefix).append(name).append(line).append("\n");
    }
    return text;
}

} // namespace mmsd::api
