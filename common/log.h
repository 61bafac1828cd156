// SPDX-License-Identifier: MIT
// Structured log lines on stderr: constant message plus key=value fields.
#pragma once

#include <chrono>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>

namespace mmsd {

/** error = someone must act; warning = we coped; info = state changes; debug = per frame. */
enum class LogLevel : std::uint8_t { Error, Warning, Info, Debug };
enum class LogFormat : std::uint8_t { Text, Json };

/** One key=value of a log line; foreign text is escaped when the line is written. */
class LogField {
public:
    LogField(std::string_view key, std::string_view value) : key_{key}, value_{value} {}
    LogField(std::string_view key, const char* value) : key_{key}, value_{value} {}
    LogField(std::string_view key, const std::string& value) : key_{key}, value_{value} {}
    LogField(std::string_view key, bool value)
        : key_{key}, value_{value ? "true" : "false"}, isBare_{true} {}
    template <std::integral T>
    requires(!std::same_as<T, bool>) LogField(std::string_view key, T value)
        : key_{key}, value_{std::to_string(value)}, isBare_{true} {}
    /** Milliseconds as a number; name the key `…_ms`. */
    LogField(std::string_view key, std::chrono::milliseconds value)
        : LogField{key, value.count()} {}

    [[nodiscard]] std::string_view key() const noexcept { return key_; }
    [[nodiscard]] const std::string& value() const noexcept { return value_; }
    /** True for numbers and booleans, which need no quotes in JSON. */
    [[nodiscard]] bool isBare() const noexcept { return isBare_; }

private:
    std::string_view key_;
    std::string value_;
    bool isBare_ = false;
};

struct LogConfig {
    std::string program;
    LogLevel level = LogLevel::Info;
    LogFormat format = LogFormat::Text;
    /** Lines begin with "<N>" (syslog priority), because stderr is the journal; text lines then
     *  leave out time, level, program and pid, which the journal has. */
    bool hasPriorityPrefix = false;
};

/** Sets the process-wide log sink's shape; the only global state of common/. */
void configureLog(LogConfig config);
void setLogLevel(LogLevel level) noexcept;
[[nodiscard]] LogLevel logLevel() noexcept;

/** True if stderr is connected to the journal. Source: systemd.exec(5), $JOURNAL_STREAM. */
[[nodiscard]] bool isStderrJournal();

/** Makes the line that log() writes, with its newline: at most 8 KiB (fields that do not fit give
 *  way to truncated=true), message and each value at most 1 KiB, one line whatever they hold. */
[[nodiscard]] std::string formatLogLine(const LogConfig& config,
                                        std::chrono::system_clock::time_point time, LogLevel level,
                                        std::string_view message,
                                        std::initializer_list<LogField> fields);

/** Writes one line with one write(2), lost if stderr would block; never throws, keeps errno. */
void log(LogLevel level, std::string_view message,
         std::initializer_list<LogField> fields = {}) noexcept;

inline void logError(std::string_view m, std::initializer_list<LogField> f = {}) noexcept {
    log(LogLevel::Error, m, f);
}
inline void logWarning(std::string_view m, std::initializer_list<LogField> f = {}) noexcept {
    log(LogLevel::Warning, m, f);
}
inline void logInfo(std::string_view m, std::initializer_list<LogField> f = {}) noexcept {
    log(LogLevel::Info, m, f);
}
inline void logDebug(std::string_view m, std::initializer_list<LogField> f = {}) noexcept {
    log(LogLevel::Debug, m, f);
}

} // namespace mmsd
