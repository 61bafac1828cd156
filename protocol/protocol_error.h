// SPDX-License-Identifier: MIT
// The error of a peer that breaks the protocol.
#pragma once

#include <stdexcept>

namespace mmsd::protocol {

/** Bytes from a peer or a file are not what the protocol allows: it ends that peer, never us. */
class ProtocolError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace mmsd::protocol
