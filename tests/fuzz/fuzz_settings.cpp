// SPDX-License-Identifier: MIT
// Fuzzes the configuration file and the flags. Values that are taken must give themselves again:
// as a file, and as the flags that a worker is started with.
#include "protocol/settings.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mmsd::protocol;

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

std::vector<const char*> pointers(const std::vector<std::string>& arguments) {
    std::vector<const char*> found{"mmsd"};
    for (const std::string& argument : arguments)
        found.push_back(argument.c_str());
    return found;
}

void checkFile(const Settings& settings) {
    const std::string text = settings.toText();
    Settings fromFile;
    fromFile.parseFile(text, "again");
    require(fromFile.toText() == text);
}

void checkFlags(const Settings& settings) {
    for (const std::uint8_t mask :
         {kForWatcher, kForHaproxy, kForConfd, kForDns, kForApi, kForUdp}) {
        const std::vector<std::string> arguments = settings.argumentsFor(mask);
        const std::vector<const char*> argv = pointers(arguments);
        Settings ofWorker;
        ofWorker.parseCommandLine(static_cast<int>(argv.size()), argv.data(), mask);
        require(ofWorker.argumentsFor(mask) == arguments);
    }
}

void takeFile(std::string_view text) {
    Settings settings;
    settings.parseFile(text, "file");
    checkFile(settings);
    checkFlags(settings);
}

/** One argument a line. */
void takeFlags(std::string_view text) {
    std::vector<std::string> arguments{""};
    for (const char c : text) {
        if (c == '\n')
            arguments.emplace_back();
        else if (c != '\0') // ends an argument for every program
            arguments.back().push_back(c);
    }
    const std::vector<const char*> argv = pointers(arguments);
    Settings settings;
    settings.parseCommandLine(static_cast<int>(argv.size()), argv.data(), kForSupervisor);
    checkFlags(settings);
    // Beside comments and blanks, which a file cannot have in values, it can say all that flags
    // can.
    if (text.find_first_of("# \t\v\f\r") == std::string_view::npos)
        checkFile(settings);
}

} // namespace

/** The first octet chooses: the file, or flags. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
    try {
        data[0] % 2 == 0 ? takeFile(text) : takeFlags(text);
    } catch (const ConfigurationError& error) {
        require(std::string_view{error.what()}.find('\n') == std::string_view::npos);
    } catch (const UsageError& error) {
        require(std::string_view{error.what()}.find('\n') == std::string_view::npos);
    }
    return 0;
}
