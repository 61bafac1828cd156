// SPDX-License-Identifier: MIT
// Route: one resource of the API as data, and what its answers are made of.
#include "workers/api-server/route.h"

#include "common/text.h"
#include "workers/api-server/json_writer.h"

#include <utility>

namespace mmsd::api {

const std::string* parameter(const Query& query, std::string_view name) {
    const std::string* found = nullptr;
    for (const auto& [key, value] : query)
        if (key == name) {
            if (found != nullptr)
                throw BadRequest{std::string{name} + ": given more than once"};
            found = &value;
        }
    return found;
}

bool isSwitchedOn(const Query& query, std::string_view name) {
    const std::string* value = parameter(query, name);
    if (value != nullptr && *value != "0" && *value != "1")
        throw BadRequest{std::string{name} + ": expected 0 or 1"};
    return value != nullptr && *value == "1";
}

HttpResponse content(const Inquiry& inquiry, std::string body) {
    return {.contentType = inquiry.mediaType, .body = std::move(body)};
}

HttpResponse failure(const Inquiry& inquiry, int status, std::string_view reason) {
    if (!inquiry.wantsJson())
        return textResponse(status, std::string{reason} + "\n");
    JsonWriter json;
    json.beginObject();
    json.member("status", status);
    json.member("error", reason);
    json.endObject();
    return {
        .status = status, .contentType = kJsonType, .body = std::move(json).take().append("\n")};
}

HttpResponse noContent() {
    return {.status = 204};
}

HttpResponse noStateYet(const Inquiry& inquiry) {
    HttpResponse response = failure(inquiry, 503, "no state from Marathon yet");
    response.retryAfter = std::chrono::seconds{1};
    return response;
}

HttpResponse noSuchApp(const Inquiry& inquiry) {
    return failure(inquiry, 404, "no such app: " + escapeText(inquiry.appId));
}

} // namespace mmsd::api
