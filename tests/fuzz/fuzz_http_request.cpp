// SPDX-License-Identifier: MIT
// Fuzzes the HTTP request parser and the routes: however octets arrive, they mean the same.
#include "workers/api-server/api_routes.h"
#include "workers/api-server/http_request_parser.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mmsd;
using namespace mmsd::api;

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

const ApiState& testState() {
    static ApiState state;
    if (state.snapshot)
        return state;
    auto snapshot = std::make_shared<protocol::Snapshot>();
    protocol::App app;
    app.id = "/a/b";
    app.ports.resize(2);
    protocol::Instance instance;
    instance.taskId = "task";
    instance.agentId = "agent";
    instance.host = "host";
    instance.hostAddresses = {*IpAddress::parse("10.0.0.1")};
    instance.state = protocol::TaskState::Running;
    instance.serving = protocol::Serving::Yes;
    instance.ports = {{31000, false}, {53, false}};
    app.instances = {instance};
    snapshot->generation = 7;
    snapshot->apps.push_back(std::make_shared<const protocol::App>(std::move(app)));
    state.snapshot = std::move(snapshot);
    return state;
}

/** What a parser made of the octets: its requests, then why it stopped. */
struct Reading {
    std::vector<HttpRequest> requests;
    int error = 0;
    bool isUntouched = true;
};

/** @param step octets given to the parser at once */
Reading readAll(std::string_view octets, std::size_t step) {
    Reading reading;
    HttpRequestParser parser;
    while (!octets.empty()) {
        // A copy of exactly this size, so that a read behind it is seen.
        const std::vector<char> piece(
            octets.begin(),
            octets.begin() + static_cast<std::ptrdiff_t>(std::min(step, octets.size())));
        const std::size_t taken = parser.feed({piece.data(), piece.size()});
        require(taken <= piece.size());
        require(taken == piece.size() || parser.isComplete() || parser.error());
        octets.remove_prefix(taken);
        if (parser.error()) {
            reading.error = parser.error()->status;
            require(reading.error >= 400 && !parser.error()->reason.empty());
            return reading;
        }
        if (parser.isComplete()) {
            reading.requests.push_back(parser.request());
            parser.reset();
        }
    }
    reading.isUntouched = parser.isUntouched();
    return reading;
}

bool isSame(const HttpRequest& a, const HttpRequest& b) {
    return a.method == b.method && a.path == b.path && a.query == b.query && a.accept == b.accept &&
           a.ifNoneMatch == b.ifNoneMatch && a.lastEventId == b.lastEventId &&
           a.keepsAlive == b.keepsAlive;
}

/** Nothing from a request ends up as a line of the answer's head. */
void checkHead(const PreparedResponse& response) {
    std::string head;
    appendHead(head, response, "date", true);
    require(head.starts_with("HTTP/1.1 ") && head.ends_with("\r\n\r\n"));
    std::string_view rest{head};
    rest.remove_suffix(2);
    while (!rest.empty()) {
        const std::size_t end = rest.find("\r\n");
        require(end != std::string_view::npos && end > 0);
        require(
            std::ranges::all_of(rest.substr(0, end), [](char c) { return c >= 0x20 && c < 0x7f; }));
        rest.remove_prefix(end + 2);
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const std::string_view octets{reinterpret_cast<const char*>(data), size};
    const Reading whole = readAll(octets, std::max<std::size_t>(size, 1));
    for (const std::size_t step : {1, 7}) {
        const Reading pieces = readAll(octets, step);
        require(pieces.error == whole.error);
        require(pieces.requests.size() == whole.requests.size());
        require(whole.error != 0 || pieces.isUntouched == whole.isUntouched);
        for (std::size_t i = 0; i < whole.requests.size(); ++i)
            require(isSame(pieces.requests[i], whole.requests[i]));
    }
    for (const HttpRequest& request : whole.requests) {
        HttpResponse response = answer(request, testState(), {});
        require(response.status >= 200 && response.status < 600);
        require(response.status != 204 || response.body.empty());
        checkHead(*prepare(std::move(response)));
    }
    return 0;
}
