// SPDX-License-Identifier: MIT
// What `mmsd explain` prints. Pure.
#include "daemon/client/reports.h"

#include <fmt/format.h>

namespace mmsd::client {

namespace {

using Rows = std::vector<std::vector<Cell>>;

Colour colourOf(const std::string& state) {
    if (state == "exposed")
        return Colour::Good;
    if (state == "left_out")
        return Colour::Bad;
    return state == "off" ? Colour::Faint : Colour::Warning;
}

std::string notes(const JsonView& list, std::string_view indent) {
    std::string text;
    for (const JsonView& note : list.items())
        text +=
            fmt::format("{}note: {} ({})\n", indent, note["text"].text(), note["process"].text());
    return text;
}

std::string joined(const std::vector<JsonView>& items) {
    std::string text;
    for (const JsonView& item : items)
        text.append(text.empty() ? "" : ", ").append(item.text());
    return text;
}

/** Names of the output that are not told otherwise: "frontend f_a_0". */
std::string details(const JsonView& output) {
    std::string text;
    for (const auto& [name, value] : output.texts())
        if (name != "kind" && name != "state" && name != "rule" && name != "reason")
            text.append(text.empty() ? "" : ", ").append(name).append(" ").append(value);
    return text;
}

std::string port(const JsonView& view, const Painter& painter) {
    std::string title = "port " + view["index"].text();
    if (const std::string name = view["name"].text(); !name.empty())
        title += " \"" + name + "\"";
    std::string text = fmt::format("\n{}   service port {}   {}   {} serving\n", title,
                                   view["service_port"].text(), joined(view["transports"].items()),
                                   view["serving"].text());
    Rows rows;
    for (const JsonView& output : view["outputs"].items()) {
        const std::string state = output["state"].text();
        const Colour colour = colourOf(state);
        rows.push_back({{output["kind"].text()}, {state, colour}});
        const std::string places = joined(output["places"].items());
        const std::string more = details(output);
        const std::string reason = output["reason"].text();
        std::vector<Cell> lines;
        for (const Cell& line : {Cell{places}, Cell{reason, colour}, Cell{more, Colour::Faint}})
            if (!line.text.empty())
                lines.push_back(line);
        for (std::size_t i = 0; i < lines.size(); ++i)
            if (i == 0)
                rows.back().push_back(lines[i]);
            else
                rows.push_back({{}, {}, lines[i]});
    }
    text += renderTable(rows, painter, "  ");
    std::string labels;
    for (const JsonView& label : view["labels"].items())
        labels += fmt::format("{}{}={} ({})", labels.empty() ? "" : ", ", label["name"].text(),
                              label["value"].text(), label["from"].text());
    if (!labels.empty())
        text += "  labels: " + labels + "\n";
    return text + notes(view["notes"], "  ");
}

std::string instances(const JsonView& app, const Painter& painter) {
    Rows rows;
    for (const JsonView& instance : app["instances"].items()) {
        const bool serves = instance["serving"].isTrue();
        std::string ports;
        for (const JsonView& endpoint : instance["endpoints"].items())
            ports.append(ports.empty() ? ":" : ",")
                .append(endpoint["port"].isNull() ? "?" : endpoint["port"].text());
        rows.push_back({{serves ? "serves" : "not", serves ? Colour::Good : Colour::Warning},
                        {instance["host"].text() + ports},
                        {instance["state"].text()},
                        {instance["health"].text()},
                        {instance["reason"].text()},
                        {instance["task_id"].text(), Colour::Faint}});
    }
    return rows.empty() ? std::string{} : "\ninstances\n" + renderTable(rows, painter, "  ");
}

} // namespace

std::string renderApp(const JsonView& app, const Painter& painter) {
    std::string text =
        fmt::format("{}   {} of {} instances serve   version {}\n", app["app"].text(),
                    app["serving"].text(), app["instances_total"].text(), app["version"].text());
    text += notes(app["notes"], "");
    for (const JsonView& each : app["ports"].items())
        text += port(each, painter);
    return text + instances(app, painter);
}

std::string renderUnknownApp(const JsonView& failure, const Painter& painter) {
    std::string text = painter.paint(Colour::Bad, failure["error"].text()) + "\n";
    text += notes(failure["notes"], "");
    const auto near = failure["near"].items();
    if (!near.empty())
        text += "Did you mean\n";
    for (const JsonView& id : near)
        text += "  " + id.text() + "\n";
    return text;
}

} // namespace mmsd::client
