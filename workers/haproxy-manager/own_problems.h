// SPDX-License-Identifier: MIT
// OwnProblems: what mmsd itself cannot have at the moment, and what the operator gave it in vain.
#pragma once

#include "protocol/control_messages.h"

#include <map>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Problems that belong to no app: a management port that is taken, a tail file that HAProxy
 *  refuses. Each is logged when it comes and reported while it lasts. */
class OwnProblems {
public:
    /** @param what   "tail file", "management page"
     *  @param reason "" = all is well with it */
    void tell(const std::string& what, const std::string& reason);
    [[nodiscard]] const std::map<std::string, std::string>& all() const noexcept {
        return reasons_;
    }
    /** "running without WHAT: REASON", for all; "" if there is none. */
    [[nodiscard]] std::string summary() const;
    /** Reported as refusals of no app. */
    void appendTo(std::vector<protocol::Refusal>& refusals) const;

private:
    std::map<std::string, std::string> reasons_;
};

} // namespace mmsd::haproxy
