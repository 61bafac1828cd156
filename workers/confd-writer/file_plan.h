// SPDX-License-Identifier: MIT
// FilePlan: which app port has which file, with a stable winner where two want the same. Pure.
#pragma once

#include "protocol/control_messages.h"
#include "protocol/state.h"

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

namespace mmsd::confd {

/** An app port that wants a file. */
struct Claim {
    std::shared_ptr<const protocol::App> app;
    std::uint16_t portIndex = 0;
};

/** Follows snapshots; apps that are the same object as before cost one comparison each. */
class FilePlan {
public:
    /** Says which app had a file before the first update(), so that it keeps it. */
    void remember(const std::string& name, const std::string& appId);

    /** Takes the next state.
     *  @return names that may differ now: owner, content or existence. Each once, in order */
    [[nodiscard]] std::vector<std::string>
    update(std::shared_ptr<const protocol::Snapshot> snapshot);

    /** Whose file that is now; null if nobody's. Valid until the next update(). */
    [[nodiscard]] const Claim* owner(const std::string& name) const;
    /** All names with an owner. */
    [[nodiscard]] std::vector<std::string> names() const;
    /** App ports without a file, and why. */
    [[nodiscard]] std::vector<protocol::Refusal> refusals() const;

private:
    struct Entry {
        std::vector<Claim> claims;
        std::string holder; ///< id of the app that has the file; "" = nobody yet
    };
    void addApp(const std::shared_ptr<const protocol::App>& app, std::set<std::string>& touched);
    void removeApp(const protocol::App& app, std::set<std::string>& touched);
    void settle(const std::string& name);

    std::unordered_map<std::string, Entry> entries_;
    std::set<std::string> contested_;                 ///< names with more than one claim
    std::map<std::string, protocol::Refusal> unsafe_; ///< by app id
    std::shared_ptr<const protocol::Snapshot> last_;
};

} // namespace mmsd::confd
