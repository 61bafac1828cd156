// SPDX-License-Identifier: MIT
// Entity tags: names of a resource's present content. Pure.
#pragma once

#include <string>
#include <string_view>

namespace mmsd::api {

/** A strong tag (RFC 9110 §8.8.3) made of the content itself. Not of the generation: that moves
 *  when another app changes, and after a restart the same number may stand for another state. So
 *  equal content has the same tag on every node and across restarts. */
[[nodiscard]] std::string makeEntityTag(int status, std::string_view contentType,
                                        std::string_view body);

/** True if an If-None-Match field names @p tag or is "*" (weak comparison, RFC 9110 §13.1.2). */
[[nodiscard]] bool matchesTag(std::string_view ifNoneMatch, std::string_view tag) noexcept;

} // namespace mmsd::api
