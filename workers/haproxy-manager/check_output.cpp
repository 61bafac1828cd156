// SPDX-License-Identifier: MIT
// Whom HAProxy blames: its error messages to fragments. Pure.
#include "workers/haproxy-manager/check_output.h"

#include "common/text.h"

#include <algorithm>
#include <array>
#include <optional>

namespace mmsd::haproxy {

namespace {

/** The message of an alert line, "" for every other line. */
std::string_view alertText(std::string_view line) noexcept {
    if (!line.starts_with("[ALERT]"))
        return {};
    const std::size_t end = line.find(") : "); // "[ALERT]    (1234) : "
    return end == std::string_view::npos ? line : line.substr(end + 4);
}

/** Alerts that HAProxy starts with all the same: no reason for anything.
 *  Source: 2.6's cfgparse-listen.c, cfgparse-global.c and log.c. */
bool isHarmless(std::string_view alert) noexcept {
    constexpr std::array<std::string_view, 3> kHarmless{
        "To avoid any ambiguity don't mix both usage", "already specified. Continuing.",
        "sendmsg()/writev() failed in logger"};
    return std::ranges::any_of(kHarmless, [alert](std::string_view words) {
        return alert.find(words) != std::string_view::npos;
    });
}

bool isNameCharacter(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.' || c == ':';
}

class BlameReader {
public:
    BlameReader(const Config& config, const RenderedConfig& rendered)
        : config_{config}, rendered_{rendered} {}

    Blame read(std::string_view output) {
        std::string_view rest = output;
        while (!rest.empty()) {
            const std::size_t end = rest.find('\n');
            const std::string_view text = alertText(rest.substr(0, end));
            rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
            if (text.empty() || isHarmless(text))
                continue;
            if (blame_.firstAlert.empty())
                blame_.firstAlert = text;
            if (text.find("Failed to get the sockets") != std::string_view::npos)
                blame_.areSocketsLost = true;
            if (!blameLine(text))
                blameNames(text);
        }
        if (blame_.firstAlert.empty())
            blame_.firstAlert = escapeText(trim(output), 300);
        return std::move(blame_);
    }

private:
    /** "[/path/haproxy.cfg:123]" */
    bool blameLine(std::string_view text) {
        const std::size_t open = text.find('[');
        const std::size_t close = text.find(']', std::min(open, text.size()));
        if (open == std::string_view::npos || close == std::string_view::npos)
            return false;
        const std::string_view place = text.substr(open + 1, close - open - 1);
        const std::size_t colon = place.rfind(':');
        if (colon == std::string_view::npos)
            return false;
        const std::string_view file = place.substr(0, colon);
        if (file.ends_with(kTailFile)) {
            blame_.isTailBlamed = true;
            if (blame_.tailAlert.empty())
                blame_.tailAlert = escapeText(text, 200);
            return true;
        }
        const auto line = parseNumber<std::size_t>(place.substr(colon + 1));
        const auto linesBefore = this->linesBefore(file);
        if (!line || !linesBefore)
            return false;
        const auto next = std::ranges::upper_bound(rendered_.firstLines, *line + *linesBefore);
        if (next == rendered_.firstLines.begin())
            return false; // in the part that no app has a say in
        const auto index = static_cast<std::size_t>(next - rendered_.firstLines.begin()) - 1;
        blame(config_.fragments[index]->proxy, text);
        return true;
    }

    /** How many lines of the whole text stand in files before that one; nothing if it is no file of
     *  the configuration. */
    [[nodiscard]] std::optional<std::size_t> linesBefore(std::string_view file) const {
        if (file.ends_with(kConfigFile))
            return 0;
        const std::size_t slash = file.rfind('/');
        if (slash == std::string_view::npos || !file.substr(0, slash).ends_with(kAppFolder))
            return std::nullopt;
        const auto number = appFileNumber(file.substr(slash + 1));
        if (!number || *number >= appFileCount(rendered_.firstLines.size()))
            return std::nullopt;
        return rendered_.firstLines[*number * kPortsPerFile] - 1;
    }

    /** Any word that is the name of a frontend or backend of ours. */
    void blameNames(std::string_view text) {
        for (std::size_t i = 0; i + 2 < text.size(); ++i) {
            const bool startsWord = i == 0 || !isNameCharacter(text[i - 1]);
            if (!startsWord || (text[i] != 'f' && text[i] != 'b') || text[i + 1] != '_')
                continue;
            std::size_t end = i;
            while (end < text.size() && isNameCharacter(text[end]))
                ++end;
            std::string_view name = text.substr(i + 2, end - i - 2);
            while (name.ends_with(':') || name.ends_with('.'))
                name.remove_suffix(1);
            if (config_.find(name) != nullptr)
                blame(std::string{name}, text);
            i = end;
        }
    }

    void blame(const std::string& proxy, std::string_view text) {
        blame_.proxies.try_emplace(proxy, escapeText(text, 200));
    }

    const Config& config_;
    const RenderedConfig& rendered_;
    Blame blame_;
};

} // namespace

Blame readBlame(std::string_view output, const Config& config, const RenderedConfig& rendered) {
    return BlameReader{config, rendered}.read(output);
}

} // namespace mmsd::haproxy
