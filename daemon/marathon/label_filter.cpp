// SPDX-License-Identifier: MIT
// Labels of an app and its ports, held to what a snapshot can carry.
#include "daemon/marathon/label_filter.h"

#include "protocol/limits.h"

#include <algorithm>
#include <array>

namespace mmsd::marathon {

namespace {

/** True for the labels that decide how a port is exposed. */
bool isOurs(std::string_view key) noexcept {
    constexpr std::array<std::string_view, 4> kNames{
        "proto", "http-connection-mode", "haproxy-logging", "disable-haproxy-health-check"};
    return key.starts_with("lb-") || std::ranges::find(kNames, key) != kNames.end();
}

} // namespace

void LabelFilter::collect(const JsonFields& object, std::uint16_t portIndex,
                          protocol::Labels& out) {
    for (const auto& [key, value] : object.object("labels").members()) {
        if (const auto text = value.string())
            candidates_.push_back({key, *text, portIndex, &out});
        else if (value.isPresent())
            object.complain("labels", "the value of a label is no string");
    }
}

void LabelFilter::apply(ProblemList& problems) {
    // What is left out must not depend on the order in which Marathon writes the members.
    std::ranges::stable_sort(candidates_, [](const Candidate& a, const Candidate& b) {
        const bool isOursA = isOurs(a.key);
        const bool isOursB = isOurs(b.key);
        return isOursA != isOursB ? isOursA : a.key < b.key;
    });
    std::size_t count = 0;
    std::size_t octets = 0;
    std::size_t omitted = 0;
    for (const Candidate& label : candidates_) {
        const std::size_t size = label.key.size() + label.value.size();
        const bool isCarried = isCleanText(label.key) &&
                               label.value.find('\0') == std::string_view::npos &&
                               size <= protocol::kMaxLabel && count < protocol::kMaxLabelsPerApp &&
                               octets + size <= protocol::kMaxLabelBytesPerApp;
        if (isCarried && label.out->emplace(label.key, label.value).second) {
            ++count;
            octets += size;
        } else if (!isCarried && isOurs(label.key)) {
            problems.add(label.portIndex, "label left out, too long or with control characters: " +
                                              std::string{label.key.substr(0, 64)});
        } else {
            omitted += isCarried ? 0 : 1;
        }
    }
    if (omitted > 0)
        problems.add(std::to_string(omitted) + " labels left out, too long or too many");
}

} // namespace mmsd::marathon
