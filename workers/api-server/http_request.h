// SPDX-License-Identifier: MIT
// HttpRequest: a parsed request head. Plain values.
#pragma once

#include <string>

namespace mmsd::api {

/** What the routes and the connection need of a request; its body has been thrown away. */
struct HttpRequest {
    std::string method{}; ///< as sent; methods are case-sensitive (RFC 9110 §9.1)
    std::string path{};   ///< still percent-encoded; "*" for OPTIONS *
    std::string query{};  ///< behind the '?', still encoded
    // Fields; the lines of one that is repeated are joined by commas (RFC 9110 §5.3). "" = none.
    std::string accept{};
    std::string ifNoneMatch{};
    std::string lastEventId{};
    bool keepsAlive = false;
};

} // namespace mmsd::api
