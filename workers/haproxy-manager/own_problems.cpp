// SPDX-License-Identifier: MIT
// OwnProblems: what mmsd itself cannot have at the moment, and what the operator gave it in vain.
#include "workers/haproxy-manager/own_problems.h"

#include "common/log.h"

namespace mmsd::haproxy {

namespace {

std::string sentence(const std::string& what, const std::string& reason) {
    return "running without " + what + ": " + reason;
}

} // namespace

void OwnProblems::tell(const std::string& what, const std::string& reason) {
    const auto known = reasons_.find(what);
    if (reason.empty()) {
        if (known != reasons_.end()) {
            logInfo("no longer running without something of our own", {{"what", what}});
            reasons_.erase(known);
        }
        return;
    }
    if (known == reasons_.end() || known->second != reason)
        logError("running without something of our own", {{"what", what}, {"reason", reason}});
    reasons_[what] = reason;
}

std::string OwnProblems::summary() const {
    std::string text;
    for (const auto& [what, reason] : reasons_)
        text.append(text.empty() ? "" : "; ").append(sentence(what, reason));
    return text;
}

void OwnProblems::appendTo(std::vector<protocol::Refusal>& refusals) const {
    for (const auto& [what, reason] : reasons_)
        refusals.push_back({"", protocol::kWholeApp, sentence(what, reason)});
}

} // namespace mmsd::haproxy
