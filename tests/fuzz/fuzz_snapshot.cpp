// SPDX-License-Identifier: MIT
// Fuzzes the decoding of snapshots: whole files, and apps whose counts and checksum are right, so
// that mutations reach the app codec. What can be decoded must survive being encoded again.
#include "protocol/checksum.h"
#include "protocol/protocol_error.h"
#include "protocol/snapshot_assembler.h"
#include "protocol/state_codec.h"

#include <algorithm>
#include <cstdlib>
#include <vector>

namespace {

using namespace mmsd;
using namespace mmsd::protocol;

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

/** Decodes what encodeApp() wrote. */
App decodeAgain(const EncodedApp& encoded) {
    DecodedApp decoded = decodeApp(encoded.app);
    for (const Payload& payload : encoded.instances)
        decodeInstances(payload, decoded.app);
    require(decoded.app.instances.size() == decoded.instanceCount);
    return std::move(decoded.app);
}

void checkApp(const App& app) {
    EncodedApp encoded;
    try {
        encoded = encodeApp(app);
    } catch (const ProtocolError&) {
        // Each part was within its limits, all together are not: as the watcher would find.
        return;
    }
    require(decodeAgain(encoded) == app);
}

void takeFile(std::span<const std::byte> bytes) {
    const auto file = decodeSnapshotFile(bytes);
    for (const auto& app : file.snapshot->apps)
        checkApp(*app);
}

/** Payload of an app, behind its length, then one of instances. */
void takeApp(std::span<const std::byte> bytes) {
    if (bytes.size() < 2)
        return;
    const std::size_t size = std::min(std::to_integer<std::size_t>(bytes[0]) |
                                          std::to_integer<std::size_t>(bytes[1]) << 8,
                                      bytes.size() - 2);
    DecodedApp decoded = decodeApp(bytes.subspan(2, size));
    decodeInstances(bytes.subspan(2 + size), decoded.app);
    checkApp(decoded.app);
}

} // namespace

/** The first octet chooses: a file, or an app. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::span input{reinterpret_cast<const std::byte*>(data + 1), size - 1};
    try {
        data[0] % 2 == 0 ? takeFile(input) : takeApp(input);
    } catch (const ProtocolError&) {
        // What most inputs earn.
    }
    return 0;
}
