// SPDX-License-Identifier: MIT
// Tests of the event stream format, cut at every place.
#include "daemon/marathon/sse_parser.h"
#include "tests/support/catch.h"

#include <utility>
#include <vector>

namespace mmsd::marathon {

namespace {

using Parsed = std::vector<std::pair<std::string, std::string>>;

struct Collector {
    Parsed events;
    int oversized = 0;
    SseParser parser;

    explicit Collector(std::size_t limit = SseParser::kMaxEvent)
        : parser{{.onEvent = [this](std::string_view name,
                                    std::string_view data) { events.emplace_back(name, data); },
                  .onOversized = [this] { ++oversized; }},
                 limit} {}
};

Parsed parse(std::string_view text) {
    Collector collector;
    collector.parser.feed(text);
    return collector.events;
}

} // namespace

TEST_CASE("sse_parser: all line ends, at every split", "[marathon][sse]") {
    // Heartbeats between events, an event without name (Marathon < 0.11), a comment.
    const std::vector<std::string> lines{
        "event: a", "data: {\"x\":1}", "",        "",       "data:{}", "", ": note",
        "",         "event:b",         "data: 1", "data:2", "data",    "", ""};
    const Parsed expected{{"a", "{\"x\":1}"}, {"", "{}"}, {"b", "1\n2\n"}};
    for (const char* end : {"\r\n", "\n", "\r"}) {
        std::string text;
        for (const std::string& line : lines)
            text += line + end;
        for (std::size_t first = 0; first <= text.size(); ++first) {
            for (std::size_t second = first; second <= text.size(); ++second) {
                Collector collector;
                collector.parser.feed(std::string_view{text}.substr(0, first));
                collector.parser.feed(std::string_view{text}.substr(first, second - first));
                collector.parser.feed(std::string_view{text}.substr(second));
                if (collector.events != expected) {
                    CAPTURE(end, first, second);
                    REQUIRE(collector.events == expected);
                }
            }
        }
        Collector single;
        for (const char c : text)
            single.parser.feed({&c, 1});
        CHECK(single.events == expected);
    }
}

TEST_CASE("sse_parser: a heartbeat dispatches nothing", "[marathon][sse]") {
    CHECK(parse("\r\n\r\n\n\n\r\r").empty());
    CHECK(parse("event: x\r\n\r\n").empty()); // a name alone is no event, nor the next one's
    CHECK(parse("event: x\n\ndata: 1\n\n") == Parsed{{"", "1"}});
}

TEST_CASE("sse_parser: a heartbeat's two bytes in two segments", "[marathon][sse]") {
    Collector collector;
    collector.parser.feed("data: 1\r\n\r");
    CHECK(collector.events == Parsed{{"", "1"}});
    collector.parser.feed("\n");
    collector.parser.feed("\r");
    collector.parser.feed("\ndata: 2\r\n\r\n");
    CHECK(collector.events == Parsed{{"", "1"}, {"", "2"}});
}

TEST_CASE("sse_parser: fields", "[marathon][sse]") {
    CHECK(parse("data:x\n\n") == Parsed{{"", "x"}});
    CHECK(parse("data:  x \n\n") == Parsed{{"", " x "}});
    CHECK(parse("data\n\n") == Parsed{{"", ""}});
    CHECK(parse("data: a:b\n\n") == Parsed{{"", "a:b"}});
    CHECK(parse("id: 7\nretry: 1\nfoo: x\n:\n: c\ndata: 1\n\n") == Parsed{{"", "1"}});
    CHECK(parse("event: a\nevent: b\ndata: 1\n\n") == Parsed{{"b", "1"}});
    CHECK(parse(" data: 1\n\n").empty());
    CHECK(parse("Data: 1\n\n").empty());
    CHECK(parse("data: 1\n").empty()); // no blank line: not complete
}

TEST_CASE("sse_parser: a byte order mark may start the stream only", "[marathon][sse]") {
    CHECK(parse("\xEF\xBB\xBF"
                "data: 1\n\n") == Parsed{{"", "1"}});
    CHECK(parse("\xEF\xBB\xBF\n\ndata: 1\n\n") == Parsed{{"", "1"}});
    CHECK(parse("data: 1\n\n\xEF\xBB\xBF"
                "data: 2\n\n") == Parsed{{"", "1"}});
}

TEST_CASE("sse_parser: an oversized event is dropped as a whole", "[marathon][sse]") {
    const std::string big(100, 'x');
    for (const std::string& text :
         {"event: a\ndata: " + big + "\ndata: tail\n\n", "data: " + big + "\n\n",
          "data: " + std::string(40, 'x') + "\ndata: " + std::string(40, 'x') + "\n\n",
          std::string(200, 'y') + "\n\n"}) {
        Collector collector{64};
        collector.parser.feed("data: before\n\n");
        for (const char c : text)
            collector.parser.feed({&c, 1});
        CHECK(collector.oversized == 1);
        collector.parser.feed("data: after\n\n");
        CHECK(collector.events == Parsed{{"", "before"}, {"", "after"}});
    }
}

TEST_CASE("sse_parser: megabytes on one line", "[marathon][sse]") {
    Collector collector;
    const std::string chunk(65'536, 'x');
    collector.parser.feed("data: ");
    for (int i = 0; i < 64; ++i)
        collector.parser.feed(chunk);
    collector.parser.feed("\r\n\r\n");
    REQUIRE(collector.events.size() == 1);
    CHECK(collector.events[0].second.size() == 64 * chunk.size());
}

} // namespace mmsd::marathon
