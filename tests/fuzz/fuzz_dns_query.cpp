// SPDX-License-Identifier: MIT
// Fuzzes the DNS responder: any octets, over UDP and TCP; every reply must parse and fit.
#include "workers/dns-server/ldns.h"
#include "workers/dns-server/responder.h"
#include "workers/dns-server/zone_update.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

using namespace mmsd;
using namespace mmsd::dns;

/** A zone with every kind of name: addresses of both families, ports, labels, too much to fit. */
const Zone& testZone() {
    static Zone zone{{.base = "\4mmsd",
                      .ttl = 5,
                      .shallPushServices = true,
                      .serverAddresses = {*IpAddress::parse("192.0.2.53")}}};
    if (zone.isReady())
        return zone;
    auto snapshot = std::make_shared<protocol::Snapshot>();
    for (const unsigned instances : {0u, 1u, 5u, 300u}) {
        protocol::App app;
        app.id = "/a" + std::to_string(instances);
        app.labels = {{"key", std::string(200, 'v')}};
        app.ports.resize(2);
        app.ports[1].isUdp = true;
        app.ports[1].name = "dns";
        for (unsigned i = 0; i < instances; ++i) {
            protocol::Instance instance;
            instance.taskId = app.id + "." + std::to_string(i);
            instance.hostAddresses = {*IpAddress::parse("10.0." + std::to_string(i / 250) + "." +
                                                        std::to_string(i % 250)),
                                      *IpAddress::parse("2001:db8::" + std::to_string(i))};
            instance.state = protocol::TaskState::Running;
            instance.serving = protocol::Serving::Yes;
            instance.ports = {{31000, false}, {53, false}};
            app.instances.push_back(std::move(instance));
        }
        snapshot->apps.push_back(std::make_shared<const protocol::App>(std::move(app)));
    }
    std::sort(snapshot->apps.begin(), snapshot->apps.end(),
              [](const auto& a, const auto& b) { return a->id < b->id; });
    ZoneUpdate update{zone, snapshot, 1};
    while (!update.step()) {
    }
    return zone;
}

void require(bool isTrue) {
    if (!isTrue)
        std::abort();
}

void checkReply(const std::vector<std::uint8_t>& query, const std::vector<std::uint8_t>& reply,
                Transport transport) {
    if (reply.empty())
        return;
    require(reply.size() >= kHeaderSize && reply.size() <= kMaxMessageSize);
    require(transport == Transport::Tcp || reply.size() <= kMaxUdpReply);
    require(std::memcmp(query.data(), reply.data(), 2) == 0);
    require((getU16(&reply[2]) & kFlagResponse) != 0);
    // The question comes back as it was.
    if (getU16(&reply[4]) == 1) {
        std::size_t end = kHeaderSize;
        while (reply[end] != 0)
            end += 1u + reply[end];
        require(end + 5 <= query.size());
        require(std::memcmp(&query[kHeaderSize], &reply[kHeaderSize], end + 5 - kHeaderSize) == 0);
    }
    ldns_pkt* packet = nullptr;
    const ldns_status status = ldns_wire2pkt(&packet, reply.data(), reply.size());
    const LdnsPacket owner{packet};
    require(status == LDNS_STATUS_OK);
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static DnsCounters counters;
    static Responder responder{testZone(), counters, 1};
    static std::vector<std::uint8_t> buffer(kMaxMessageSize);
    // A copy of exactly this size, so that a read behind it is seen.
    const std::vector<std::uint8_t> query(data, data + size);
    const std::uint64_t hash = responder.prefetchSlot(query);
    responder.prefetchNode(hash);
    responder.prefetchAnswer(hash);
    for (const Transport transport : {Transport::Udp, Transport::Tcp}) {
        const std::size_t room = transport == Transport::Udp ? kMaxUdpReply : kMaxMessageSize;
        const std::size_t written = responder.respond(query, transport, {buffer.data(), room});
        checkReply(query, {buffer.begin(), buffer.begin() + static_cast<std::ptrdiff_t>(written)},
                   transport);
    }
    return 0;
}
