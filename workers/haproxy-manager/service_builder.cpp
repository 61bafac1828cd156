// SPDX-License-Identifier: MIT
// One app port to one Service: labels, checks and servers. Pure.
#include "workers/haproxy-manager/service_builder.h"

#include "common/text.h"
#include "workers/haproxy-manager/label_grammar.h"
#include "workers/runtime/label_reason.h"

#include <algorithm>

namespace mmsd::haproxy {

namespace {

using namespace std::chrono_literals;
using protocol::CheckProtocol;

/** Values beyond a day make no sense and would overflow HAProxy's timers. */
constexpr std::chrono::milliseconds kLongestCheckTime = 24h;

class Builder {
public:
    Builder(const protocol::App& app, std::uint16_t index, std::vector<protocol::Refusal>& refusals)
        : app_{app}, port_{app.ports[index]}, index_{index}, refusals_{refusals} {}

    Service build(bool hasChecks) {
        service_.appId = app_.id;
        service_.portIndex = index_;
        service_.servicePort = port_.servicePort;
        service_.protocol = worker::appProtocol(app_, port_);
        read("lb-balance", parseBalance, service_.balance,
             "expected leastconn, roundrobin, source or random");
        read("http-connection-mode", parseConnectionMode, service_.connectionMode,
             "expected httpclose, http-server-close or http-keep-alive");
        read("lb-proxy-protocol", parseProxyProtocol, service_.proxyProtocol, "expected 1 or 2");
        read("lb-accept-proxy", parseSwitch, service_.acceptsProxy, "expected 0 or 1");
        read("haproxy-logging", parseSwitch, service_.isLogged, "expected 0 or 1");
        bool isUnchecked = false;
        read("disable-haproxy-health-check", parseSwitch, isUnchecked, "expected true or false");
        if (hasChecks && !isUnchecked)
            service_.check = check();
        addServers();
        return std::move(service_);
    }

private:
    template <typename T, typename Parser>
    void read(std::string_view name, Parser parse, T& target, std::string_view expected) {
        const std::string* const text = label(app_, port_, name);
        if (text == nullptr)
            return;
        if (const auto value = parse(*text))
            target = *value;
        else
            refuse(worker::labelReason(name, *text, std::string{expected} + "; label not used"));
    }

    /** Everything refused here is left out of a port that is served. */
    void refuse(std::string reason) {
        refusals_.push_back(
            {app_.id, index_, std::move(reason), protocol::RefusalRule::InvalidValue, true});
    }

    [[nodiscard]] Check check() {
        Check check;
        if (!port_.check)
            return check;
        const protocol::HealthCheck& defined = *port_.check;
        check.interval = std::clamp(defined.interval, 100ms, kLongestCheckTime);
        check.timeout = std::clamp(defined.timeout, 100ms, kLongestCheckTime);
        // 0: Marathon never kills, but HAProxy must know when to stop asking.
        if (defined.maxConsecutiveFailures != 0)
            check.failures = std::min<std::uint32_t>(defined.maxConsecutiveFailures, 1'000);
        if (defined.port && *defined.port != 0)
            check.port = defined.port;
        if (service_.isHttp() && defined.protocol == CheckProtocol::Http) {
            const std::string path = defined.path.empty() ? "/" : defined.path;
            if (isSafePath(path))
                check.path = path;
            else
                refuse("health check path \"" + escapeText(path, 64) +
                       "\": no plain absolute path; only connects are checked");
        }
        return check;
    }

    void addServers() {
        for (const protocol::Instance& instance : app_.instances) {
            const bool isDraining = instance.serving == protocol::Serving::Draining;
            if (!isServing(instance) && !isDraining)
                continue;
            const auto where = endpoint(instance, index_);
            if (!where || where->port == 0 || where->addresses->empty())
                continue; // the watcher tells what it could not resolve
            (isDraining ? service_.draining : service_.servers)
                .push_back({where->addresses->front(), where->port});
        }
        sortUnique(service_.servers);
        sortUnique(service_.draining);
        // Two tasks at one place: the one that lives decides.
        std::erase_if(service_.draining, [this](const InetEndpoint& server) {
            return std::ranges::binary_search(service_.servers, server);
        });
    }

    static void sortUnique(std::vector<InetEndpoint>& list) {
        std::ranges::sort(list);
        const auto rest = std::ranges::unique(list);
        list.erase(rest.begin(), rest.end());
    }

    const protocol::App& app_;
    const protocol::Port& port_;
    std::uint16_t index_;
    std::vector<protocol::Refusal>& refusals_;
    Service service_;
};

} // namespace

Service buildService(const protocol::App& app, std::uint16_t index, bool hasChecks,
                     std::vector<protocol::Refusal>& refusals) {
    return Builder{app, index, refusals}.build(hasChecks);
}

} // namespace mmsd::haproxy
