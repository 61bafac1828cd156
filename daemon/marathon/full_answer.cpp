// SPDX-License-Identifier: MIT
// FullAnswer: the apps of one full answer, collected aside until it is known to be whole. Pure.
#include "daemon/marathon/full_answer.h"

#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/pod_parser.h"
#include "protocol/checksum.h"
#include "protocol/limits.h"

#include <span>

namespace mmsd::marathon {

void FullAnswer::add(std::string_view json) {
    take(json, &parseApp, "the id stands there twice");
}

void FullAnswer::addPod(std::string_view json) {
    take(json, &parsePod, "an app, or another pod, has the same id");
}

/** @param taken why an app is refused whose id has been there */
void FullAnswer::take(std::string_view json, MarathonApp (*parse)(std::string_view),
                      const char* taken) {
    protocol::Checksum sum;
    sum.update(std::as_bytes(std::span{json}));
    const std::uint64_t checksum = sum.value();
    if (const std::string* const id = store_.findByContent(checksum)) {
        if (ids_.insert(*id).second)
            unchanged_.push_back({*id, checksum, store_.numberOf(*id)});
        return;
    }
    try {
        MarathonApp app = parse(json);
        const MarathonApp* const known = store_.find(app.id);
        if (!ids_.insert(app.id).second)
            refuse(app.id, taken);
        else if (known != nullptr && *known == app)
            unchanged_.push_back({app.id, checksum, store_.numberOf(app.id)});
        else
            changed_.push_back({std::move(app), checksum});
    } catch (const UnusableApp& error) {
        refuse(error.id(), error.what());
    }
}

void FullAnswer::refuse(std::string_view id, const char* reason) {
    if (unusable_.size() < protocol::kMaxRefusals)
        unusable_.emplace_back(id.substr(0, protocol::kMaxAppId), reason);
}

} // namespace mmsd::marathon
