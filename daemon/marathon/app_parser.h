// SPDX-License-Identifier: MIT
// Apps from JSON, of every Marathon generation. Pure.
#pragma once

#include "daemon/marathon/json.h"
#include "daemon/marathon/marathon_app.h"

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

namespace mmsd::marathon {

/** A JSON value that cannot be used as an app at all: no object, or no usable id. */
class UnusableApp : public std::runtime_error {
public:
    UnusableApp(std::string id, const std::string& reason)
        : std::runtime_error{reason}, id_{std::move(id)} {}
    /** What stood there as its id; may be empty. Foreign text. */
    [[nodiscard]] const std::string& id() const noexcept { return id_; }

private:
    std::string id_;
};

/** The path id with a leading "/", which test doubles and Marathon 0.8 leave out. Nothing if it is
 *  no path that can safely be part of names: empty segments, "." and "..", blanks, control
 *  characters, more than kMaxAppId octets. */
[[nodiscard]] std::optional<std::string> normalizeAppId(std::string_view id);

/** The id of an app or a pod. @throws UnusableApp if there is no usable one */
[[nodiscard]] std::string requireAppId(JsonValue root);

/** Parses one app with its tasks. Missing = null = empty; a wrong type costs that field, port or
 *  task and is told in MarathonApp::problems.
 *  @throws JsonError if the text is no JSON, UnusableApp if it is no app */
[[nodiscard]] MarathonApp parseApp(std::string_view json);

} // namespace mmsd::marathon
