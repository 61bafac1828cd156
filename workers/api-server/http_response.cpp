// SPDX-License-Identifier: MIT
// HttpResponse: what is answered; PreparedResponse: the same as octets. Pure.
#include "workers/api-server/http_response.h"

#include <array>
#include <cstdio>
#include <utility>

namespace mmsd::api {

namespace {

/** Source: RFC 9110 §15. */
std::string_view reasonPhrase(int status) noexcept {
    constexpr std::array<std::pair<int, std::string_view>, 16> kPhrases{{
        {200, "OK"},
        {204, "No Content"},
        {304, "Not Modified"},
        {400, "Bad Request"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {417, "Expectation Failed"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {505, "HTTP Version Not Supported"},
    }};
    for (const auto& [number, phrase] : kPhrases)
        if (number == status)
            return phrase;
    return "";
}

} // namespace

HttpResponse textResponse(int status, std::string body) {
    HttpResponse response;
    response.status = status;
    response.contentType = kTextType;
    response.body = std::move(body);
    return response;
}

std::string formatHttpDate(std::chrono::sys_seconds time) {
    constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                  "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    const auto day = std::chrono::floor<std::chrono::days>(time);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{time - day};
    std::array<char, 64> text{};
    std::snprintf(
        text.data(), text.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
        kDays.at(std::chrono::weekday{day}.c_encoding()), static_cast<unsigned>(date.day()),
        kMonths.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
        static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
        static_cast<int>(clock.seconds().count()));
    return text.data();
}

HttpResponse unavailableResponse(std::string reason) {
    HttpResponse response = textResponse(503, std::move(reason));
    response.retryAfter = std::chrono::seconds{1};
    return response;
}

HttpResponse notModified(const HttpResponse& response) {
    HttpResponse answer;
    answer.status = 304;
    answer.entityTag = response.entityTag;
    answer.cacheControl = response.cacheControl;
    answer.variesByAccept = response.variesByAccept;
    return answer;
}

PreparedResponse render(HttpResponse response) {
    std::string head;
    const auto field = [&head](std::string_view name, std::string_view value) {
        if (!value.empty())
            head.append(name).append(": ").append(value).append("\r\n");
    };
    head.append("HTTP/1.1 ").append(std::to_string(response.status)).append(" ");
    head.append(reasonPhrase(response.status)).append("\r\n");
    // Neither has a body by definition, and a 204 must not carry a length (RFC 9110 §8.6).
    if (response.status != 204 && response.status != 304) {
        field("Content-Type", response.contentType);
        if (response.hasLength)
            field("Content-Length", std::to_string(response.body.size()));
        field("X-Content-Type-Options", "nosniff");
    }
    field("ETag", response.entityTag);
    field("Cache-Control", response.cacheControl);
    field("Vary", response.variesByAccept ? "Accept" : "");
    field("Allow", response.allow);
    if (response.retryAfter)
        field("Retry-After", std::to_string(response.retryAfter->count()));
    head.append(response.fields).append("Date: ");
    return {response.status, std::move(head), std::move(response.body)};
}

PreparedResponsePtr prepare(HttpResponse response) {
    return std::make_shared<const PreparedResponse>(render(std::move(response)));
}

void appendHead(std::string& out, const PreparedResponse& response, std::string_view date,
                bool keepsAlive) {
    out.append(response.head).append(date).append("\r\n");
    if (!keepsAlive)
        out.append("Connection: close\r\n");
    out.append("\r\n");
}

} // namespace mmsd::api
