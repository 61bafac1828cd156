// SPDX-License-Identifier: MIT
// The command line of every process, split by cxxopts.
#include "protocol/settings.h"

#include "common/sys_error.h"
#include "common/text.h"

#include <cxxopts.hpp>

#include <unistd.h>

#include <cstdlib>
#include <memory>

namespace mmsd::protocol {

namespace {

cxxopts::Options describe(std::uint8_t mask) {
    cxxopts::Options options{"mmsd"};
    // What is not known comes back by name, for messages of our own.
    options.allow_unrecognised_options();
    for (const Setting& row : settingsTable()) {
        if ((row.processes & mask) == 0)
            continue;
        auto value = cxxopts::value<std::string>();
        if (row.type == SettingType::Bool)
            value->implicit_value("true");
        const std::string prefix = row.shortName != 0 ? std::string{row.shortName, ','} : "";
        options.add_options()(prefix + row.name, "", value);
    }
    return options;
}

[[noreturn]] void refuse(const std::string& argument) {
    const std::string text = escapeText(argument);
    if (argument.size() > 1 && argument.starts_with('-'))
        throw UsageError{"unknown flag " + text.substr(0, text.find('='))};
    throw UsageError{"stray argument \"" + text + "\": only flags are expected"};
}

std::string absolutePath(const std::string& path) {
    if (path.empty() || path.starts_with('/'))
        return path;
    const std::unique_ptr<char, decltype(&std::free)> folder{::getcwd(nullptr, 0), &std::free};
    if (!folder)
        throwErrno("find the current folder");
    return std::string{folder.get()} + "/" + path;
}

} // namespace

void Settings::parseCommandLine(int argc, const char* const* argv, std::uint8_t mask) {
    const auto result = [&] {
        try {
            return describe(mask).parse(argc, argv);
        } catch (const std::exception&) {
            // All values are strings: nothing but a missing one can be wrong yet.
            throw UsageError{escapeText(argv[argc - 1]) + " needs a value"};
        }
    }();
    if (!result.unmatched().empty())
        refuse(result.unmatched().front());

    mask_ = mask;
    std::map<std::string, std::string> spellings;
    for (const cxxopts::KeyValue& argument : result.arguments()) {
        const std::string& name = argument.key();
        const Setting& row = *findSetting(name);
        const auto [spelling, isNew] =
            spellings.emplace(row.synonymOf != nullptr ? row.synonymOf : name, name);
        if (!isNew && spelling->second != name)
            throw UsageError{"--" + name + " and --" + spelling->second +
                             " are synonyms: give one of them"};
        const bool isPath = row.type == SettingType::Path;
        try {
            set(row, isPath ? absolutePath(argument.value()) : argument.value(),
                Origin::CommandLine);
        } catch (const UsageError& error) {
            throw UsageError{std::string{"--"} + error.what()};
        }
    }
}

} // namespace mmsd::protocol
