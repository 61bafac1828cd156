// SPDX-License-Identifier: MIT
// The status page: what an operator wants to see of this node, as one HTML page. Pure.
#include "workers/api-server/status_page.h"

#include "build_config.h"
#include "workers/api-server/status_page_assets.h"

#include "common/duration.h"
#include "common/text.h"
#include "workers/api-server/app_rows.h"
#include "workers/api-server/html_writer.h"
#include "workers/api-server/readiness.h"
#include "workers/api-server/report_values.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace mmsd::api {

namespace {

using protocol::ProcessInfo;
using std::chrono::microseconds;

class StatusPage {
public:
    StatusPage(const ApiState& state, const ApiTime& now, AppFilter filter)
        : state_{state}, now_{now}, filter_{std::move(filter)} {}

    std::string render() {
        writeHead();
        writeFacts();
        writeProcesses();
        writeRefused();
        writeApps();
        html_.raw("<footer>mmsd ").text(MMSD_VERSION);
        html_.raw(" &middot; <a href=\"/v1/status\">/v1/status</a> &middot; "
                  "<a href=\"/metrics\">/metrics</a> &middot; "
                  "<a href=\"/readyz\">/readyz</a> &middot; /v1/explain/NAME</footer>\n<script>");
        html_.embedded(kPageScript).raw("</script>\n</body>\n</html>\n");
        return std::move(html_).take();
    }

private:
    void writeHead() {
        const Readiness readiness = assessReadiness(state_, now_);
        const std::string& host = state_.options.hostName;
        html_
            .raw("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
                 "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                 "<link rel=\"icon\" href=\"data:,\">\n<title>")
            .text(readiness.isReady() ? "mmsd" : "not ready \xc2\xb7 mmsd");
        html_.raw(" ").text(host).raw("</title>\n<style>").embedded(kPageStyle);
        html_.raw("</style>\n</head>\n<body>\n<div id=\"head\">\n<header><h1>mmsd<small>")
            .text(host)
            .raw("</small></h1>");
        if (readiness.isReady())
            html_.raw("<span class=\"badge good\">ready</span>");
        else
            html_.raw("<span class=\"badge bad\">not ready</span>");
        html_.raw("<span id=\"live\"></span></header>\n<ul class=\"reasons\">\n");
        for (const Reason& reason : readiness.reasons)
            html_.raw("<li>").text(reason.text).raw("</li>\n");
        for (const Reason& note : readiness.notes)
            html_.raw("<li class=\"note\">").text(note.text).raw("</li>\n");
        html_.raw("</ul>\n</div>\n");
    }

    void fact(HtmlWriter::Markup name, std::string_view value) {
        html_.raw("<div><dt>").raw(name).raw("</dt><dd>").text(value).raw("</dd></div>\n");
    }

    void writeFacts() {
        html_.raw("<dl class=\"facts\" id=\"facts\">\n");
        if (const auto source = sourceView(state_, now_)) {
            fact("Marathon",
                 source->text.empty() ? source->state : source->state + ": " + source->text);
            fact("Confirmed", source->confirmedAge ? formatAge(*source->confirmedAge) + " ago"
                                                   : std::string{"never"});
            if (source->lastByteAge)
                fact("Last event byte", formatAge(*source->lastByteAge) + " ago");
        }
        if (state_.snapshot) {
            std::size_t instances = 0;
            std::size_t serving = 0;
            for (const auto& app : state_.snapshot->apps) {
                instances += app->instances.size();
                serving += static_cast<std::size_t>(
                    std::ranges::count_if(app->instances, protocol::isServing));
            }
            fact("Apps", std::to_string(state_.snapshot->apps.size()));
            fact("Serving instances", fmt::format("{} of {}", serving, instances));
            fact("Generation", std::to_string(state_.snapshot->generation));
            const auto observed =
                microseconds{static_cast<std::int64_t>(state_.snapshot->begin.observedAtUs)};
            fact("Last change",
                 fmt::format("{} ago, {}", formatAge(secondsBetween(observed, now_.realtime)),
                             state_.snapshot->begin.cause));
        }
        html_.raw("</dl>\n");
    }

    void writeProcesses() {
        html_.raw("<section id=\"processes\"><h2>Processes</h2>\n<table class=\"processes\">"
                  "<thead><tr><th>Process</th><th>Phase</th><th class=\"number\">Pid</th>"
                  "<th class=\"number\">Up</th><th class=\"number\">Restarts</th>"
                  "<th class=\"number\">Generation</th><th>Last result</th></tr></thead><tbody>\n");
        for (const ProcessInfo& process :
             state_.processes ? state_.processes->processes : std::vector<ProcessInfo>{})
            writeProcess(process);
        html_.raw("</tbody></table></section>\n");
    }

    void writeProcess(const ProcessInfo& process) {
        const bool isRunning = process.phase == protocol::Phase::Running;
        html_.raw("<tr><td>").text(process.name).raw("</td><td data-name=\"Phase\">");
        if (isRunning)
            html_.raw("<span class=\"good\">");
        else
            html_.raw("<span class=\"bad\">");
        html_.text(toString(process.phase)).raw("</span></td>");
        html_.raw("<td class=\"number\" data-name=\"Pid\">")
            .text(process.pid == 0 ? "-" : std::to_string(process.pid));
        const auto started = microseconds{static_cast<std::int64_t>(process.startedAtUs)};
        html_.raw("</td><td class=\"number\" data-name=\"Up\">")
            .text(process.pid == 0 ? "-" : formatAge(secondsBetween(started, now_.monotonic)));
        html_.raw("</td><td class=\"number\" data-name=\"Restarts\">")
            .text(std::to_string(process.restarts));
        html_.raw("</td><td class=\"number\" data-name=\"Generation\">")
            .text(process.name == kWatcher ? "-" : std::to_string(process.generation));
        html_.raw("</td><td data-name=\"Last result\">").text(process.lastResult);
        html_.raw("</td></tr>\n");
    }

    void writeRefused() {
        html_.raw("<section id=\"refused\">");
        std::size_t count = 0;
        for (const auto& [process, received] : state_.reports)
            if (!isTwin(process))
                count += received.report.refusals.size() + received.report.omittedRefusals;
        if (count > 0)
            writeRefusals(count);
        html_.raw("</section>\n");
    }

    void writeRefusals(std::size_t count) {
        html_.raw("<h2>Refused<small>").text(std::to_string(count));
        html_.raw("</small></h2>\n<table class=\"refused\"><thead><tr><th>App</th><th "
                  "class=\"number\">Port index"
                  "</th><th>Reason</th><th>Rule</th><th>Process</th></tr></thead><tbody>\n");
        std::size_t listed = 0;
        // What costs a port comes before what costs a label.
        for (const bool isPartial : {false, true})
            for (const auto& [process, received] : state_.reports)
                for (const protocol::Refusal& refusal : received.report.refusals)
                    if (!isTwin(process) && refusal.isPartial == isPartial &&
                        listed < kMaxPageRefusals) {
                        ++listed;
                        writeRefusal(process, refusal);
                    }
        html_.raw("</tbody></table>\n");
        if (listed < count)
            html_.raw("<p class=\"faint\">").text(std::to_string(count - listed)).raw(" more</p>");
    }

    void writeRefusal(const std::string& process, const protocol::Refusal& refusal) {
        html_.raw("<tr><td>").text(refusal.appId);
        html_.raw("</td><td class=\"number\" data-name=\"Port index\">")
            .text(refusal.portIndex == protocol::kWholeApp ? std::string{"all"}
                                                           : std::to_string(refusal.portIndex));
        html_.raw("</td><td>").text(refusal.reason);
        html_.raw("</td><td data-name=\"Rule\">").text(toString(refusal.rule));
        if (refusal.isPartial)
            html_.raw(" <span class=\"faint\">(partial)</span>");
        html_.raw("</td><td data-name=\"Process\">").text(process).raw("</td></tr>\n");
    }

    void writeApps() {
        html_
            .raw("<h2>Apps<small id=\"shown\"></small></h2>\n"
                 "<form method=\"get\" action=\"/\" role=\"search\">"
                 "<input type=\"search\" name=\"q\" aria-label=\"Filter apps\" placeholder="
                 "\"Filter: app, port, host name, reason\" autocomplete=\"off\" value=\"")
            .text(filter_.words)
            .raw("\"><label><input type=\"checkbox\" name=\"problems\"");
        if (filter_.onlyProblems)
            html_.raw(" checked");
        html_.raw("> only with problems</label><noscript><button>Filter</button></noscript>"
                  "</form>\n<section id=\"apps\">");
        if (state_.snapshot)
            writeAppTable(html_, state_, filter_);
        else
            html_.raw("<p>No state from Marathon yet.</p>");
        html_.raw("</section>\n");
    }

    const ApiState& state_;
    const ApiTime& now_;
    AppFilter filter_;
    HtmlWriter html_;
};

/** Nothing may be loaded, framed or sent elsewhere; our own style and script run by their hash. */
std::string securityFields() {
    return fmt::format("Content-Security-Policy: default-src 'none'; style-src {}; script-src {}; "
                       "connect-src 'self'; img-src data:; base-uri 'none'; form-action 'self'; "
                       "frame-ancestors 'none'\r\n"
                       "X-Content-Type-Options: nosniff\r\n"
                       "Referrer-Policy: no-referrer\r\n",
                       kPageStyleHash, kPageScriptHash);
}

} // namespace

HttpResponse statusPage(const Inquiry& inquiry, const ApiState& state, const ApiTime& now) {
    AppFilter filter;
    if (const std::string* words = parameter(inquiry.query, "q"))
        filter.words = *words;
    // As a form sends blanks (HTML standard, "application/x-www-form-urlencoded").
    std::ranges::replace(filter.words, '+', ' ');
    filter.onlyProblems = parameter(inquiry.query, "problems") != nullptr;
    HttpResponse response = content(inquiry, StatusPage{state, now, std::move(filter)}.render());
    response.fields = securityFields();
    return response;
}

} // namespace mmsd::api
