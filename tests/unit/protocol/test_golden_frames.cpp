// SPDX-License-Identifier: MIT
// The bytes of every message, fixed: a change means a new kProtocolVersion.
// MMSD_UPDATE_GOLDEN=1 writes the files anew.
#include "common/file_io.h"
#include "protocol/limits.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

#include <fcntl.h>

#include <cstdlib>
#include <map>
#include <string>

namespace mmsd::protocol {

namespace {

constexpr const char* kFolder = MMSD_SOURCE_DIR "/tests/golden/frames";

/** One line of hexadecimal digits for each frame. */
std::string toHex(std::span<const std::byte> frames) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    while (!frames.empty()) {
        const std::size_t size = kHeaderSize + takeFrame(frames).value().payload.size();
        for (const std::byte octet : std::span{frames.data() - size, size}) {
            text += kDigits[std::to_integer<std::size_t>(octet >> 4)];
            text += kDigits[std::to_integer<std::size_t>(octet & std::byte{0xf})];
        }
        text += '\n';
    }
    return text;
}

std::map<std::string, std::string> expectedFiles() {
    std::map<std::string, std::string> files;
    for (const auto& sample : samples::payloads()) {
        std::vector<std::byte> bytes;
        appendFrame(bytes, sample.type, sample.generation, sample.payload);
        files[sample.name + ".hex"] = toHex(bytes);
    }
    const auto addEmpty = [&files](const char* name, MessageType type, std::uint64_t generation) {
        std::vector<std::byte> bytes;
        appendFrame(bytes, type, generation, {});
        files[name] = toHex(bytes);
    };
    addEmpty("reapply.hex", MessageType::Reapply, 0);
    addEmpty("shutdown.hex", MessageType::Shutdown, 0);
    addEmpty("snapshot_target.hex", MessageType::SnapshotTarget, 43);
    files["snapshot.hex"] = toHex(samples::encodeFrames(
        42, {samples::plainApp("/a", 2), samples::plainApp("/a/b", 0), samples::app()}));
    files["changed_snapshot.hex"] = toHex(
        samples::encodeChanges(43, 42, {samples::plainApp("/a", 2), samples::plainApp("/a/b", 0)},
                               {samples::plainApp("/a", 1), samples::plainApp("/c", 1)}));
    files["version.txt"] = std::to_string(kProtocolVersion) + "\n";
    return files;
}

} // namespace

TEST_CASE("golden frames: no byte changes without a new version", "[protocol][golden]") {
    const UniqueFd folder = openFile(kFolder, O_RDONLY | O_DIRECTORY);
    const char* update = std::getenv("MMSD_UPDATE_GOLDEN");
    const bool isUpdate = update != nullptr && std::string_view{update} == "1";
    for (const auto& [name, content] : expectedFiles()) {
        if (isUpdate)
            replaceFileAt(folder.get(), name, content, 0644);
        INFO(name << ": if this change is meant, raise kProtocolVersion");
        CHECK(readFileAt(folder.get(), name, 1 << 20) == content);
    }
}

} // namespace mmsd::protocol
