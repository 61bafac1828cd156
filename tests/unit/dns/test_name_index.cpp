// SPDX-License-Identifier: MIT
// Tests of NameIndex against std::map.
#include "tests/support/catch.h"
#include "workers/dns-server/name_index.h"

#include <map>
#include <random>

using mmsd::dns::NameIndex;

TEST_CASE("name index: behaves like a map, whatever comes and goes", "[dns][index]") {
    std::mt19937 random{1987};
    NameIndex<int> index;
    std::map<std::string, int> expected;
    for (int step = 0; step < 40'000; ++step) {
        // Many in the first half of the time, few in the end.
        const unsigned names = step < 20'000 ? 3'000 : 40;
        const std::string name(random() % 40, static_cast<char>('a' + random() % names % 26));
        const std::string key = name + std::to_string(random() % names);
        auto* entry = index.find(key);
        CHECK((entry != nullptr) == expected.contains(key));
        if (entry == nullptr) {
            index.insert(key).second = step;
            expected[key] = step;
        } else if (random() % 2 == 0) {
            REQUIRE(entry->second == expected[key]);
            index.erase(*entry);
            expected.erase(key);
        }
    }
    CHECK(index.size() == expected.size());
    for (const auto& [key, value] : expected) {
        const auto* entry = index.find(key);
        REQUIRE(entry != nullptr);
        CHECK(entry->second == value);
        const auto* probable = index.probableEntry(mmsd::dns::hashName(key));
        CHECK((probable == nullptr || probable == entry));
    }
}

TEST_CASE("name index: entries stay where they are when it grows", "[dns][index]") {
    NameIndex<int> index;
    const auto* first = &index.insert("first");
    index.reserve(10'000);
    for (int i = 0; i < 20'000; ++i)
        index.insert(std::to_string(i));
    CHECK(index.find("first") == first);
    CHECK(index.size() == 20'001);
}
