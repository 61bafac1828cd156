// SPDX-License-Identifier: MIT
// Generations on disk: written, changed, read back, removed.
#include "common/file_io.h"
#include "common/sys_error.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/config_store.h"

#include <sys/stat.h>
#include <unistd.h>

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;

namespace {

Config sample(std::uint16_t instancePort) {
    auto a = app("/a", {10'000});
    a.labels = {{"proto", "http"}, {"lb-vhost", "a.com"}};
    a.instances = {instance("10.0.0.1", {instancePort})};
    return makeConfig(model({a}), gatewayOptions());
}

} // namespace

TEST_CASE("config store: reads back what it wrote, and what it changed", "[haproxy][store]") {
    const mmsd::test::TempDir folder;
    const ConfigStore store{folder.path()};
    Config first = sample(1);
    first.tail = "# tail\n";
    store.write(7, first);
    CHECK(store.load(7).value() == first);
    Config second = sample(2);
    second.tail = first.tail;
    second.maps["http.map"] = "b.com b_a_0\n";
    store.update(7, first, second);
    CHECK(store.load(7).value() == second);
    CHECK(readFile(folder / "gen-7/haproxy.cfg", 1 << 20) == render(second).text);
    CHECK_FALSE(store.load(8));
}

TEST_CASE("config store: one generation is current, others go", "[haproxy][store]") {
    const mmsd::test::TempDir folder;
    const ConfigStore store{folder.path()};
    const Config config = sample(1);
    const std::string text = render(config).text;
    store.write(1, config);
    store.makeCurrent(1);
    store.write(2, config);
    store.write(2, config); // what a failed try left is replaced
    CHECK(store.generations() == std::vector<std::uint64_t>{2, 1});
    store.makeCurrent(2);
    CHECK(store.generations() == std::vector<std::uint64_t>{2});
    CHECK(readFile(folder / "haproxy.cfg", 1 << 20) == text);
    store.removeFolder(2);
    CHECK(store.generations().empty());
}

TEST_CASE("config store: a folder that others can write to is refused", "[haproxy][store]") {
    const mmsd::test::TempDir folder;
    REQUIRE(::chmod(folder.path().c_str(), 0777) == 0);
    CHECK_THROWS_AS(ConfigStore{folder.path()}, SysError);
    CHECK_THROWS_AS(ConfigStore{folder / "none"}, SysError);
}

TEST_CASE("config store: a tail gets its last line end, an absent one is empty",
          "[haproxy][store]") {
    const mmsd::test::TempDir folder;
    replaceFileAt(folder.fd(), "tail", "listen x", 0600);
    CHECK(readTail(folder / "tail") == "listen x\n");
    CHECK(readTail(folder / "none").empty());
    CHECK(readTail("").empty());
}
