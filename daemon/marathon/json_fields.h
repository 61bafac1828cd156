// SPDX-License-Identifier: MIT
// JsonFields: reads members of an object that may have any type, and notes what it cannot use.
#pragma once

#include "daemon/marathon/json.h"
#include "protocol/limits.h"
#include "protocol/state.h"

#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::marathon {

/** Collects what could not be used of an app; as many as an app may carry. */
class ProblemList {
public:
    void add(std::uint16_t portIndex, std::string text) {
        if (items_.size() < protocol::kMaxProblemsPerApp)
            items_.push_back({portIndex, std::move(text)});
    }
    void add(std::string text) { add(protocol::kWholeApp, std::move(text)); }
    [[nodiscard]] std::vector<protocol::Problem> take() noexcept { return std::move(items_); }

private:
    std::vector<protocol::Problem> items_;
};

/** A view of one object. Missing = null = empty; a wrong type costs the field and is noted. */
class JsonFields {
public:
    /** @param where how a problem names the object, like "portMappings[2]" */
    JsonFields(JsonValue object, std::string where, ProblemList& problems,
               std::uint16_t portIndex = protocol::kWholeApp)
        : object_{object}, where_{std::move(where)}, problems_{problems}, portIndex_{portIndex} {}

    [[nodiscard]] JsonValue operator[](std::string_view name) const noexcept {
        return object_[name];
    }
    /** "" if there is none. */
    [[nodiscard]] std::string_view string(std::string_view name) const;
    /** Text without control characters, not longer than @p limit octets; else "". */
    [[nodiscard]] std::string name(std::string_view name, std::size_t limit) const;
    /** Nothing if missing, of a wrong type, or outside the range. */
    [[nodiscard]] std::optional<std::int64_t>
    integer(std::string_view name, std::int64_t least,
            std::int64_t most = std::numeric_limits<std::int64_t>::max()) const;
    [[nodiscard]] std::optional<std::uint16_t> port(std::string_view name) const;
    [[nodiscard]] std::vector<JsonValue> list(std::string_view name) const;
    /** The member if it is an object, else a missing value. */
    [[nodiscard]] JsonValue object(std::string_view name) const;

    void complain(std::string_view name, std::string_view reason) const;

private:
    JsonValue object_;
    std::string where_;
    ProblemList& problems_;
    std::uint16_t portIndex_;
};

/** True for UTF-8 without control characters, as JSON strings that go on the wire must be. */
[[nodiscard]] bool isCleanText(std::string_view text) noexcept;

} // namespace mmsd::marathon
