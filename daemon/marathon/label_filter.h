// SPDX-License-Identifier: MIT
// Labels of an app and its ports, held to what a snapshot can carry.
#pragma once

#include "daemon/marathon/json_fields.h"

#include <vector>

namespace mmsd::marathon {

/** Collects labels, those that mmsd acts on before all others, and leaves out what is too much. */
class LabelFilter {
public:
    /** Notes the labels of @p object for later; both are borrowed until apply().
     *  @param portIndex kWholeApp for the app's own */
    void collect(const JsonFields& object, std::uint16_t portIndex, protocol::Labels& out);
    /** Fills in what was collected. */
    void apply(ProblemList& problems);

private:
    struct Candidate {
        std::string_view key;
        std::string_view value;
        std::uint16_t portIndex;
        protocol::Labels* out;
    };
    std::vector<Candidate> candidates_;
};

} // namespace mmsd::marathon
