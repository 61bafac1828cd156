// SPDX-License-Identifier: MIT
// Every decoder against cut-off, extended and mutated payloads.
#include "protocol/limits.h"
#include "protocol/protocol_error.h"
#include "protocol/snapshot_assembler.h"
#include "protocol/wire_reader.h"
#include "tests/support/catch.h"
#include "tests/unit/protocol/samples.h"

#include <map>
#include <random>
#include <string>

namespace mmsd::protocol {

namespace {

using Random = std::mt19937;

std::size_t below(Random& random, std::size_t bound) {
    return std::uniform_int_distribution<std::size_t>{0, bound - 1}(random);
}

/** Flips, overwrites, removes or inserts a few octets. */
void mutate(Payload& bytes, Random& random) {
    for (std::size_t edits = 1 + below(random, 4); edits > 0; --edits) {
        if (bytes.empty()) {
            bytes.push_back(std::byte{0});
            continue;
        }
        const std::size_t place = below(random, bytes.size());
        const auto iterator = bytes.begin() + static_cast<std::ptrdiff_t>(place);
        switch (below(random, 5)) {
        case 0:
            bytes[place] ^= std::byte{1} << below(random, 8);
            break;
        case 1:
            bytes[place] = static_cast<std::byte>(below(random, 256));
            break;
        case 2:
            bytes.erase(iterator);
            break;
        case 3:
            bytes.insert(iterator, static_cast<std::byte>(below(random, 256)));
            break;
        default:
            bytes[place] = below(random, 2) == 0 ? std::byte{0} : std::byte{0xff};
        }
    }
}

} // namespace

TEST_CASE("robustness: samples come back byte for byte", "[protocol][robustness]") {
    for (const auto& sample : samples::payloads()) {
        INFO(sample.name);
        CHECK(sample.recode(sample.payload) == sample.payload);
    }
}

TEST_CASE("robustness: a payload cut off anywhere is refused", "[protocol][robustness]") {
    for (const auto& sample : samples::payloads())
        for (std::size_t size = 0; size < sample.payload.size(); ++size) {
            INFO(sample.name << " cut to " << size);
            CHECK_THROWS_AS(sample.recode(std::span{sample.payload}.first(size)), ProtocolError);
        }
}

TEST_CASE("robustness: octets left over are refused", "[protocol][robustness]") {
    for (auto sample : samples::payloads()) {
        INFO(sample.name);
        sample.payload.push_back(std::byte{0});
        CHECK_THROWS_AS(sample.recode(sample.payload), ProtocolError);
    }
}

TEST_CASE("robustness: a mutated payload is refused or means exactly its bytes",
          "[protocol][robustness]") {
    Random random{20'240'101};
    const auto samples = samples::payloads();
    std::map<std::string, int> accepted;
    for (std::size_t round = 0; round < 26'000; ++round) {
        const auto& sample = samples[round % samples.size()];
        Payload mutant = sample.payload;
        mutate(mutant, random);
        Payload again;
        try {
            again = sample.recode(mutant);
        } catch (const ProtocolError&) {
            continue;
        }
        ++accepted[sample.name];
        // Only one way to write a value; Hello and Ready of other versions stay unread.
        const bool isOpening =
            sample.type == MessageType::Hello || sample.type == MessageType::Ready;
        if (!isOpening || WireReader{mutant}.u32() == kProtocolVersion) {
            INFO(sample.name);
            CHECK(again == mutant);
        }
    }
    CHECK(accepted.size() == samples.size());
}

TEST_CASE("robustness: a mutated snapshot file never passes as another one",
          "[protocol][robustness]") {
    const std::vector<App> before{samples::plainApp("/a"), samples::plainApp("/b", 3),
                                  samples::plainApp("/c")};
    const std::vector<App> after{samples::plainApp("/a"), samples::plainApp("/b", 4),
                                 samples::app()};
    Payload file = samples::encodeFrames(7, before);
    const Payload change = samples::encodeChanges(8, 7, before, after);
    file.insert(file.end(), change.begin(), change.end());
    const auto isState = [](const Snapshot& snapshot, const std::vector<App>& apps) {
        return std::ranges::equal(snapshot.apps, apps,
                                  [](const auto& a, const App& b) { return *a == b; });
    };
    CHECK(isState(*decodeSnapshotFile(file).snapshot, after));
    Random random{7};
    for (int round = 0; round < 5'000; ++round) {
        Payload mutant = file;
        mutate(mutant, random);
        try {
            const auto snapshot = decodeSnapshotFile(mutant).snapshot;
            // Begin's time and cause, and the generation, are not covered by the checksum.
            CHECK((isState(*snapshot, after) || isState(*snapshot, before)));
        } catch (const ProtocolError&) {
            continue;
        }
    }
}

} // namespace mmsd::protocol
