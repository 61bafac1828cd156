// SPDX-License-Identifier: MIT
// Whom HAProxy blames, in the words of 2.6.12.
#include "tests/support/catch.h"
#include "tests/unit/haproxy/model_support.h"
#include "workers/haproxy-manager/check_output.h"

using namespace mmsd;
using namespace mmsd::haproxy;
using namespace mmsd::haproxy::test;

namespace {

struct Sample {
    Config config =
        makeConfig(model({app("/a", {10'000}), app("/a/b", {10'001, 10'002})}), options());
    RenderedConfig rendered = render(config);

    [[nodiscard]] Blame blame(const std::string& output) const {
        return readBlame(output, config, rendered);
    }
    /** "[/x/haproxy.cfg:LINE]" of the nth line of a fragment. */
    [[nodiscard]] std::string place(std::size_t fragment, std::size_t line) const {
        return "[/run/mmsd/haproxy/gen-1/haproxy.cfg:" +
               std::to_string(rendered.firstLines[fragment] + line) + "]";
    }
};

std::vector<std::string> names(const Blame& blame) {
    std::vector<std::string> list;
    for (const auto& [name, message] : blame.proxies)
        list.push_back(name);
    return list;
}

using Names = std::vector<std::string>;

} // namespace

TEST_CASE("check output: by file and line", "[haproxy][blame]") {
    const Sample sample;
    const Blame blame = sample.blame(
        "[NOTICE]   (1) : haproxy version is 2.6.12-1+deb12u4\n"
        "[ALERT]    (1) : config : parsing " +
        sample.place(0, 2) +
        " : unknown keyword 'x'\n"
        "[WARNING]  (1) : config : parsing " +
        sample.place(1, 2) +
        " : never mind\n"
        "[ALERT]    (1) : config : parsing " +
        sample.place(2, 8) +
        " : bad\n"
        "[ALERT]    (1) : config : Error(s) found in configuration file : /x/haproxy.cfg\n");
    CHECK(names(blame) == Names{"a_0", "a_b_1"});
    CHECK(blame.firstAlert.find("unknown keyword") != std::string::npos);
    CHECK_FALSE(blame.isTailBlamed);
}

TEST_CASE("check output: by the name of a frontend or backend", "[haproxy][blame]") {
    const Sample sample;
    CHECK(names(sample.blame("[ALERT]    (1) : config : Proxy 'f_a_b_0': unable to find required "
                             "default_backend: 'b_x'.\n")) == Names{"a_b_0"});
    CHECK(names(sample.blame("[ALERT]    (1) : config : backend b_a_0: no\n")) == Names{"a_0"});
    CHECK(sample.blame("[ALERT]    (1) : config : proxy f_a_0_0_and_more bad\n").isEmpty());
}

TEST_CASE("check output: a bind that failed at the start", "[haproxy][blame]") {
    const Sample sample;
    const Blame blame = sample.blame("[ALERT]    (7) : Binding " + sample.place(1, 2) +
                                     " for frontend f_a_b_0: cannot bind "
                                     "socket (Address already in use) for [127.0.0.1:10001]\n"
                                     "[ALERT]    (7) : [haproxy.main()] Some protocols failed to "
                                     "start their listeners! Exiting.\n");
    CHECK(names(blame) == Names{"a_b_0"});
}

TEST_CASE("check output: alerts that stop nothing are no reason", "[haproxy][blame]") {
    const Sample sample;
    const Blame blame = sample.blame(
        "[ALERT]    (1) : config : parsing [/x/haproxy-tail.cfg:1] : defaults section 'http' "
        "(declared at haproxy.cfg:8) is explicitly referenced by another proxy and implicitly used "
        "here. To avoid any ambiguity don't mix both usage. Add a last defaults section not "
        "explicitly used or always use explicit references.\n"
        "[ALERT]    (1) : sendmsg()/writev() failed in logger #1: No such file (errno=2)\n"
        "[ALERT]    (1) : config : parsing " +
        sample.place(0, 2) + " : the real one\n");
    CHECK(names(blame) == Names{"a_0"});
    CHECK_FALSE(blame.isTailBlamed);
    CHECK(blame.firstAlert.ends_with("the real one"));
}

TEST_CASE("check output: tail, lost sockets, and nobody at all", "[haproxy][blame]") {
    const Sample sample;
    const Blame tail = sample.blame("[ALERT]    (1) : config : parsing " + sample.place(0, 2) +
                                    " : app\n"
                                    "[ALERT]    (1) : config : parsing [/x/haproxy-tail.cfg:3] : "
                                    "tail\n");
    CHECK(tail.isTailBlamed);
    CHECK(tail.tailAlert == "config : parsing [/x/haproxy-tail.cfg:3] : tail");
    CHECK(sample.blame("[ALERT]    (1) : Failed to get the sockets from the old process!\n")
              .areSocketsLost);
    const Blame base = sample.blame("[ALERT]    (1) : config : parsing [/x/haproxy.cfg:2] : no\n");
    CHECK(base.isEmpty());
    CHECK(sample.blame("Segmentation fault\n").firstAlert == "Segmentation fault");
    CHECK(
        sample.blame("[ALERT] [:] ]x[ (1) : [haproxy.cfg:99999999999999999999] f_ b_\n").isEmpty());
}
