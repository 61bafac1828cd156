// SPDX-License-Identifier: MIT
// One answer of each generation of Marathon, and what has to come of it, side by side in files.
#include "common/file_io.h"
#include "daemon/marathon/app_file.h"
#include "tests/support/catch.h"
#include "tests/unit/marathon/support.h"

#include <map>

namespace mmsd::marathon {

namespace {

std::string describe(const protocol::Labels& labels) {
    std::string text;
    for (const auto& [key, value] : labels)
        text += (text.empty() ? "" : ",") + key + "=" + value;
    return text;
}

std::string describe(const protocol::Port& port) {
    std::string text = "service=" + std::to_string(port.servicePort) + " name=" + port.name +
                       (port.isTcp ? " tcp" : "") + (port.isTcp && port.isUdp ? "+" : "") +
                       (port.isUdp ? (port.isTcp ? "udp" : " udp") : "") +
                       " labels=" + describe(port.labels) + " check=";
    if (!port.check)
        return text + "none";
    const auto ms = [](std::chrono::milliseconds time) { return std::to_string(time.count()); };
    return text + std::string{toString(port.check->protocol)} + " " + port.check->path + " " +
           ms(port.check->interval) + "/" + ms(port.check->timeout) + "/" +
           ms(port.check->gracePeriod) + "/" + std::to_string(port.check->maxConsecutiveFailures);
}

std::string describe(const protocol::App& app) {
    std::string text =
        app.id + " version=" + app.version + " labels=" + describe(app.labels) + "\n";
    for (std::size_t i = 0; i < app.ports.size(); ++i)
        text += "  port " + std::to_string(i) + ": " + describe(app.ports[i]) + "\n";
    for (const protocol::Instance& instance : app.instances) {
        text += "  " + instance.taskId + " host=" + instance.host + " " +
                std::string{toString(instance.state)} + " " +
                std::string{toString(instance.health)} + " " +
                std::string{toString(instance.serving)} + ":";
        for (std::size_t i = 0; i < instance.ports.size(); ++i) {
            const auto found = endpoint(instance, i);
            text += " " + (found ? formatHostPort(found->host, found->port) : "-");
        }
        text += "\n";
    }
    return text;
}

} // namespace

TEST_CASE("golden: answers of three generations", "[marathon][golden]") {
    const std::string folder = MMSD_SOURCE_DIR "/tests/golden/marathon/";
    for (const char* name : {"generation-0.11", "generation-1.4", "generation-1.10"}) {
        CAPTURE(name);
        test::FakeHosts hosts;
        hosts.fallback = test::ip("192.0.2.1");
        std::map<std::string, std::string> apps;
        readAppFile(folder + name + ".json", [&](std::string_view json) {
            AppMemory memory;
            const auto app = evaluateApp(parseApp(json), memory, hosts, test::moment()).app;
            CHECK(app.problems.empty());
            apps[app.id] = describe(app);
        });
        std::string text;
        for (const auto& [id, description] : apps)
            text += description;
        CHECK(text == readFile(folder + name + ".txt", 1u << 20));
    }
}

} // namespace mmsd::marathon
