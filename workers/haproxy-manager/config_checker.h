// SPDX-License-Identifier: MIT
// ConfigChecker: what HAProxy says to a configuration, and whose fault it is.
#pragma once

#include "workers/haproxy-manager/async.h"
#include "workers/haproxy-manager/check_output.h"
#include "workers/haproxy-manager/config_store.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace mmsd::haproxy {

/** Runs `haproxy -c`, never in the way of anything else. */
class ConfigChecker {
public:
    ConfigChecker(Reactor reactor, const ConfigStore& store, std::string binary)
        : reactor_{reactor}, store_{store}, binary_{std::move(binary)} {}

    struct Verdict {
        bool isValid = false;
        Blame blame; ///< if not valid
    };
    /** Writes the configuration as that generation and has it checked. */
    Task<Verdict> check(std::uint64_t generation, const Config& config);

    /** Finds the bad ones among @p suspects by halving, for refusals that name nobody.
     *  @param config   the refused configuration, with all suspects
     *  @param suspects proxy names of the fragments that are new since the last valid one
     *  @param running  where suspects have their last good forms
     *  @return proxy name → message; empty if the rest is refused, too */
    Task<std::map<std::string, std::string>> search(std::uint64_t generation, const Config& config,
                                                    std::vector<std::string> suspects,
                                                    const Config& running);

    [[nodiscard]] std::uint64_t count() const noexcept { return count_; }

private:
    struct Search;
    Task<> halve(Search& search, std::vector<std::string> suspects);
    Task<bool> passes(Search& search, const std::vector<std::string>& added);

    Reactor reactor_;
    const ConfigStore& store_;
    std::string binary_;
    std::uint64_t count_ = 0;
};

} // namespace mmsd::haproxy
