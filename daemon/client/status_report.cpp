// SPDX-License-Identifier: MIT
// What `mmsd status` prints. Pure.
#include "daemon/client/reports.h"

#include "common/duration.h"

#include <fmt/format.h>

namespace mmsd::client {

namespace {

/** "3.2 s ago" for a number of seconds, else @p otherwise. */
std::string age(const JsonView& seconds, const char* otherwise = "never") {
    const auto number = seconds.number();
    return number ? formatAge(*number) + " ago" : std::string{otherwise};
}

std::string sourceLine(const JsonView& status) {
    const JsonView watcher = status["watcher"];
    if (!watcher.isObject())
        return "Marathon   nothing known yet\n";
    const std::string text = watcher["text"].text();
    std::string line =
        fmt::format("Marathon   {}{}{}, confirmed {}", watcher["state"].text(),
                    text.empty() ? "" : ": ", text, age(watcher["state_confirmed_age_seconds"]));
    if (!watcher["last_byte_age_seconds"].isNull())
        line += ", last event byte " + age(watcher["last_byte_age_seconds"]);
    return line + "\n";
}

std::string stateLine(const JsonView& status) {
    const JsonView snapshot = status["snapshot"];
    if (!snapshot.isObject())
        return "State      none\n";
    return fmt::format("State      generation {}, {} apps, {} of {} instances serve\n"
                       "Last change {}: {}\n",
                       snapshot["generation"].text(), snapshot["apps"].text(),
                       snapshot["serving_instances"].text(), snapshot["instances"].text(),
                       age(snapshot["observed_age_seconds"]), snapshot["cause"].text());
}

std::string processTable(const JsonView& status, const Painter& painter) {
    std::vector<std::vector<Cell>> rows{{{"PROCESS", Colour::Faint},
                                         {"PHASE", Colour::Faint},
                                         {"PID", Colour::Faint},
                                         {"UP", Colour::Faint},
                                         {"RESTARTS", Colour::Faint},
                                         {"GENERATION", Colour::Faint},
                                         {"LAST RESULT", Colour::Faint}}};
    for (const JsonView& process : status["processes"].items()) {
        const std::string phase = process["phase"].text();
        const auto up = process["uptime_seconds"].number();
        rows.push_back(
            {{process["name"].text()},
             {phase, phase == "running" ? Colour::Good : Colour::Bad},
             {process["pid"].text()},
             {up ? formatAge(*up) : "-"},
             {process["restarts"].text()},
             {process["name"].text() == "marathon-watcher" ? "-" : process["generation"].text()},
             {process["last_result"].text()}});
    }
    return renderTable(rows, painter);
}

std::string refusalTable(const JsonView& status, const Painter& painter) {
    std::vector<std::vector<Cell>> rows;
    for (const bool isPartial : {false, true})
        for (const JsonView& refusal : status["refusals"].items())
            if (refusal["partial"].isTrue() == isPartial)
                rows.push_back(
                    {{refusal["app"].text()},
                     {refusal["port_index"].isNull() ? "all"
                                                     : "port " + refusal["port_index"].text()},
                     {refusal["process"].text()},
                     {isPartial ? "served without" : "left out",
                      isPartial ? Colour::Warning : Colour::Bad},
                     {refusal["reason"].text()}});
    if (rows.empty())
        return {};
    std::string text = fmt::format("\nREFUSED ({})\n", rows.size()) + renderTable(rows, painter);
    if (const auto omitted = status["refusals_omitted"].number().value_or(0); omitted > 0)
        text += fmt::format("and {} more\n", omitted);
    return text;
}

} // namespace

std::string renderStatus(const JsonView& status, const Painter& painter) {
    const bool isReady = status["ready"].isTrue();
    std::string text =
        painter.paint(isReady ? Colour::Good : Colour::Bad, isReady ? "ready" : "not ready");
    if (const std::string host = status["host"].text(); !host.empty())
        text += "   " + host;
    text += "   mmsd " + status["version"].text() + "\n";
    for (const JsonView& reason : status["reasons"].items())
        text += painter.paint(Colour::Bad, "  " + reason.text()) + "\n";
    for (const JsonView& note : status["notes"].items())
        text += painter.paint(Colour::Warning, "  note: " + note.text()) + "\n";
    text += "\n" + sourceLine(status) + stateLine(status) + "\n";
    return text + processTable(status, painter) + refusalTable(status, painter);
}

} // namespace mmsd::client
