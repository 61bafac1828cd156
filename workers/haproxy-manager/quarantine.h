// SPDX-License-Identifier: MIT
// Quarantine: app ports that HAProxy refused, kept out until they change. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "workers/haproxy-manager/config_text.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Remembers which fragments are bad (by their text) and which ports cannot be bound now. */
class Quarantine {
public:
    /** HAProxy refuses this text. */
    void add(const Fragment& fragment, std::string reason);
    /** The port cannot be bound now; until clearBusy(). */
    void addBusy(std::uint16_t port, std::string reason);
    void clearBusy() noexcept { busy_.clear(); }
    [[nodiscard]] bool hasBusy() const noexcept { return !busy_.empty(); }
    [[nodiscard]] bool holds(const Fragment& fragment) const {
        return reasonAgainst(fragment) != nullptr;
    }
    /** True if there is nothing against anything. */
    [[nodiscard]] bool isEmpty() const noexcept { return bad_.empty() && busy_.empty(); }
    /** Everything is to be tried again. */
    void forget() noexcept { bad_.clear(); }
    /** Forgets what nobody wants any more. */
    void keepOnly(const Config& wanted);

    /** @p wanted without what is bad; where the running configuration has a good form of it, that
     *  one stays, with the wanted servers. Says in @p refusals what was left out or kept back. */
    [[nodiscard]] Config compose(const Config& wanted, const Config& running,
                                 std::vector<protocol::Refusal>& refusals) const;

private:
    struct Objection {
        protocol::RefusalRule rule;
        const std::string& reason;
    };
    [[nodiscard]] std::optional<Objection> objection(const Fragment& fragment,
                                                     const Config& running) const;

    [[nodiscard]] const std::string* reasonAgainst(const Fragment& fragment) const;

    /** Proxy → hash → reason: only where a name is known here a text has to be looked at. */
    std::map<std::string, std::map<std::uint64_t, std::string>, std::less<>> bad_;
    std::map<std::uint16_t, std::string> busy_;
};

} // namespace mmsd::haproxy
