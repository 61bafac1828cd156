// SPDX-License-Identifier: MIT
// HttpResponse: what is answered, and its head as octets. Pure.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::api {

struct HttpResponse {
    int status = 200;
    std::string contentType; ///< "" = no body
    std::string body;
    std::string allow;                                ///< the Allow field, "" = none
    std::optional<std::chrono::seconds> retryAfter{}; ///< the Retry-After field
};

inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";
inline constexpr std::string_view kJsonType = "application/json";

/** A text answer; @p body ends with LF. */
[[nodiscard]] HttpResponse textResponse(int status, std::string body);

/** IMF-fixdate (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". Not by gmtime, which would open
 *  /etc/localtime. */
[[nodiscard]] std::string formatHttpDate(std::chrono::sys_seconds time);

/** Appends status line and fields, up to the empty line.
 *  @param date as formatHttpDate() makes it */
void appendHead(std::string& out, const HttpResponse& response, std::string_view date,
                bool keepsAlive);

} // namespace mmsd::api
