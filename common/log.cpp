// SPDX-License-Identifier: MIT
// Structured log lines on stderr: constant message plus key=value fields.
#include "common/log.h"

#include "common/text.h"

#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace mmsd {

namespace {

constexpr std::size_t kLineLimit = 4096; // octets of a line: PIPE_BUF, taken by a pipe in one piece
constexpr std::size_t kPartLimit = 1024; // octets of the message and of each value
constexpr std::size_t kReserve = 32;     // octets for the mark of a truncated line and its end

struct LevelInfo {
    std::string_view name;
    char priority; // Source: syslog(3)
};
constexpr std::array<LevelInfo, 4> kLevels{
    {{"error", '3'}, {"warning", '4'}, {"info", '6'}, {"debug", '7'}}};

LogConfig currentConfig;

/** RFC 3339 in UTC with milliseconds. Not by gmtime, which would open /etc/localtime. */
std::string formatTime(std::chrono::system_clock::time_point time) {
    const auto milliseconds = std::chrono::floor<std::chrono::milliseconds>(time);
    const auto day = std::chrono::floor<std::chrono::days>(milliseconds);
    const std::chrono::year_month_day date{day};
    const std::chrono::hh_mm_ss clock{milliseconds - day};
    std::array<char, 64> text{};
    std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                  static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                  static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
                  static_cast<int>(clock.minutes().count()),
                  static_cast<int>(clock.seconds().count()),
                  static_cast<int>(clock.subseconds().count()));
    return text.data();
}

std::string textField(const LogField& field) {
    std::string value = escapeText(field.value(), kPartLimit);
    const bool needsQuotes =
        value.empty() || value != field.value() || value.find_first_of(" =") != std::string::npos;
    if (needsQuotes)
        value = '"' + value + '"';
    return std::string{" "}.append(field.key()) + '=' + value;
}

std::string jsonField(std::string_view key, std::string_view value, bool isBare) {
    std::string text = ",\"" + escapeJson(key) + "\":";
    return isBare ? text.append(value) : text + '"' + escapeJson(value, kPartLimit) + '"';
}

/** Losing a line is better than waiting for a reader of stderr, which all processes share: one
 *  that stalls must not stop them. O_NONBLOCK would be shared, too, so readiness is asked for. */
void writeLine(std::string_view line) noexcept {
    pollfd out{STDERR_FILENO, POLLOUT, 0};
    if (::poll(&out, 1, 0) == 1) [[maybe_unused]]
        const ssize_t count = ::write(STDERR_FILENO, line.data(), line.size());
}

} // namespace

void configureLog(LogConfig config) {
    currentConfig = std::move(config);
}

void setLogLevel(LogLevel level) noexcept {
    currentConfig.level = level;
}

LogLevel logLevel() noexcept {
    return currentConfig.level;
}

bool isStderrJournal() {
    const char* const stream = std::getenv("JOURNAL_STREAM");
    struct stat status {};
    if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0)
        return false;
    return std::to_string(status.st_dev) + ':' + std::to_string(status.st_ino) == stream;
}

std::string formatLogLine(const LogConfig& config, std::chrono::system_clock::time_point time,
                          LogLevel level, std::string_view message,
                          std::initializer_list<LogField> fields) {
    const LevelInfo& info = kLevels.at(static_cast<std::size_t>(level));
    const bool isJson = config.format == LogFormat::Json;
    const std::string pid = std::to_string(::getpid());
    std::string line;
    if (config.hasPriorityPrefix)
        line.append({'<', info.priority, '>'});
    if (isJson) {
        line += "{\"time\":\"" + formatTime(time) + '"' + jsonField("level", info.name, false) +
                jsonField("program", config.program, false) + jsonField("pid", pid, true) +
                jsonField("message", message, false);
    } else {
        if (!config.hasPriorityPrefix)
            line.append(formatTime(time) + ' ')
                .append(info.name)
                .append(" " + config.program + '[' + pid + "]: ");
        line += escapeText(message, kPartLimit);
    }
    for (const LogField& field : fields) {
        const std::string text =
            isJson ? jsonField(field.key(), field.value(), field.isBare()) : textField(field);
        if (line.size() + text.size() > kLineLimit - kReserve) {
            line += isJson ? jsonField("truncated", "true", true) : " truncated=true";
            break;
        }
        line += text;
    }
    return line + (isJson ? "}\n" : "\n");
}

void log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields) noexcept {
    if (level > currentConfig.level)
        return;
    const int savedErrno = errno;
    try {
        const std::string line =
            formatLogLine(currentConfig, std::chrono::system_clock::now(), level, message, fields);
        writeLine(line);
    } catch (...) {
        // Out of memory: there is nobody left to tell.
    }
    errno = savedErrno;
}

} // namespace mmsd
