// SPDX-License-Identifier: MIT
// make_zone_data: the same state as an mmsd snapshot, a zone file and files of queries.
#include "protocol/state_codec.h"
#include "workers/dns-server/app_records.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace mmsd;

constexpr const char* kBase = "\4mmsd";
/** Every tenth query of the mix asks for a name that does not exist. */
constexpr int kMixPeriod = 10;

protocol::App makeApp(int number, int instances) {
    protocol::App app;
    app.id = fmt::format("/bench/service-{:05}", number);
    app.version = "2016-10-13T13:31:39.055Z";
    app.labels = {{"lb-group", "external"}, {"owner", "bench"}};
    protocol::Port& port = app.ports.emplace_back();
    port.servicePort = static_cast<std::uint16_t>(10000 + number % 50000);
    port.name = "http";
    for (int i = 0; i < instances; ++i) {
        protocol::Instance instance;
        instance.taskId = fmt::format("bench_service-{}.{:08x}-7fcb-11e6-a1b2-00163e000001", number,
                                      static_cast<unsigned>(number * 131 + i));
        instance.host = fmt::format("10.{}.{}.{}", i, number / 250 % 250, number % 250 + 1);
        instance.hostAddresses = {*IpAddress::parse(instance.host)};
        instance.state = protocol::TaskState::Running;
        instance.serving = protocol::Serving::Yes;
        instance.ports = {{static_cast<std::uint16_t>(31000 + number % 1000), false}};
        app.instances.push_back(std::move(instance));
    }
    return app;
}

void write(const std::string& path, const void* data, std::size_t size) {
    std::FILE* file = std::fopen(path.c_str(), "wb");
    if (file == nullptr || std::fwrite(data, 1, size, file) != size || std::fclose(file) != 0) {
        std::perror(path.c_str());
        std::exit(1);
    }
}

void appendZone(std::string& zone, const protocol::App& app) {
    const dns::AppRecords records = dns::makeAppRecords(app, std::string{kBase}.size());
    for (const dns::NameRecords& name : records.names) {
        const std::string owner = dns::toText(name.name + kBase);
        for (const IpAddress& address : name.addresses)
            zone += fmt::format("{}. IN A {}\n", owner, address.toString());
        for (const dns::ServiceRecord& service : name.services)
            zone += fmt::format("{}. IN SRV 1 1 {} {}.\n", owner, service.port,
                                dns::toText(records.targets[service.target].name + kBase));
        if (!name.texts.empty()) {
            zone += owner + ". IN TXT";
            for (const std::string& text : name.texts)
                zone += fmt::format(" \"{}\"", text);
            zone += '\n';
        }
    }
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4) {
        std::fprintf(stderr, "usage: make_zone_data APPS INSTANCES FOLDER\n");
        return 64;
    }
    const int apps = std::atoi(argv[1]);
    const int instances = std::atoi(argv[2]);
    const std::string folder = argv[3];

    std::vector<protocol::App> all;
    for (int i = 0; i < apps; ++i)
        all.push_back(makeApp(i, instances));
    std::sort(all.begin(), all.end(),
              [](const protocol::App& a, const protocol::App& b) { return a.id < b.id; });
    std::string zone = "$ORIGIN mmsd.\n$TTL 5\n"
                       "mmsd. IN SOA ns.mmsd. hostmaster.mmsd. 1 3600 600 86400 5\n"
                       "mmsd. IN NS ns.mmsd.\nns.mmsd. IN A 127.0.0.1\n";
    std::vector<protocol::EncodedApp> encoded;
    for (const protocol::App& app : all) {
        encoded.push_back(protocol::encodeApp(app));
        appendZone(zone, app);
    }
    std::vector<const protocol::EncodedApp*> pointers;
    for (const protocol::EncodedApp& app : encoded)
        pointers.push_back(&app);
    const auto snapshot = protocol::encodeSnapshot(
        1, {.observedAtUs = 1'700'000'000'000'000, .cause = "bench"}, pointers);
    write(folder + "/snapshot.bin", snapshot.data(), snapshot.size());
    write(folder + "/mmsd.zone", zone.data(), zone.size());

    std::string a;
    std::string srv;
    std::string mix;
    for (int i = 0; i < apps; ++i) {
        const int number = static_cast<int>(static_cast<long long>(i) * 7919 % apps);
        const std::string name = fmt::format("service-{:05}.bench.mmsd.", number);
        a += name + " A\n";
        srv += name + " SRV\n";
        if (i % kMixPeriod == 0)
            mix += fmt::format("nothing-{:05}.bench.mmsd. A\n", number);
        else
            mix += name + (i % 2 == 0 ? " SRV\n" : " A\n");
    }
    write(folder + "/a.queries", a.data(), a.size());
    write(folder + "/srv.queries", srv.data(), srv.size());
    write(folder + "/mix.queries", mix.data(), mix.size());
    return 0;
}
