// SPDX-License-Identifier: MIT
// Fuzzes what Marathon answers: documents of apps, single apps, events; from the text to the bytes
// of a snapshot. However an answer is cut, it gives the same apps.
#include "daemon/marathon/app_parser.h"
#include "daemon/marathon/app_scanner.h"
#include "daemon/marathon/app_store.h"
#include "daemon/marathon/event.h"
#include "daemon/marathon/full_answer.h"
#include "protocol/protocol_error.h"
#include "protocol/state_codec.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mmsd;
using namespace mmsd::marathon;

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

/** Knows one address for each name but those that begin with 'x'. */
class Hosts final : public HostLookup {
public:
    Answer find(const std::string& host) override {
        require(!host.empty());
        if (host.front() == 'x')
            return {{}, true};
        return {{IpAddress::parse(host).value_or(*IpAddress::parse("192.0.2.1"))}, false};
    }
    [[nodiscard]] bool isWaiting() const override { return false; }
};

/** A text as the scanner takes it: the apps that it found, and whether the document was whole. */
struct Scanned {
    std::vector<std::string> apps;
    bool isWhole = false;

    bool operator==(const Scanned&) const = default;
};

Scanned scan(std::string_view text, AppScanner::Shape shape, std::size_t step) {
    Scanned scanned;
    AppScanner scanner{shape, [&](std::string_view app) { scanned.apps.emplace_back(app); }};
    try {
        for (std::size_t at = 0; at < text.size(); at += step)
            scanner.feed(text.substr(at, step));
        scanner.finish();
        scanned.isWhole = true;
    } catch (const JsonError&) {
        // Most inputs are no JSON.
    }
    return scanned;
}

void checkPublished(AppStore& store, TimePoint now) {
    for (const AppStore::Change& change : store.evaluate({.steady = now, .wall = {}})) {
        if (!change.app)
            continue;
        try {
            const protocol::EncodedApp encoded = protocol::encodeApp(*change.app);
            protocol::DecodedApp decoded = protocol::decodeApp(encoded.app);
            for (const protocol::Payload& instances : encoded.instances)
                protocol::decodeInstances(instances, decoded.app);
            // Free texts are cleaned on the way, nothing else changes.
            protocol::App expected = *change.app;
            expected.problems = decoded.app.problems;
            require(decoded.app == expected);
        } catch (const protocol::ProtocolError& error) {
            // Beyond a limit: the publisher leaves that app out and tells.
            require(error.what() != nullptr);
        }
    }
}

/** The whole way of a full answer, twice: then nothing may have changed. */
void takeAnswer(const Scanned& scanned) {
    Hosts hosts;
    AppStore store{hosts};
    TimePoint now{};
    for (RequestNumber number = 1; number <= 2; ++number, now += std::chrono::seconds{1}) {
        FullAnswer answer{store, number};
        for (const std::string& app : scanned.apps) {
            try {
                answer.add(app);
            } catch (const JsonError&) {
                return; // the scanner checks less than the parser: the answer is not whole
            }
        }
        const AppStore::FullOutcome outcome = store.applyFull(std::move(answer), now);
        require(number == 1 || outcome.changed.empty());
        checkPublished(store, now);
    }
}

void takeDocument(std::string_view text, AppScanner::Shape shape, std::size_t step) {
    const Scanned whole = scan(text, shape, std::max<std::size_t>(text.size(), 1));
    require(scan(text, shape, step) == whole && scan(text, shape, 1) == whole);
    if (whole.isWhole)
        takeAnswer(whole);
}

void takeApp(std::string_view text) {
    Hosts hosts;
    AppStore store{hosts};
    try {
        MarathonApp app = parseApp(text);
        require(normalizeAppId(app.id) == app.id);
        require(app.rules.size() == app.ports.size());
        store.applyApp(1, std::move(app));
    } catch (const UnusableApp&) {
        return;
    }
    checkPublished(store, {});
}

void takeEvents(std::string_view text) {
    for (const Event& event : parseEvents(text))
        for (const std::string& id : event.appIds)
            require(normalizeAppId(id) == id);
}

} // namespace

/** The first octet chooses the kind of document and how it is cut. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
    const std::size_t step = 2 + data[0] / 8;
    try {
        switch (data[0] % 5) {
        case 0:
            takeDocument(text, AppScanner::Shape::List, step);
            break;
        case 1:
            takeDocument(text, AppScanner::Shape::Single, step);
            break;
        case 2:
            takeDocument(text, AppScanner::Shape::Any, step);
            break;
        case 3:
            takeApp(text);
            break;
        default:
            takeEvents(text);
        }
    } catch (const JsonError&) {
        // Most inputs are no JSON.
    }
    return 0;
}
