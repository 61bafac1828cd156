// SPDX-License-Identifier: MIT
// The table of processes agrees with itself and with the table of settings.
#include "daemon/worker_spec.h"
#include "protocol/limits.h"
#include "tests/support/catch.h"

#include <linux/capability.h>

#include <algorithm>
#include <bit>
#include <set>
#include <string>
#include <string_view>

namespace mmsd::supervisor {

namespace {

bool isSettingOf(const char* name, protocol::SettingType type) {
    const protocol::Setting* row = protocol::findSetting(name);
    return row != nullptr && row->type == type && (row->processes & protocol::kForSupervisor) != 0;
}

} // namespace

TEST_CASE("worker table: names, executables and users are unique and in style", "[daemon]") {
    std::set<std::string_view> names;
    std::set<std::string_view> users;
    std::set<int> masks;
    for (const WorkerSpec& spec : workerTable()) {
        INFO(spec.name);
        CHECK(names.insert(spec.name).second);
        CHECK(std::string_view{spec.name}.size() <= protocol::kMaxProcessName);
        // Further processes of one program share its user and settings.
        CHECK(users.insert(spec.userSuffix).second == (spec.number == 1));
        CHECK(masks.insert(spec.settings).second == (spec.number == 1));
        const std::string suffix = spec.number == 1 ? "" : "-" + std::to_string(spec.number);
        CHECK(spec.executable + suffix == std::string{"mmsd-"} + spec.name);
        // One process, and a worker's: not the supervisor's.
        CHECK(std::has_single_bit(static_cast<unsigned>(spec.settings)));
        CHECK(spec.settings != protocol::kForSupervisor);
    }
}

TEST_CASE("worker table: the one source comes first, and always runs", "[daemon]") {
    const auto table = workerTable();
    CHECK(std::ranges::count(table, true, &WorkerSpec::isSource) == 1);
    CHECK(table.front().isSource);
    CHECK(table.front().enabledBy == nullptr);
}

TEST_CASE("worker table: settings that it names exist and have the right type", "[daemon]") {
    for (const WorkerSpec& spec : workerTable()) {
        INFO(spec.name);
        if (spec.enabledBy != nullptr)
            CHECK(isSettingOf(spec.enabledBy, protocol::SettingType::Bool));
        if (spec.countedBy != nullptr)
            CHECK(isSettingOf(spec.countedBy, protocol::SettingType::Count));
        CHECK(spec.number <= (spec.countedBy == nullptr ? 1 : protocol::kMaxProcessCount));
        for (const SocketSpec& socket : spec.sockets) {
            const bool isStore = std::string_view{socket.role}.ends_with("-store");
            CHECK(isStore == (socket.addressSetting == nullptr));
            CHECK(isStore == (socket.portSetting == nullptr));
            if (isStore)
                continue;
            CHECK(isSettingOf(socket.addressSetting, protocol::SettingType::Address));
            CHECK(isSettingOf(socket.portSetting, protocol::SettingType::Port));
        }
    }
}

TEST_CASE("worker table: what a process may write is nobody else's to write", "[daemon]") {
    for (const WorkerSpec& spec : workerTable()) {
        INFO(spec.name);
        if (spec.stateDirectory == nullptr)
            continue;
        CHECK((spec.stateDirectoryMode & 0022) == 0);
        CHECK(std::string_view{spec.stateDirectory}.find('/') == std::string_view::npos);
        CHECK(std::string_view{spec.stateDirectory} != "pids");
    }
}

TEST_CASE("worker table: no capability is kept but the one for low ports", "[daemon]") {
    for (const WorkerSpec& spec : workerTable()) {
        INFO(spec.name);
        CHECK(spec.keptCapability.value_or(CAP_NET_BIND_SERVICE) == CAP_NET_BIND_SERVICE);
    }
}

} // namespace mmsd::supervisor
