// SPDX-License-Identifier: MIT
// make_snapshot: Marathon's JSON in a file → the frames of a snapshot.
#include "common/file_io.h"
#include "common/text.h"
#include "daemon/marathon/app_evaluator.h"
#include "daemon/marathon/app_file.h"
#include "daemon/marathon/app_parser.h"
#include "protocol/state_codec.h"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmsd {

namespace {

constexpr const char* kUsage =
    "usage: make_snapshot [-o FILE] [--generation N] [--host NAME=ADDRESS]… FILE\n"
    "Reads apps from a file with Marathon's JSON (any shape that --marathon-file takes) and "
    "writes\n"
    "the frames of a snapshot. Host names without --host stay unresolved.\n";

/** Host names as the command line has them; numeric hosts as they are. */
class NamedHosts final : public marathon::HostLookup {
public:
    void add(std::string_view pair) {
        const std::size_t end = pair.find('=');
        const auto address =
            end == pair.npos ? std::nullopt : IpAddress::parse(pair.substr(end + 1));
        if (!address)
            throw std::invalid_argument{"--host: not NAME=ADDRESS: " + std::string{pair}};
        addresses_[std::string{pair.substr(0, end)}].push_back(*address);
    }
    Answer find(const std::string& host) override {
        if (const auto address = IpAddress::parse(host))
            return {{*address}, false};
        const auto found = addresses_.find(host);
        return found == addresses_.end() ? Answer{{}, true} : Answer{found->second, false};
    }
    [[nodiscard]] bool isWaiting() const override { return false; }

private:
    std::map<std::string, std::vector<IpAddress>> addresses_;
};

struct Options {
    std::string input;
    std::string output;
    std::uint64_t generation = 1;
    NamedHosts hosts;
};

Options parseOptions(int argc, char** argv) {
    Options options;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto value = [&]() -> std::string_view {
            if (++i == argc)
                throw std::invalid_argument{std::string{argument} + ": needs a value"};
            return argv[i];
        };
        if (argument == "-o")
            options.output = value();
        else if (argument == "--generation")
            options.generation = parseNumber<std::uint64_t>(value()).value_or(0);
        else if (argument == "--host")
            options.hosts.add(value());
        else if (argument.starts_with('-') || !options.input.empty())
            throw std::invalid_argument{"unexpected argument: " + std::string{argument}};
        else
            options.input = argument;
    }
    if (options.input.empty() || options.generation == 0)
        throw std::invalid_argument{"no file, or no generation above 0"};
    return options;
}

std::vector<std::byte> makeSnapshot(Options& options) {
    const marathon::Now now{std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
    std::map<std::string, protocol::EncodedApp> encoded;
    marathon::readAppFile(options.input, [&](std::string_view json) {
        try {
            const marathon::MarathonApp app = marathon::parseApp(json);
            marathon::AppMemory memory;
            encoded.try_emplace(
                app.id, protocol::encodeApp(evaluateApp(app, memory, options.hosts, now).app));
        } catch (const marathon::UnusableApp& error) {
            std::fprintf(stderr, "left out: %s %s\n", escapeText(error.id()).c_str(), error.what());
        }
    });
    std::vector<const protocol::EncodedApp*> apps;
    for (const auto& [id, app] : encoded)
        apps.push_back(&app);
    protocol::SnapshotBegin begin;
    begin.cause = "make_snapshot";
    return protocol::encodeSnapshot(options.generation, begin, apps);
}

int run(int argc, char** argv) {
    try {
        Options options = parseOptions(argc, argv);
        const std::vector<std::byte> frames = makeSnapshot(options);
        if (options.output.empty())
            writeAll(STDOUT_FILENO, frames);
        else
            writeAll(openFile(options.output, O_WRONLY | O_CREAT | O_TRUNC, 0644).get(), frames);
        return 0;
    } catch (const std::invalid_argument& error) {
        std::fprintf(stderr, "make_snapshot: %s\n%s", error.what(), kUsage);
        return 64;
    } catch (const std::exception& error) {
        std::fprintf(stderr, "make_snapshot: %s\n", error.what());
        return 1;
    }
}

} // namespace

} // namespace mmsd

int main(int argc, char** argv) {
    return mmsd::run(argc, argv);
}
