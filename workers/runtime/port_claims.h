// SPDX-License-Identifier: MIT
// PortClaims: who claims which service port and who has it, kept up to date app by app. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/state.h"
#include "workers/runtime/port_exposure.h"
#include "workers/runtime/refusal_book.h"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace mmsd::worker {

/** Chooses one app port for each service port. Where several claim one, the holder keeps it; else
 *  the older app version has it, then the smaller id, then the smaller port index. A change costs
 *  what it touches, and the order of changes makes no difference.
 *  Source: CONTRACT sections 2 and 3. */
class PortClaims {
public:
    explicit PortClaims(PortRules rules) : rules_{std::move(rules)} {}

    /** Replaces an app's claims. Null: it was not there, or is gone.
     *  @param after borrowed until it is replaced in turn */
    void change(const protocol::App* before, const protocol::App* after);

    /** Says who has a port in what is served now. */
    void hold(std::uint16_t port, PortName holder);
    /** Says that @p holder has not got the port any more. */
    void release(std::uint16_t port, const PortName& holder);
    [[nodiscard]] bool isHeld(std::uint16_t port) const;

    /** Settles what was touched since the last call.
     *  @return those ports, rising; each may have another winner, or the same in another object */
    std::vector<std::uint16_t> settle();
    /** Who has the port since the last settle(); null if nobody claims it. */
    [[nodiscard]] const ExposedPort* winner(std::uint16_t port) const;

    /** Why the others have not got what they claim, as of the last settle(). */
    void appendRefusals(std::vector<protocol::Refusal>& all) const;
    /** Grows whenever those change. */
    [[nodiscard]] std::uint64_t refusalChanges() const noexcept {
        return objections_.changes() + conflicts_.changes();
    }

private:
    struct Contest {
        std::vector<ExposedPort> claims; ///< by app id and port index once settled
        std::optional<PortName> holder;
        std::optional<ExposedPort> winner;
    };

    void claim(const protocol::App& app);
    void settle(std::uint16_t port, Contest& contest);

    PortRules rules_;
    std::map<std::uint16_t, Contest> contests_;
    std::set<std::uint16_t> touched_;
    RefusalBook<std::string> objections_; ///< by app id
    RefusalBook<std::uint16_t> conflicts_;
};

} // namespace mmsd::worker
