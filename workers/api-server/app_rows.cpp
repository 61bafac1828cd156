// SPDX-License-Identifier: MIT
// The apps of the status page. Pure.
#include "workers/api-server/app_rows.h"

#include "common/percent_encoding.h"
#include "common/text.h"
#include "workers/api-server/explanation.h"
#include "workers/api-server/status_page.h"

#include <fmt/format.h>

#include <algorithm>

namespace mmsd::api {

namespace {

/** Whether somebody should look at the app. */
bool hasProblem(const AppView& view) {
    const auto isBad = [](const Output& output) {
        return output.exposure == Exposure::Pending ||
               (output.exposure == Exposure::LeftOut && output.rule != "group");
    };
    return !view.notes.empty() || view.serving < view.app->instances.size() ||
           std::ranges::any_of(view.ports, [&](const PortView& port) {
               return !port.notes.empty() || std::ranges::any_of(port.outputs, isBad);
           });
}

/** Outputs that have a chip: service ports and names; files and DNS names go by the app's name. */
bool hasChip(const Output& output) {
    if (output.exposure == Exposure::Off)
        return false;
    const bool isNamed = output.kind == "file" || output.kind == "dns";
    return !isNamed || output.exposure == Exposure::LeftOut || output.exposure == Exposure::Pending;
}

class AppTable {
public:
    AppTable(HtmlWriter& html, const ApiState& state, const AppFilter& filter)
        : html_{html}, state_{state},
          explainer_{state, state.options}, filter_{filter}, words_{splitList(filter.words, ' ')} {}

    void write() {
        std::size_t listed = 0;
        std::size_t more = 0;
        html_.raw("<table class=\"apps\"><thead><tr><th>App</th><th class=\"number\">Serving</th>"
                  "<th>Exposed at</th></tr></thead><tbody>\n");
        for (const auto& app : state_.snapshot->apps) {
            if (listed == kMaxListedApps) {
                ++more;
                continue;
            }
            const AppView view = explainer_.explain(*app);
            const bool isProblem = hasProblem(view);
            if ((filter_.onlyProblems && !isProblem) || !matches(view))
                continue;
            ++listed;
            writeRow(view, isProblem);
        }
        html_.raw("</tbody></table>\n");
        if (listed == 0)
            html_.raw("<p class=\"faint\">No app fits.</p>\n");
        if (more > 0)
            html_.raw("<p class=\"faint\">")
                .text(std::to_string(more))
                .raw(" more apps: <a href=\"/v1/apps\">/v1/apps</a></p>\n");
    }

private:
    [[nodiscard]] bool matches(const AppView& view) const {
        if (words_.empty())
            return true;
        std::string text = view.app->id;
        for (const PortView& port : view.ports)
            for (const Output& output : port.outputs) {
                text.append(" ").append(output.kind).append(" ").append(output.reason);
                for (const std::string& place : output.places)
                    text.append(" ").append(place);
            }
        for (const InstanceView& instance : view.instances)
            text.append(" ").append(instance.instance->host);
        text = toLower(text);
        return std::ranges::all_of(words_, [&text](std::string_view word) {
            return text.find(toLower(word)) != std::string::npos;
        });
    }

    void writeRow(const AppView& view, bool isProblem) {
        const std::size_t total = view.app->instances.size();
        html_.raw("<tr");
        if (isProblem)
            html_.raw(" data-problem=\"1\"");
        html_.raw("><td>");
        writeDetails(view);
        html_.raw("</td><td class=\"number\" data-name=\"Serving\">");
        if (view.serving == total)
            html_.raw("<span>");
        else if (view.serving == 0)
            html_.raw("<span class=\"bad\">");
        else
            html_.raw("<span class=\"warn\">");
        html_.text(fmt::format("{} / {}", view.serving, total)).raw("</span></td><td>");
        html_.raw("<div class=\"places\">");
        for (const PortView& port : view.ports)
            for (const Output& output : port.outputs)
                if (hasChip(output))
                    writeChip(port, output);
        html_.raw("</div>");
        for (const PortView& port : view.ports) {
            for (const Output& output : port.outputs)
                if (hasChip(output) && !output.reason.empty() && output.exposure != Exposure::Empty)
                    writeWhy(port.index, toString(output.exposure), output.reason);
            for (const Note& note : port.notes)
                if (!isTold(port, note))
                    writeWhy(port.index, "note", note.text);
        }
        for (const Note& note : view.notes)
            writeWhy(protocol::kWholeApp, "note", note.text);
        html_.raw("</td></tr>\n");
    }

    /** A refusal that left an output out stands there already. */
    static bool isTold(const PortView& port, const Note& note) {
        return std::ranges::any_of(port.outputs, [&note](const Output& output) {
            return hasChip(output) && output.reason == note.text;
        });
    }

    void writeWhy(std::uint16_t portIndex, std::string_view kind, std::string_view text) {
        html_.raw("<span class=\"why ").text(kind).raw("\">");
        if (portIndex != protocol::kWholeApp)
            html_.text(fmt::format("port {}: ", portIndex));
        html_.text(text).raw("</span>");
    }

    void writeChip(const PortView& port, const Output& output) {
        html_.raw("<span class=\"place ").text(toString(output.exposure)).raw("\" title=\"");
        html_.text(fmt::format("port index {}, {}", port.index, toString(output.exposure)))
            .raw("\"><b>")
            .text(chipKind(output))
            .raw("</b>");
        if (output.kind == "tcp" || output.kind == "udp")
            html_.text(std::to_string(port.port->servicePort));
        else if (!output.places.empty())
            html_.text(output.places.front());
        html_.raw("</span>");
    }

    static std::string_view chipKind(const Output& output) {
        if (output.kind == "gateway_http")
            return "host";
        if (output.kind == "gateway_tls")
            return "sni";
        // HTTP is what one looks for; tcp says what carries it.
        if (output.kind == "tcp" && !output.details.empty())
            return output.details.front().second;
        return output.kind;
    }

    void writeDetails(const AppView& view) {
        html_.raw("<details data-app=\"").text(view.app->id).raw("\"><summary>");
        html_.text(view.app->id).raw("</summary><ul>");
        std::size_t listed = 0;
        for (const InstanceView& each : view.instances) {
            if (++listed > kMaxListedInstances)
                break;
            const protocol::Instance& instance = *each.instance;
            if (protocol::isServing(instance))
                html_.raw("<li><span class=\"good\">serves</span> <code>");
            else
                html_.raw("<li><span class=\"warn\">not</span> <code>");
            html_.text(instance.host);
            for (std::size_t i = 0; i < instance.ports.size(); ++i)
                html_.text(fmt::format("{}{}", i == 0 ? ":" : ",", instance.ports[i].number));
            html_.raw("</code> <span class=\"faint\">").text(each.reason).raw("</span></li>");
        }
        if (view.instances.size() > kMaxListedInstances)
            html_.raw("<li class=\"faint\">")
                .text(std::to_string(view.instances.size() - kMaxListedInstances))
                .raw(" more</li>");
        html_.raw("<li><a href=\"/v1/explain").text(percentEncodePath(view.app->id));
        html_.raw("\">everything about it (JSON)</a></li></ul></details>");
    }

    HtmlWriter& html_;
    const ApiState& state_;
    Explainer explainer_;
    const AppFilter& filter_;
    std::vector<std::string_view> words_;
};

} // namespace

void writeAppTable(HtmlWriter& html, const ApiState& state, const AppFilter& filter) {
    AppTable{html, state, filter}.write();
}

} // namespace mmsd::api
