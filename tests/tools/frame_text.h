// SPDX-License-Identifier: MIT
// FrameText: frames as one line of text each, for people.
#pragma once

#include "protocol/frame.h"
#include "protocol/state.h"

#include <string>

namespace mmsd::test {

/** Remembers the last app, as SnapshotInstances can be read only with its number of ports. */
class FrameText {
public:
    /** @throws protocol::ProtocolError if the payload does not fit the type */
    [[nodiscard]] std::string describe(const protocol::FrameView& frame);

private:
    [[nodiscard]] std::string describePayload(const protocol::FrameView& frame);

    protocol::App app_;
};

} // namespace mmsd::test
