// SPDX-License-Identifier: MIT
// Settings: checked values, and the configuration file.
#include "protocol/settings.h"

#include "common/duration.h"
#include "common/text.h"

#include <algorithm>
#include <set>

namespace mmsd::protocol {

namespace {

bool isOf(std::string_view text, std::string_view furtherCharacters) noexcept {
    return std::ranges::all_of(text, [&](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               furtherCharacters.find(c) != std::string_view::npos;
    });
}

bool isNumber(std::string_view text, std::uint16_t maximum) noexcept {
    const std::uint16_t number = parseNumber<std::uint16_t>(text).value_or(0);
    return number != 0 && number <= maximum;
}

bool isPort(std::string_view text) noexcept {
    return isNumber(text, 65'535);
}

/** "name", "10.0.0.1", "[::1]" or "::1"; the first three with ":port" behind them or not. */
bool isHost(std::string_view text) noexcept {
    const auto address = IpAddress::parse(text);
    if (address && address->isV6())
        return true;
    const std::size_t end = text.starts_with('[') ? text.find(']') : text.find(':');
    std::string_view host = text.substr(0, end);
    std::string_view port = end == std::string_view::npos ? "" : text.substr(end);
    if (text.starts_with('[')) {
        host.remove_prefix(1);
        const auto v6 = IpAddress::parse(host);
        if (port.empty() || !v6 || !v6->isV6())
            return false;
        port.remove_prefix(1);
    } else if (host.empty() || host.size() > 255 || !isOf(host, ".-_")) {
        return false;
    }
    return port.empty() || (port.front() == ':' && isPort(port.substr(1)));
}

bool isUrl(std::string_view text) noexcept {
    const std::string lower = toLower(text.substr(0, 8));
    return (lower.starts_with("http://") && text.size() > 7) ||
           (lower == "https://" && text.size() > 8);
}

bool isDomain(std::string_view text) noexcept {
    if (text.ends_with('.'))
        text.remove_suffix(1);
    if (text.empty() || text.size() > 253 || !isOf(text, ".-_"))
        return false;
    while (!text.empty()) {
        const std::size_t size = std::min(text.find('.'), text.size());
        if (size == 0 || size > 63 || size + 1 == text.size())
            return false;
        text.remove_prefix(std::min(size + 1, text.size()));
    }
    return true;
}

bool hasControls(std::string_view text) noexcept {
    return std::ranges::any_of(text, [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; });
}

/** What @p text should have been; nothing if it is well. */
std::string expected(const Setting& row, std::string_view text) {
    const auto all = [text](auto isGood) { return std::ranges::all_of(splitList(text), isGood); };
    switch (row.type) {
    case SettingType::Bool:
        return text == "true" || text == "false" ? "" : "true or false";
    case SettingType::Port:
        return isPort(text) ? "" : "a port (1 to 65535)";
    case SettingType::Count:
        return isNumber(text, kMaxProcessCount) ? "" : "a number from 1 to 16";
    case SettingType::Address:
        return IpAddress::parse(text) ? "" : "an IP address";
    case SettingType::Duration: {
        const std::chrono::milliseconds minimum{row.minimumMs};
        if (const auto value = parseDuration(text); value && *value >= minimum)
            return "";
        return "a duration like 300ms, 5s or 1m30s, at least " + formatDuration(minimum);
    }
    case SettingType::Choice:
        for (const std::string_view choice : splitList(row.placeholder, '|'))
            if (choice == text)
                return "";
        return std::string{"one of "} + row.placeholder;
    case SettingType::Hosts:
        return !splitList(text).empty() && all(isHost) ? "" : "a list of HOST or HOST:PORT";
    case SettingType::Urls:
        return !hasControls(text) && all(isUrl) ? "" : "a list of http:// or https:// URLs";
    case SettingType::Domain:
        return isDomain(text) ? "" : "a domain name";
    case SettingType::Path:
        return !hasControls(text) && (text.empty() || text.starts_with('/')) ? ""
                                                                             : "an absolute path";
    case SettingType::Text:
    case SettingType::List:
        break;
    }
    return hasControls(text) ? "text without control characters" : "";
}

const char* canonicalName(const Setting& row) noexcept {
    return row.synonymOf != nullptr ? row.synonymOf : row.name;
}

/** True for the rows that hold a value which may stand in a file or be handed to a worker. */
bool isPersistent(const Setting& row) noexcept {
    return !row.isCommandLineOnly && row.synonymOf == nullptr;
}

/** Cuts a comment off a line of the file. */
std::string_view withoutComment(std::string_view line) noexcept {
    for (std::size_t i = line.find('#'); i != std::string_view::npos; i = line.find('#', i + 1))
        if (i == 0 || line[i - 1] == ' ' || line[i - 1] == '\t')
            return line.substr(0, i);
    return line;
}

} // namespace

Settings::Settings() {
    for (const Setting& row : settingsTable())
        if (row.synonymOf == nullptr)
            values_[row.name].text = row.defaultValue;
}

void Settings::set(const Setting& row, std::string_view text, Origin origin) {
    if (const std::string wanted = expected(row, text); !wanted.empty())
        throw UsageError{std::string{row.name} + ": \"" + escapeText(text) + "\" is not " + wanted};
    if (Value& value = values_.at(canonicalName(row)); value.origin <= origin)
        value = {std::string{text}, origin};
}

void Settings::parseFile(std::string_view text, const std::string& origin) {
    std::set<std::string_view> seen;
    for (std::size_t number = 1; !text.empty(); ++number) {
        const std::string_view line = text.substr(0, text.find('\n'));
        text.remove_prefix(std::min(line.size() + 1, text.size()));
        const std::string_view content = trim(withoutComment(line));
        if (content.empty())
            continue;
        try {
            const std::size_t equals = content.find('=');
            if (equals == std::string_view::npos)
                throw UsageError{"expected name = value"};
            const std::string_view name = trim(content.substr(0, equals));
            const Setting* row = findSetting(name);
            if (row == nullptr)
                throw UsageError{"unknown setting \"" + escapeText(name) + "\""};
            if (row->isCommandLineOnly)
                throw UsageError{std::string{name} + " is for the command line only"};
            if (!seen.insert(canonicalName(*row)).second)
                throw UsageError{std::string{name} + " is set a second time"};
            set(*row, trim(content.substr(equals + 1)), Origin::File);
        } catch (const UsageError& error) {
            throw ConfigurationError{origin + ":" + std::to_string(number) + ": " + error.what()};
        }
    }
}

const Settings::Value& Settings::value(std::string_view name) const {
    const Setting* row = findSetting(name);
    if (row == nullptr || (row->processes & mask_) == 0)
        throw std::logic_error{"this process has no setting " + std::string{name}};
    return values_.find(std::string_view{canonicalName(*row)})->second;
}

bool Settings::flag(std::string_view name) const {
    return value(name).text == "true";
}

std::uint16_t Settings::number(std::string_view name) const {
    return parseNumber<std::uint16_t>(value(name).text).value();
}

std::chrono::milliseconds Settings::duration(std::string_view name) const {
    return parseDuration(value(name).text).value();
}

IpAddress Settings::address(std::string_view name) const {
    return IpAddress::parse(value(name).text).value();
}

const std::string& Settings::text(std::string_view name) const {
    return value(name).text;
}

std::vector<std::string> Settings::list(std::string_view name) const {
    const auto items = splitList(value(name).text);
    return {items.begin(), items.end()};
}

LogLevel Settings::logLevel() const {
    const auto choices = splitList(findSetting("log-level")->placeholder, '|');
    const auto level = std::ranges::find(choices, text("log-level")) - choices.begin();
    return flag("verbose") ? LogLevel::Debug : static_cast<LogLevel>(level);
}

bool Settings::isSet(std::string_view name) const {
    return value(name).origin != Origin::Default;
}

std::vector<std::string> Settings::argumentsFor(std::uint8_t mask) const {
    std::vector<std::string> arguments;
    for (const Setting& row : settingsTable())
        if (isPersistent(row) && (row.processes & mask) != 0)
            arguments.push_back(std::string{"--"} + row.name + "=" + text(row.name));
    return arguments;
}

std::string Settings::toText() const {
    std::string lines;
    for (const Setting& row : settingsTable())
        if (isPersistent(row)) // behind a blank, # would begin a comment
            lines += std::string{row.name} + (text(row.name).starts_with('#') ? " =" : " = ") +
                     text(row.name) + "\n";
    return lines;
}

} // namespace mmsd::protocol
