// SPDX-License-Identifier: MIT
// Conversations with an admin socket that behaves, and with some that do not.
#include "common/sys_error.h"
#include "common/unique_fd.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"
#include "tests/unit/haproxy/task_support.h"
#include "workers/haproxy-manager/runtime_session.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <thread>

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;
using namespace std::chrono_literals;
using mmsd::test::containsText;

namespace {

/** Accepts once; answers the nth thing it reads with the nth text, then closes or stays silent. */
class FakeHaproxy {
public:
    FakeHaproxy(std::vector<std::string> answers, bool closes) : path_{folder_ / "sock"} {
        listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path_.data(), path_.size());
        REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address),
                       sizeof address) == 0);
        REQUIRE(::listen(listener_.get(), 4) == 0);
        thread_ = std::thread{[this, answers = std::move(answers), closes] {
            const UniqueFd peer{::accept(listener_.get(), nullptr, nullptr)};
            char buffer[20'000];
            for (const std::string& answer : answers) {
                if (::recv(peer.get(), buffer, sizeof buffer, 0) <= 0)
                    return;
                ::send(peer.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
            }
            while (!closes && ::recv(peer.get(), buffer, sizeof buffer, 0) > 0) {
            }
        }};
    }
    ~FakeHaproxy() { thread_.join(); }
    FakeHaproxy(const FakeHaproxy&) = delete;
    FakeHaproxy& operator=(const FakeHaproxy&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

private:
    mmsd::test::TempDir folder_;
    std::string path_;
    UniqueFd listener_;
    std::thread thread_;
};

Task<std::vector<std::string>> converse(Reactor reactor, std::string path,
                                        std::vector<std::string> commands,
                                        std::chrono::milliseconds limit) {
    RuntimeSession session{reactor, std::move(path), limit};
    co_await session.open();
    std::vector<std::string> replies = co_await session.ask(std::move(commands));
    co_return replies;
}

std::vector<std::string> ask(const std::string& path, std::vector<std::string> commands,
                             std::chrono::milliseconds limit = 5s) {
    TaskRunner runner;
    return runner.run(converse(runner.reactor(), path, std::move(commands), limit));
}

} // namespace

TEST_CASE("runtime session: gives one reply for each command", "[haproxy][session]") {
    const FakeHaproxy fake{{"\n> ", "New server registered.\n\n> \n> \n> "}, true};
    CHECK(ask(fake.path(), {"a", "b", "c"}) ==
          std::vector<std::string>{"New server registered.\n", "", ""});
}

TEST_CASE("runtime session: a payload goes alone, its prompts are no reply", "[haproxy][session]") {
    const FakeHaproxy fake{{"\n> ", "one\n> ", "+ + \n> ", "two\n> "}, true};
    CHECK(ask(fake.path(), {"a", "add map @1 m <<\nk v\n", "b"}) ==
          std::vector<std::string>{"one", "", "two"});
}

TEST_CASE("runtime session: a reply may come in pieces", "[haproxy][session]") {
    // The second piece answers nothing that was asked: it is what the first one lacks.
    const FakeHaproxy fake{{"\n> ", "half\n", "rest\n> "}, true};
    CHECK_THROWS_AS(ask(fake.path(), {"a"}, 200ms), RuntimeError);
}

TEST_CASE("runtime session: silence, an early end and nonsense are errors", "[haproxy][session]") {
    SECTION("silence") {
        const FakeHaproxy fake{{"\n> "}, false};
        CHECK_THROWS_WITH(ask(fake.path(), {"a"}, 100ms), containsText("no answer in time"));
    }
    SECTION("zero octets") {
        const FakeHaproxy fake{{"\n> "}, true};
        CHECK_THROWS_AS(ask(fake.path(), {"a"}), std::runtime_error);
    }
    SECTION("another greeting") {
        const FakeHaproxy fake{{"220 mail\n> "}, true};
        CHECK_THROWS_WITH(ask(fake.path(), {"a"}), containsText("unexpected greeting"));
    }
    SECTION("nobody there") {
        const mmsd::test::TempDir folder;
        CHECK_THROWS_AS(ask(folder / "none", {"a"}), SysError);
    }
}

TEST_CASE("runtime session: names the command that failed", "[haproxy][session]") {
    const FakeHaproxy fake{{"\n> ", "\n> No such server.\n> "}, true};
    TaskRunner runner;
    const auto converse = [](Reactor reactor, std::string path) -> Task<bool> {
        RuntimeSession session{reactor, std::move(path), 5s};
        co_await session.open();
        std::vector<RuntimeCommand> commands{{"enable health b/s"}, {"enable server b/s"}};
        co_await session.command(std::move(commands));
        co_return true;
    };
    CHECK_THROWS_WITH(runner.run(converse(runner.reactor(), fake.path())),
                      containsText("enable server b/s: No such server."));
}
