// SPDX-License-Identifier: MIT
// What the zone says of one app: its names and their records as plain values. Pure.
#include "workers/dns-server/app_records.h"

#include "common/text.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

namespace mmsd::dns {

namespace {

using protocol::App;
using protocol::Instance;
using protocol::Serving;

/** Octets of one character-string. Source: RFC 1035 §3.3. */
constexpr std::size_t kMaxCharacterString = 255;

void sortUnique(std::vector<IpAddress>& addresses) {
    std::sort(addresses.begin(), addresses.end());
    addresses.erase(std::unique(addresses.begin(), addresses.end()), addresses.end());
}

/** Running, but only good enough where nothing serves. */
bool isLastResort(const Instance& instance) noexcept {
    return instance.state == protocol::TaskState::Running &&
           (instance.serving == Serving::Unhealthy || instance.serving == Serving::AwaitingVerdict);
}

/** The instances that are answered. */
std::vector<const Instance*> selectInstances(const App& app, bool& isAllUnhealthy) {
    std::vector<const Instance*> selected;
    for (const Instance& instance : app.instances) {
        if (protocol::isServing(instance))
            selected.push_back(&instance);
    }
    isAllUnhealthy =
        selected.empty() &&
        std::any_of(app.instances.begin(), app.instances.end(), [](const Instance& instance) {
            return isLastResort(instance) && instance.serving == Serving::Unhealthy;
        });
    if (isAllUnhealthy) {
        for (const Instance& instance : app.instances) {
            if (isLastResort(instance))
                selected.push_back(&instance);
        }
    }
    return selected;
}

/** Makes the targets of one app, and remembers their labels. */
class TargetMaker {
public:
    TargetMaker(const WireName& appName, std::vector<Target>& targets)
        : appName_{appName}, targets_{targets} {}

    /** @param variant 0 for an instance's main addresses, 1 for its others */
    std::uint32_t add(const Instance& instance, const std::vector<IpAddress>& addresses,
                      unsigned variant) {
        std::uint64_t hash = instanceHash(instance.taskId) + variant * kVariantStep;
        while (!used_.insert(hash & kHashMask).second)
            ++hash;
        Target target{instanceLabel(hash) + appName_, addresses};
        sortUnique(target.addresses);
        targets_.push_back(std::move(target));
        return static_cast<std::uint32_t>(targets_.size() - 1);
    }

private:
    static constexpr std::uint64_t kHashMask = 0xff'ffff'ffff;
    static constexpr std::uint64_t kVariantStep = 0x9e'3779'b97f;

    const WireName& appName_;
    std::vector<Target>& targets_;
    std::set<std::uint64_t> used_;
};

/** An instance with ports on two networks has a target for each: its SRV records must not lead to
 *  an address on which that port is not. */
struct InstanceTargets {
    std::uint32_t main = 0;
    std::optional<std::uint32_t> other;
    bool isMainOnContainer = false;
};

bool isMainOnContainer(const Instance& instance) noexcept {
    for (const protocol::InstancePort& port : instance.ports) {
        if (port.number != 0)
            return port.isOnContainer;
    }
    if (!instance.ports.empty())
        return instance.ports.front().isOnContainer;
    return instance.hostAddresses.empty();
}

InstanceTargets makeTargets(const Instance& instance, TargetMaker& maker) {
    InstanceTargets made;
    made.isMainOnContainer = isMainOnContainer(instance);
    const auto& main =
        made.isMainOnContainer ? instance.containerAddresses : instance.hostAddresses;
    const auto& other =
        made.isMainOnContainer ? instance.hostAddresses : instance.containerAddresses;
    made.main = maker.add(instance, main, 0);
    for (const protocol::InstancePort& port : instance.ports) {
        if (port.number != 0 && port.isOnContainer != made.isMainOnContainer && !made.other)
            made.other = maker.add(instance, other, 1);
    }
    return made;
}

/** Everything about the ports of one app. */
class PortNames {
public:
    PortNames(const App& app, const WireName& appName, AppRecords& records)
        : app_{app}, appName_{appName}, records_{records} {}

    /** @param services SRV records per port index */
    void add(const std::vector<std::vector<ServiceRecord>>& services) {
        for (std::size_t i = 0; i < app_.ports.size(); ++i)
            addPort(i, std::to_string(i), services[i]);
        // Indices first: they must work for every port, whatever the others are called.
        for (std::size_t i = 0; i < app_.ports.size(); ++i) {
            const std::string& name = app_.ports[i].name;
            if (!name.empty() && name != std::to_string(i))
                addPort(i, name, services[i]);
        }
    }

private:
    void addPort(std::size_t index, const std::string& name,
                 const std::vector<ServiceRecord>& services) {
        const auto label = parseLabel("_" + name);
        if (!label) {
            refuse(index, fmt::format("port name \"{}\" is no DNS label", escapeText(name, 80)));
            return;
        }
        if (app_.ports[index].isTcp)
            addName(index, name, *label + "\4_tcp" + appName_, services);
        if (app_.ports[index].isUdp)
            addName(index, name, *label + "\4_udp" + appName_, services);
    }

    void addName(std::size_t index, const std::string& portName, WireName name,
                 const std::vector<ServiceRecord>& services) {
        if (!used_.insert(name).second) {
            refuse(index, fmt::format("port name \"{}\" is another port's name or index",
                                      escapeText(portName, 80)));
            return;
        }
        NameRecords port;
        port.kind = NameKind::Port;
        port.name = std::move(name);
        port.services = services;
        port.portIndex = static_cast<std::uint16_t>(index);
        records_.names.push_back(std::move(port));
    }

    void refuse(std::size_t index, std::string reason) {
        records_.refusals.push_back({app_.id, static_cast<std::uint16_t>(index), std::move(reason),
                                     protocol::RefusalRule::InvalidValue, true});
    }

    const App& app_;
    const WireName& appName_;
    AppRecords& records_;
    std::set<WireName> used_;
};

std::vector<std::string> makeTexts(const App& app, AppRecords& records) {
    std::vector<std::string> texts;
    for (const auto& [key, value] : app.labels) {
        if (key.size() + 1 + value.size() <= kMaxCharacterString)
            texts.push_back(key + "=" + value);
        else
            records.refusals.push_back(
                {app.id, protocol::kWholeApp,
                 fmt::format("label \"{}\" is too long for TXT: {} octets of at most {}",
                             escapeText(key, 80), key.size() + 1 + value.size(),
                             kMaxCharacterString),
                 protocol::RefusalRule::Limit, true});
    }
    return texts;
}

bool contains(const std::vector<ServiceRecord>& services, std::size_t from,
              const ServiceRecord& service) noexcept {
    return std::any_of(services.begin() + static_cast<std::ptrdiff_t>(from), services.end(),
                       [&](const ServiceRecord& other) {
                           return other.port == service.port && other.target == service.target;
                       });
}

} // namespace

AppRecords makeAppRecords(const App& app, std::size_t baseSize) {
    AppRecords records;
    std::string reason;
    const auto appName = nameOfApp(app.id, baseSize, reason);
    if (!appName) {
        records.refusals.push_back(
            {app.id, protocol::kWholeApp, reason, protocol::RefusalRule::InvalidValue});
        return records;
    }
    NameRecords own;
    own.name = *appName;
    own.texts = makeTexts(app, records);

    TargetMaker maker{*appName, records.targets};
    std::vector<std::vector<ServiceRecord>> services(app.ports.size());
    for (const Instance* instance : selectInstances(app, records.isAllUnhealthy)) {
        const InstanceTargets targets = makeTargets(*instance, maker);
        const std::size_t firstService = own.services.size();
        const std::size_t ports = std::min(app.ports.size(), instance->ports.size());
        for (std::size_t i = 0; i < ports; ++i) {
            const protocol::InstancePort& port = instance->ports[i];
            if (port.number == 0)
                continue;
            const bool isMain = port.isOnContainer == targets.isMainOnContainer;
            const ServiceRecord service{port.number, isMain ? targets.main : *targets.other};
            services[i].push_back(service);
            // Two indices of one number make one record. Source: RFC 2181 §5.
            if (!contains(own.services, firstService, service))
                own.services.push_back(service);
        }
    }
    for (const Target& target : records.targets)
        own.addresses.insert(own.addresses.end(), target.addresses.begin(), target.addresses.end());
    sortUnique(own.addresses);
    records.names.push_back(std::move(own));
    PortNames{app, *appName, records}.add(services);
    for (const Target& target : records.targets) {
        NameRecords instance;
        instance.kind = NameKind::Instance;
        instance.name = target.name;
        instance.addresses = target.addresses;
        records.names.push_back(std::move(instance));
    }
    return records;
}

} // namespace mmsd::dns
