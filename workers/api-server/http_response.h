// SPDX-License-Identifier: MIT
// HttpResponse: what is answered; PreparedResponse: the same as octets. Pure.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::api {

inline constexpr std::string_view kTextType = "text/plain; charset=utf-8";
inline constexpr std::string_view kJsonType = "application/json";
inline constexpr std::string_view kHtmlType = "text/html; charset=utf-8";
/** Source: Prometheus, "Text-based format". */
inline constexpr std::string_view kMetricsType = "text/plain; version=0.0.4; charset=utf-8";
/** Source: HTML standard, "Server-sent events". */
inline constexpr std::string_view kEventStreamType = "text/event-stream";

/** What a resource answers. Plain values; the views point to constants. */
struct HttpResponse {
    int status = 200;
    std::string_view contentType{}; ///< "" = no body
    std::string body{};
    std::string_view allow{};                         ///< Allow
    std::optional<std::chrono::seconds> retryAfter{}; ///< Retry-After
    std::string entityTag{};                          ///< ETag, with its quotes
    std::string_view cacheControl{};                  ///< Cache-Control
    bool variesByAccept = false;                      ///< Vary: Accept
    std::string fields{};                             ///< more header lines, each with its CRLF
    bool hasLength = true;                            ///< false: the body ends with the connection
};

/** A text answer; @p body ends with LF. */
[[nodiscard]] HttpResponse textResponse(int status, std::string body);

/** 503 for a moment: the client is asked to come back in a second. @param reason ends with LF */
[[nodiscard]] HttpResponse unavailableResponse(std::string reason);

/** What a client is told that has the answer already: status 304 with the fields that RFC 9110
 *  §15.4.5 asks for. */
[[nodiscard]] HttpResponse notModified(const HttpResponse& response);

/** A response as octets, made once and sent to any number of clients. Immutable. */
struct PreparedResponse {
    int status = 200;
    std::string head; ///< status line and fields, up to the Date field's value
    std::string body;
};
using PreparedResponsePtr = std::shared_ptr<const PreparedResponse>;

[[nodiscard]] PreparedResponse render(HttpResponse response);
/** The same for sharing. */
[[nodiscard]] PreparedResponsePtr prepare(HttpResponse response);

/** Appends status line and fields, up to the empty line.
 *  @param date as formatHttpDate() makes it */
void appendHead(std::string& out, const PreparedResponse& response, std::string_view date,
                bool keepsAlive);

/** IMF-fixdate (RFC 9110 §5.6.7): "Sun, 06 Nov 1994 08:49:37 GMT". Not by gmtime, which would open
 *  /etc/localtime. */
[[nodiscard]] std::string formatHttpDate(std::chrono::sys_seconds time);

} // namespace mmsd::api
