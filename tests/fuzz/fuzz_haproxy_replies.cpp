// SPDX-License-Identifier: MIT
// Fuzzes the reading of what HAProxy says: answers of its runtime API, its complaints about a
// configuration, its description of itself, and the configuration of an earlier run.
#include "workers/haproxy-manager/check_output.h"
#include "workers/haproxy-manager/haproxy_config.h"
#include "workers/haproxy-manager/haproxy_features.h"
#include "workers/haproxy-manager/runtime_commands.h"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

namespace {

using namespace mmsd;
using namespace mmsd::haproxy;

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

/** Two app ports, one of which the corpus talks about. */
const Config& config() {
    static const Config made = [] {
        ConfigOptions options;
        options.bindIp = IpAddress::parse("127.0.0.1").value();
        options.features = {{2, 6}, "2.6.12", true, true};
        Config two;
        two.base = makeBase(options, 0);
        for (const char* const id : {"/a", "/b/c"}) {
            Service service;
            service.appId = id;
            service.servicePort = static_cast<std::uint16_t>(10'000 + two.fragments.size());
            service.servers = {{IpAddress::parse("10.0.0.1").value(), 31'000}};
            two.fragments.push_back(makeFragment(service, options.bindIp));
        }
        return two;
    }();
    return made;
}

void takeRuntimeReply(std::string_view reply) {
    static_cast<void>(parseMapVersion(reply));
    static_cast<void>(parseInfo(reply));
    for (const ExpectedReply expected :
         {ExpectedReply::Nothing, ExpectedReply::Registered, ExpectedReply::Anything})
        static_cast<void>(isAsExpected({"add server b_a_0/x", expected}, reply));
    const auto states = parseServerStates(reply);
    if (!states)
        return;
    static_cast<void>(areApplied({}, *states));
    // What is kept for the next process is a part of what this one said, and as good.
    const std::string kept = filterServerStates(reply, config(), config());
    const auto again = parseServerStates(kept);
    require(again && again->size() <= states->size());
}

void takeComplaints(std::string_view output) {
    const RenderedConfig rendered = render(config());
    const Blame blame = readBlame(output, config(), rendered);
    for (const auto& [proxy, reason] : blame.proxies)
        require(config().find(proxy) != nullptr && !reason.empty());
}

void takeConfig(std::string_view text) {
    const Config parsed = parseConfig(text);
    forEachDifference(config().fragments, parsed.fragments,
                      [](const auto* a, const auto* b) { require(a != nullptr || b != nullptr); });
    // Only what render() made reads back as it was: fuzz_haproxy_labels sees to that.
    static_cast<void>(render(parsed));
}

} // namespace

/** The first octet chooses what is read. */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const std::string_view text{reinterpret_cast<const char*>(data + 1), size - 1};
    switch (data[0] % 4) {
    case 0:
        takeRuntimeReply(text);
        break;
    case 1:
        takeComplaints(text);
        break;
    case 2:
        static_cast<void>(parseFeatures(text));
        break;
    default:
        takeConfig(text);
        static_cast<void>(
            hostsIn({{std::string{kHttpMap}, std::string{text}}}, worker::GatewayKind::Http));
    }
    return 0;
}
