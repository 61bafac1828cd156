// SPDX-License-Identifier: MIT
// Readers of Marathon's answers while they arrive: of all apps and pods, and of one of them. Pure.
#include "daemon/marathon/answer_readers.h"

#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/pod_parser.h"

#include <utility>

namespace mmsd::marathon {

FullReader::FullReader(const AppStore& store, RequestNumber number)
    : answer_{store, number}, apps_{AppScanner::Shape::List,
                                    [this](std::string_view app) { answer_.add(app); }},
      pods_{AppScanner::Shape::Array, [this](std::string_view pod) { answer_.addPod(pod); }} {}

bool FullReader::feed(AppScanner& scanner, std::string_view bytes) {
    try {
        scanner.feed(bytes);
        return true;
    } catch (const JsonError& error) {
        error_ = error.what();
        return false;
    }
}

bool FullReader::finish(AppScanner& scanner, bool isComplete) {
    if (!isComplete)
        return false;
    try {
        scanner.finish();
    } catch (const JsonError& error) {
        error_ = error.what();
    }
    return error_.empty();
}

SingleReader::SingleReader(std::string id, MarathonApi::Resource resource)
    : id_{std::move(id)}, resource_{resource}, scanner_{AppScanner::Shape::Single,
                                                        [this](std::string_view json) {
                                                            app_ = parseApp(json);
                                                        }} {}

bool SingleReader::feed(std::string_view bytes) {
    try {
        if (resource_ == MarathonApi::Resource::App) {
            scanner_.feed(bytes);
        } else {
            pod_ += bytes;
            if (pod_.size() > kMaxAppJson)
                throw JsonError{"a pod is too large"};
        }
        return true;
    } catch (const std::runtime_error& error) { // JsonError or UnusableApp
        error_ = error.what();
        return false;
    }
}

std::optional<MarathonApp> SingleReader::finish() {
    try {
        if (resource_ == MarathonApi::Resource::App)
            scanner_.finish();
        else
            app_ = parsePod(pod_);
    } catch (const std::runtime_error& error) {
        error_ = error.what();
    }
    if (error_.empty() && app_->id != id_)
        error_ = "another app's answer: " + app_->id;
    return error_.empty() ? std::move(app_) : std::nullopt;
}

} // namespace mmsd::marathon
