// SPDX-License-Identifier: MIT
// dump_frames FILE|-…: prints each frame of a capture, a snapshot file or a golden file (.hex).
#include "common/file_io.h"
#include "common/text.h"
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "tests/tools/frame_text.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string>
#include <vector>

namespace mmsd {

namespace {

/** Octets; a capture may hold several snapshots. */
constexpr std::size_t kMaxCapture = 4 * protocol::kMaxSnapshotBytes;

std::vector<std::byte> fromHex(std::string_view text) {
    std::vector<std::byte> bytes;
    for (const std::string_view line : splitList(text, '\n'))
        for (std::size_t i = 0; i < line.size(); i += 2) {
            unsigned value = 0;
            const char* const end = line.data() + std::min(i + 2, line.size());
            if (std::from_chars(line.data() + i, end, value, 16).ptr != end)
                throw std::runtime_error{"not hexadecimal"};
            bytes.push_back(static_cast<std::byte>(value));
        }
    return bytes;
}

std::vector<std::byte> readBytes(const std::string& path) {
    const std::string content = readFile(path == "-" ? "/dev/stdin" : path, kMaxCapture);
    if (path.ends_with(".hex"))
        return fromHex(content);
    const auto bytes = std::as_bytes(std::span{content});
    return {bytes.begin(), bytes.end()};
}

void dump(const std::string& path, test::FrameText& text) {
    const auto bytes = readBytes(path);
    std::span<const std::byte> rest{bytes};
    try {
        while (const auto frame = protocol::takeFrame(rest))
            fmt::print("{}\n", text.describe(*frame));
        if (!rest.empty())
            throw protocol::ProtocolError{"the last frame is incomplete"};
    } catch (const protocol::ProtocolError& error) {
        throw std::runtime_error{
            fmt::format("{}: octet {}: {}", path, bytes.size() - rest.size(), error.what())};
    }
}

} // namespace

} // namespace mmsd

int main(int argc, char* argv[]) {
    if (argc < 2) {
        std::fputs("usage: dump_frames FILE|- [FILE…]\n", stderr);
        return 64;
    }
    try {
        mmsd::test::FrameText text;
        for (int i = 1; i < argc; ++i)
            mmsd::dump(argv[i], text);
        return 0;
    } catch (const std::exception& error) {
        fmt::print(stderr, "dump_frames: {}\n", error.what());
        return 1;
    }
}
