// SPDX-License-Identifier: MIT
// The one table of settings: flags of the supervisor, flags of each worker, file, help.
#pragma once

#include "common/inet_address.h"
#include "common/log.h"
#include "common/start_error.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::protocol {

/** The processes as a bit set; what a setting is for. */
enum ProcessMask : std::uint8_t {
    kForSupervisor = 1,
    kForWatcher = 2,
    kForHaproxy = 4,
    kForConfd = 8,
    kForDns = 16,
    kForApi = 32,
    kForUdp = 64,
    kForWorkers = 126,
    kForAll = 127,
};

enum class SettingType : std::uint8_t {
    Bool,
    Port,
    Duration,
    Address,
    Text,
    List,
    Choice,
    Path,   ///< absolute; a relative one on the command line is completed when it is parsed
    Hosts,  ///< list of names or addresses, each with an optional ":port"
    Urls,   ///< list of http:// and https:// URLs
    Domain, ///< DNS name, with or without the last dot
    Count,  ///< of processes, 1 to kMaxProcessCount
};

/** Processes that one program of the supervisor's table can be started as. */
inline constexpr std::uint16_t kMaxProcessCount = 16;

/** One row of the table. */
struct Setting {
    const char* name;
    SettingType type;
    const char* defaultValue;
    const char* placeholder; ///< in --help: "PORT", "FILE"; for Choice: "text|json"
    const char* help;
    std::uint8_t processes; ///< ProcessMask bits
    char shortName = 0;
    bool isCommandLineOnly = false;  ///< may not stand in the file: config, check-config, help …
    std::uint32_t minimumMs = 0;     ///< of a Duration
    const char* synonymOf = nullptr; ///< another row, which holds the value
};

/** All rows, in the order of --help. */
[[nodiscard]] std::span<const Setting> settingsTable() noexcept;

/** The row of that name, or null. */
[[nodiscard]] const Setting* findSetting(std::string_view name) noexcept;

/** A bad flag or value: one line that names it and what was expected. Exit 64. */
class UsageError : public StartError {
public:
    explicit UsageError(const std::string& text) : StartError{ExitCode::Usage, text} {}
};

/** A configuration file that cannot be read or holds an error (named as FILE:LINE). Exit 78. */
class ConfigurationError : public StartError {
public:
    explicit ConfigurationError(const std::string& text)
        : StartError{ExitCode::Configuration, text} {}
};

/** Checked values of all settings of one process. */
class Settings {
public:
    /** Defaults only. */
    Settings();

    /** Parses a command line; only rows whose processes intersect @p mask are known.
     *  @throws UsageError */
    void parseCommandLine(int argc, const char* const* argv, std::uint8_t mask);
    /** Parses `name = value` lines; a # at the start of a line or behind a blank starts a comment.
     *  Values given on the command line stay.
     *  @param origin file name for messages
     *  @throws ConfigurationError "FILE:LINE: …" */
    void parseFile(std::string_view text, const std::string& origin);

    // The name of a row is the caller's own constant: one that does not exist, or is not for the
    // process whose command line was parsed, is a std::logic_error.
    [[nodiscard]] bool flag(std::string_view name) const;
    /** Of a Port or a Count. */
    [[nodiscard]] std::uint16_t number(std::string_view name) const;
    [[nodiscard]] std::uint16_t port(std::string_view name) const { return number(name); }
    [[nodiscard]] std::chrono::milliseconds duration(std::string_view name) const;
    [[nodiscard]] IpAddress address(std::string_view name) const;
    [[nodiscard]] const std::string& text(std::string_view name) const;
    [[nodiscard]] std::vector<std::string> list(std::string_view name) const;
    /** --log-level, or debug with --verbose. */
    [[nodiscard]] LogLevel logLevel() const;
    /** True if the value came from the command line or the file. */
    [[nodiscard]] bool isSet(std::string_view name) const;

    /** `--name=value` for each row of @p mask, in table order: how a worker is started. */
    [[nodiscard]] std::vector<std::string> argumentsFor(std::uint8_t mask) const;
    /** `name = value` lines of all rows that may stand in a file. */
    [[nodiscard]] std::string toText() const;

private:
    enum class Origin : std::uint8_t { Default, File, CommandLine };
    struct Value {
        std::string text;
        Origin origin = Origin::Default;
    };
    const Value& value(std::string_view name) const;
    void set(const Setting& setting, std::string_view text, Origin origin);

    std::map<std::string, Value, std::less<>> values_;
    std::uint8_t mask_ = kForAll; ///< of parseCommandLine()
};

/** What --help prints for the rows of @p mask. */
[[nodiscard]] std::string helpText(std::string_view program, std::string_view purpose,
                                   std::uint8_t mask);

} // namespace mmsd::protocol
