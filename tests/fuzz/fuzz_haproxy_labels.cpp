// SPDX-License-Identifier: MIT
// Fuzzes the way from labels, ids and checks to HAProxy's configuration: whatever they say, the
// text has the lines that mmsd writes and no others, and reads back as what was meant.
// With MMSD_FUZZ_HAPROXY=N the real `haproxy -c` judges every Nth text that labels had a part in.
#include "common/file_io.h"
#include "tests/support/temp_dir.h"
#include "workers/haproxy-manager/wanted_config.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

namespace {

using namespace mmsd;
using namespace mmsd::haproxy;

[[noreturn]] void fail(const char* what, std::string_view text) {
    std::fprintf(stderr, "%s:\n%.*s\n", what, static_cast<int>(text.size()), text.data());
    std::abort();
}

/** Cuts the input into fields, each ended by a zero octet. */
class Fields {
public:
    explicit Fields(std::string_view rest) : rest_{rest} {}
    std::string next() {
        const std::size_t end = std::min(rest_.find('\0'), rest_.size());
        std::string field{rest_.substr(0, end)};
        rest_.remove_prefix(std::min(end + 1, rest_.size()));
        return field;
    }
    [[nodiscard]] bool isAtEnd() const noexcept { return rest_.empty(); }

private:
    std::string_view rest_;
};

constexpr std::array kLabels{
    "proto",
    "lb-group",
    "lb-vhost",
    "lb-vhost-ssl",
    "lb-vhost-default",
    "lb-vhost-ssl-default",
    "lb-accept-proxy",
    "lb-proxy-protocol",
    "lb-balance",
    "http-connection-mode",
    "haproxy-logging",
    "disable-haproxy-health-check",
};

ConfigOptions options(bool hasGateway) {
    ConfigOptions made;
    made.bindIp = IpAddress::parse("127.0.0.1").value();
    made.management = {made.bindIp, 8081};
    made.hardFdLimit = 20'000;
    made.features = {{2, 6}, "2.6.12", true, true};
    if (hasGateway)
        made.gateway = {{made.bindIp, 20'080}, {made.bindIp, 20'443}};
    return made;
}

/** An app with two ports; its id, check and labels are the input's. */
protocol::App makeApp(const std::string& id, Fields& fields, std::uint16_t servicePort) {
    protocol::App app;
    app.id = id;
    app.version = fields.next();
    app.ports.resize(2);
    for (std::size_t i = 0; i < app.ports.size(); ++i) {
        app.ports[i].servicePort = static_cast<std::uint16_t>(servicePort + i);
        app.ports[i].name = fields.next();
    }
    app.ports[0].check = protocol::HealthCheck{};
    app.ports[0].check->path = fields.next();
    for (std::size_t i = 0; i < kLabels.size(); ++i) {
        std::string value = fields.next();
        if (!value.empty())
            (i % 2 == 0 ? app.labels : app.ports[1].labels).emplace(kLabels[i], value);
    }
    protocol::Instance instance;
    instance.taskId = fields.next();
    instance.host = fields.next();
    instance.hostAddresses = {IpAddress::parse("10.0.0.1").value()};
    instance.state = protocol::TaskState::Running;
    instance.serving = protocol::Serving::Yes;
    instance.ports = {{31'000, false}, {31'001, false}};
    app.instances = {instance};
    return app;
}

/** The first words of all lines that mmsd writes. */
bool isKnownLine(std::string_view line) {
    // Sections stand at the start, what belongs to them is indented; a comment names the app.
    static constexpr std::array kStarts{std::string_view{"    "}, std::string_view{"frontend f_"},
                                        std::string_view{"backend b_"}, std::string_view{"# "},
                                        std::string_view{"defaults "}};
    return line.empty() ||
           std::ranges::any_of(kStarts, [&](auto start) { return line.starts_with(start); });
}

/** What stands in a fragment, whoever asked for it. Quotes, backslashes, variables and comments
 *  inside a line mean something to HAProxy's parser; labels never bring them. */
void checkFragment(const Fragment& fragment) {
    std::string_view rest = fragment.head;
    std::size_t sections = 0;
    while (!rest.empty()) {
        const std::size_t end = rest.find('\n');
        if (end == std::string_view::npos)
            fail("no line end", fragment.head);
        const std::string_view line = rest.substr(0, end);
        rest.remove_prefix(end + 1);
        sections += line.starts_with("frontend ") || line.starts_with("backend ");
        if (!isKnownLine(line))
            fail("an unknown line", fragment.head);
        const bool isComment = line.starts_with("# ");
        for (const char c : line) {
            if (c < ' ' || c > '~')
                fail("an unprintable octet", fragment.head);
            if (!isComment && c == '#')
                fail("a comment inside a line", fragment.head);
        }
    }
    if (sections != 2)
        fail("not one frontend and one backend", fragment.head);
}

/** Lines of two words: a host name and a proxy. */
void checkMap(const std::string& map) {
    for (std::size_t at = 0; at < map.size();) {
        const std::size_t end = map.find('\n', at);
        if (end == std::string::npos)
            fail("no line end in a map", map);
        const std::string_view line = std::string_view{map}.substr(at, end - at);
        at = end + 1;
        const std::size_t blank = line.find(' ');
        if (blank == 0 || blank == std::string_view::npos || line.rfind(' ') != blank ||
            line.starts_with('#'))
            fail("a line of a map", map);
        for (const char c : line)
            if (c < ' ' || c > '~')
                fail("an unprintable octet in a map", map);
    }
}

void askHaproxy(const Config& config) {
    const mmsd::test::TempDir folder;
    replaceFileAt(folder.fd(), "haproxy.cfg", render(config).text, 0600);
    replaceFileAt(folder.fd(), "server-state", "1\n", 0600);
    for (const auto& [name, content] : config.maps)
        replaceFileAt(folder.fd(), name, content, 0600);
    const std::string command = "cd " + folder.path().string() +
                                " && MMSD_SOCK=$PWD/sock haproxy -dW -c -f haproxy.cfg >out 2>&1";
    if (std::system(command.c_str()) != 0)
        fail("haproxy -c", readFile(folder / "out", 1 << 20) + render(config).text);
}

/** True for one text in so many as the environment says. */
bool isSample(std::size_t round) {
    static const char* const every = std::getenv("MMSD_FUZZ_HAPROXY");
    static const std::size_t step = every == nullptr ? 0 : std::strtoul(every, nullptr, 10);
    return step != 0 && round % step == 0;
}

} // namespace

/** The first octet says whether there is a gateway; zero octets end the fields (see makeApp()). */
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    static std::size_t rounds = 0;
    const bool hasGateway = data[0] % 2 == 0;
    Fields fields{{reinterpret_cast<const char*>(data + 1), size - 1}};
    const auto snapshot = std::make_shared<protocol::Snapshot>();
    std::vector<protocol::App> apps;
    for (std::uint16_t port = 10'000; port < 10'008 && !fields.isAtEnd(); port += 2)
        apps.push_back(makeApp(fields.next(), fields, port));
    std::ranges::sort(apps, {}, &protocol::App::id);
    const auto duplicates = std::ranges::unique(apps, {}, &protocol::App::id);
    apps.erase(duplicates.begin(), duplicates.end());
    for (protocol::App& app : apps)
        snapshot->apps.push_back(std::make_shared<const protocol::App>(std::move(app)));

    ExposureRules rules;
    rules.hasGateway = hasGateway;
    WantedConfig wanted{rules, options(hasGateway).bindIp};
    wanted.update(snapshot, {});
    wanted.setGlobals(options(hasGateway), "");
    const Config config = wanted.config();
    for (const FragmentPtr& fragment : config.fragments)
        checkFragment(*fragment);
    for (const auto& [name, content] : config.maps)
        checkMap(content);

    const RenderedConfig rendered = render(config);
    Config again = parseConfig(rendered.text);
    again.maps = config.maps;
    if (!(again == config))
        fail("reads back as something else", rendered.text);
    // Whom the running configuration belongs to keeps everything: nothing flaps.
    wanted.update(snapshot, config);
    if (!(wanted.config() == config))
        fail("another configuration once it runs", rendered.text);
    WantedConfig next{rules, options(hasGateway).bindIp};
    next.update(snapshot, again);
    next.setGlobals(options(hasGateway), "");
    if (!(next.config() == config))
        fail("another configuration after a start", rendered.text);
    if (!config.fragments.empty() && isSample(++rounds))
        askHaproxy(config);
    return 0;
}
