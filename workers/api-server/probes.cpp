// SPDX-License-Identifier: MIT
// The answers of /healthz and /readyz. Pure.
#include "workers/api-server/probes.h"

#include "workers/api-server/json_writer.h"
#include "workers/api-server/readiness.h"
#include "workers/api-server/report_values.h"

#include <string>
#include <utility>

namespace mmsd::api {

namespace {

void writeReasons(JsonWriter& json, std::string_view name, const std::vector<Reason>& reasons) {
    json.key(name);
    json.beginArray();
    for (const Reason& reason : reasons) {
        json.beginObject();
        json.member("code", reason.code);
        json.member("process",
                    reason.process.empty() ? std::nullopt : std::optional{reason.process});
        json.member("text", reason.text);
        json.endObject();
    }
    json.endArray();
}

std::string lines(std::string_view title, const std::vector<Reason>& reasons,
                  const std::vector<Reason>& notes) {
    std::string text{title};
    text += '\n';
    for (const Reason& reason : reasons)
        text.append(reason.text).append("\n");
    for (const Reason& reason : notes)
        text.append("note: ").append(reason.text).append("\n");
    return text;
}

HttpResponse probe(const Inquiry& inquiry, bool isGood, std::string body) {
    HttpResponse response = content(inquiry, std::move(body));
    response.status = isGood ? 200 : 503;
    return response;
}

} // namespace

HttpResponse readyz(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    const Readiness readiness = assessReadiness(state, now);
    if (!inquiry.wantsJson())
        return probe(
            inquiry, readiness.isReady(),
            lines(readiness.isReady() ? "ready" : "not ready", readiness.reasons, readiness.notes));
    const auto source = sourceView(state, now);
    JsonWriter json;
    json.beginObject();
    json.member("ready", readiness.isReady());
    writeReasons(json, "reasons", readiness.reasons);
    writeReasons(json, "notes", readiness.notes);
    json.member("generation",
                state.snapshot ? std::optional{state.snapshot->generation} : std::nullopt);
    json.member("confirmed_age_seconds", source ? source->confirmedAge : std::nullopt);
    json.member(
        "confirmed_limit_seconds",
        std::chrono::duration<double>{confirmationLimit(state.options.resyncInterval)}.count());
    json.member("last_byte_age_seconds", source ? source->lastByteAge : std::nullopt);
    json.endObject();
    return probe(inquiry, readiness.isReady(), std::move(json).take() + "\n");
}

HttpResponse healthz(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    const std::vector<Reason> reasons = assessHealth(state, now);
    if (!inquiry.wantsJson())
        return probe(inquiry, reasons.empty(),
                     lines(reasons.empty() ? "ok" : "not ok", reasons, {}));
    JsonWriter json;
    json.beginObject();
    json.member("ok", reasons.empty());
    writeReasons(json, "reasons", reasons);
    json.endObject();
    return probe(inquiry, reasons.empty(), std::move(json).take() + "\n");
}

} // namespace mmsd::api
