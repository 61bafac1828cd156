// SPDX-License-Identifier: MIT
// Readers of Marathon's answers while they arrive: of all apps and pods, and of one of them. Pure.
#pragma once

#include "daemon/marathon/app_scanner.h"
#include "daemon/marathon/full_answer.h"
#include "daemon/marathon/marathon_api.h"

#include <optional>
#include <string>
#include <string_view>

namespace mmsd::marathon {

/** Collects a full answer: all apps, then all pods. */
class FullReader {
public:
    /** @param store must outlive this object */
    FullReader(const AppStore& store, RequestNumber number);
    FullReader(const FullReader&) = delete;
    FullReader& operator=(const FullReader&) = delete;

    /** @return false if the answer is broken; error() says how */
    bool feedApps(std::string_view bytes) { return feed(apps_, bytes); }
    bool feedPods(std::string_view bytes) { return feed(pods_, bytes); }
    /** To be called at the end of each, whether the transfer @p isComplete or not.
     *  @return true if all of it was there and whole */
    bool finishApps(bool isComplete) { return finish(apps_, isComplete); }
    bool finishPods(bool isComplete) { return finish(pods_, isComplete); }

    /** What is wrong with the content; "" = nothing. */
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    [[nodiscard]] FullAnswer& answer() noexcept { return answer_; }

private:
    bool feed(AppScanner& scanner, std::string_view bytes);
    bool finish(AppScanner& scanner, bool isComplete);

    FullAnswer answer_;
    AppScanner apps_;
    AppScanner pods_;
    std::string error_;
};

/** Collects the answer about one id, as an app or as a pod. */
class SingleReader {
public:
    SingleReader(std::string id, MarathonApi::Resource resource);
    SingleReader(const SingleReader&) = delete;
    SingleReader& operator=(const SingleReader&) = delete;

    /** @return false if the answer is broken; error() says how */
    bool feed(std::string_view bytes);
    /** To be called at the end of a complete transfer. @return what it told of; nothing if it is
     *  not whole, or tells of another id */
    [[nodiscard]] std::optional<MarathonApp> finish();
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

private:
    std::string id_;
    MarathonApi::Resource resource_;
    std::optional<MarathonApp> app_;
    AppScanner scanner_;
    std::string pod_; ///< a pod's status is the whole document
    std::string error_;
};

} // namespace mmsd::marathon
