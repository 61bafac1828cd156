// SPDX-License-Identifier: MIT
// Tests of IoEvent.
#include "common/event_loop.h"
#include "common/io_event.h"
#include "common/sys_error.h"
#include "common/unique_fd.h"
#include "tests/support/catch.h"
#include "tests/support/temp_dir.h"

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <stdexcept>
#include <string>

namespace {

struct SocketPair {
    SocketPair() {
        std::array<int, 2> ends{};
        REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends.data()) ==
                0);
        near.reset(ends[0]);
        far.reset(ends[1]);
    }
    void send() const { REQUIRE(::write(far.get(), "x", 1) == 1); }

    mmsd::UniqueFd near;
    mmsd::UniqueFd far;
};

} // namespace

TEST_CASE("io event: reports what it was told to watch", "[common][io_event]") {
    mmsd::EventLoop loop;
    const SocketPair pair;
    std::string seen;
    mmsd::IoEvent event{loop, pair.near.get(), [&](bool isReadable, bool isWritable) {
                            seen += isReadable ? "r" : "";
                            seen += isWritable ? "w" : "";
                            seen += ";";
                        }};
    pair.send();
    loop.poll();
    CHECK(seen.empty());

    event.watch(true, false);
    loop.poll();
    loop.poll(); // level-triggered
    CHECK(seen == "r;r;");

    seen.clear();
    event.watch(false, true);
    loop.poll();
    CHECK(seen == "w;");

    seen.clear();
    event.watch(true, true);
    event.watch(true, true);
    loop.poll();
    CHECK(seen == "rw;");

    seen.clear();
    event.cancel();
    loop.poll();
    CHECK(seen.empty());
}

TEST_CASE("io event: reports a closed peer as readable", "[common][io_event]") {
    mmsd::EventLoop loop;
    SocketPair pair;
    int count = 0;
    mmsd::IoEvent event{loop, pair.near.get(), [&](bool isReadable, bool) {
                            CHECK(isReadable);
                            ++count;
                        }};
    event.watch(true, false);
    pair.far.reset();
    loop.poll();
    CHECK(count == 1);
}

TEST_CASE("io event: may change or destroy itself in its callback", "[common][io_event]") {
    mmsd::EventLoop loop;
    const SocketPair pair;
    const std::string captured(100, 'x'); // more than std::function holds in place
    std::string seen;
    std::unique_ptr<mmsd::IoEvent> event;
    event = std::make_unique<mmsd::IoEvent>(
        loop, pair.near.get(), [&event, &seen, captured](bool isReadable, bool isWritable) {
            if (isWritable) {
                event->watch(true, false);
                return;
            }
            event.reset();
            seen = isReadable ? captured : "";
        });
    event->watch(false, true);
    loop.poll();
    loop.poll();
    CHECK(seen.empty());
    pair.send();
    loop.poll();
    loop.poll();
    CHECK(seen == captured);
    CHECK_FALSE(event);
}

TEST_CASE("io event: one callback may destroy another that is ready, too", "[common][io_event]") {
    mmsd::EventLoop loop;
    const SocketPair one;
    const SocketPair two;
    int count = 0;
    std::unique_ptr<mmsd::IoEvent> first;
    std::unique_ptr<mmsd::IoEvent> second;
    first = std::make_unique<mmsd::IoEvent>(loop, one.near.get(), [&](bool, bool) {
        ++count;
        second.reset();
    });
    second = std::make_unique<mmsd::IoEvent>(loop, two.near.get(), [&](bool, bool) {
        ++count;
        first.reset();
    });
    first->watch(true, false);
    second->watch(true, false);
    one.send();
    two.send();
    loop.poll();
    CHECK(count == 1);
}

TEST_CASE("io event: keeps exceptions for the loop", "[common][io_event]") {
    mmsd::EventLoop loop;
    const SocketPair pair;
    mmsd::IoEvent event{loop, pair.near.get(), [](bool, bool) { throw std::runtime_error{"io"}; }};
    event.watch(false, true);
    CHECK_THROWS_WITH(loop.run(), "io");
    CHECK_THROWS_WITH(loop.poll(), "io");
}

TEST_CASE("io event: refuses a descriptor that cannot be waited for", "[common][io_event]") {
    mmsd::EventLoop loop;
    const mmsd::test::TempDir folder;
    mmsd::IoEvent event{loop, folder.fd(), [](bool, bool) {}};
    CHECK_THROWS_AS(event.watch(true, false), mmsd::SysError);
}
