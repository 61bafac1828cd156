// SPDX-License-Identifier: MIT
// Codec of StatusReport: what a process says of itself, read by the api-server only.
#include "protocol/control_messages.h"
#include "protocol/field_codec.h"
#include "protocol/limits.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace mmsd::protocol {

namespace {

/** Source: Prometheus data model, "Metric names and labels"; we use lower case only. */
void checkMetricName(const char* field, std::string_view name) {
    const auto isLower = [](char c) { return c >= 'a' && c <= 'z'; };
    const auto isAllowed = [&](char c) { return isLower(c) || (c >= '0' && c <= '9') || c == '_'; };
    if (name.empty() || !isLower(name.front()) || !std::ranges::all_of(name, isAllowed))
        failField(field, "not of the form [a-z][a-z0-9_]*");
}

template <typename C> void visit(C& codec, Fields<C, Metric> m) {
    codec.name("metric name", m.name, kMaxMetricName);
    checkMetricName("metric name", m.name);
    codec.enumeration("metric kind", m.kind, Metric::Kind::Gauge);
    codec.list("metric labels", m.labels, kMaxMetricLabels, 4, [&](auto& label) {
        codec.name("metric label", label.first, kMaxMetricName);
        checkMetricName("metric label", label.first);
        codec.text("metric label value", label.second, kMaxMetricLabelValue);
    });
    codec.real(m.value);
    if (!std::isfinite(m.value))
        failField("metric value", "not finite");
}

template <typename C> void visit(C& codec, Fields<C, Refusal> m) {
    // Free text: an id may be refused just because it is no proper id.
    codec.text("refused app", m.appId, kMaxAppId);
    codec.number(m.portIndex);
    codec.text("refusal reason", m.reason, kMaxProblemText);
    codec.enumeration("refusal rule", m.rule, RefusalRule::Limit);
    codec.boolean(m.isPartial);
}

/** Octets that metrics and refusals share; the rest is three counts. */
constexpr std::size_t kReportBudget = kMaxStatusReport - 12;

/** Encodes items from the front while they fit into what @p used leaves of the budget.
 *  @return how many */
template <typename Items>
std::size_t encodeFitting(const Items& items, std::size_t limit, std::size_t used,
                          FieldWriter& out) {
    std::size_t count = 0;
    for (const auto& item : items) {
        FieldWriter writer;
        visit(writer, item);
        if (count == limit || used + out.wire().size() + writer.wire().size() > kReportBudget)
            break;
        out.wire().bytes(writer.wire().view());
        ++count;
    }
    return count;
}

} // namespace

std::string_view toString(RefusalRule rule) noexcept {
    constexpr std::array<std::string_view, 8> kNames{
        "other",         "conflict",    "own_port",  "no_service_port",
        "invalid_value", "quarantined", "port_busy", "limit"};
    return kNames.at(static_cast<std::size_t>(rule));
}

Payload encode(const StatusReport& report) {
    FieldWriter metrics;
    const std::size_t metricCount = encodeFitting(report.metrics, kMaxMetrics, 0, metrics);
    FieldWriter refusals;
    const std::size_t refusalCount =
        encodeFitting(report.refusals, kMaxRefusals, metrics.wire().size(), refusals);

    WireWriter writer;
    writer.count(report.omittedRefusals + (report.refusals.size() - refusalCount));
    writer.count(metricCount);
    writer.bytes(metrics.wire().view());
    writer.count(refusalCount);
    writer.bytes(refusals.wire().view());
    return writer.take();
}

StatusReport decodeStatusReport(PayloadView payload) {
    checkSize("status report", payload.size(), kMaxStatusReport);
    FieldReader reader{payload};
    StatusReport report;
    reader.number(report.omittedRefusals);
    reader.list("metrics", report.metrics, kMaxMetrics, 15,
                [&](Metric& metric) { visit(reader, metric); });
    reader.list("refusals", report.refusals, kMaxRefusals, 8,
                [&](Refusal& refusal) { visit(reader, refusal); });
    reader.wire().expectEnd();
    return report;
}

std::pair<std::string, PayloadView> unwrapStatus(PayloadView payload) {
    FieldReader reader{payload};
    std::string process;
    reader.name("process", process, kMaxProcessName);
    return {std::move(process), reader.wire().bytes(reader.wire().remaining())};
}

} // namespace mmsd::protocol
