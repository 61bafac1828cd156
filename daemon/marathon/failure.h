// SPDX-License-Identifier: MIT
// Failure: why a request to Marathon came to nothing, in the few words that operators count by.
#pragma once

#include <cstdint>
#include <string_view>

namespace mmsd::marathon {

enum class Failure : std::uint8_t {
    None,
    Resolve,      ///< no address of the host
    Connect,      ///< nobody there, or no way to it
    Tls,          ///< certificates that are not trusted, or no common protocol
    Timeout,      ///< no connection, no head of the answer, or silence within it, for too long
    Cut,          ///< the connection broke, or ended before the answer did
    Closed,       ///< an event stream was ended in order
    Unauthorized, ///< status 401 or 403
    Redirect,     ///< to somewhere that is not followed
    Status,       ///< any other status than the one hoped for
    Malformed,    ///< not what was asked for: type, grammar, or content
    TooLarge,     ///< above our own limit
};

/** A label value: lower case with underscores. */
[[nodiscard]] constexpr std::string_view toString(Failure failure) noexcept {
    switch (failure) {
    case Failure::None:
        return "none";
    case Failure::Resolve:
        return "resolve";
    case Failure::Connect:
        return "connect";
    case Failure::Tls:
        return "tls";
    case Failure::Timeout:
        return "timeout";
    case Failure::Cut:
        return "cut";
    case Failure::Closed:
        return "closed";
    case Failure::Unauthorized:
        return "unauthorized";
    case Failure::Redirect:
        return "redirect";
    case Failure::Status:
        return "status";
    case Failure::Malformed:
        return "malformed";
    case Failure::TooLarge:
        return "too_large";
    }
    return "?";
}

} // namespace mmsd::marathon
