// SPDX-License-Identifier: MIT
// One GET request, for a program that ends afterwards.
#pragma once

#include <cstddef>
#include <stdexcept>
#include <string>

namespace mmsd::client {

/** Octets of an answer: /v1/explain of the largest app that the protocol allows fits. */
inline constexpr std::size_t kMaxAnswer = std::size_t{256} << 20;

struct HttpAnswer {
    long status = 0;
    std::string body;
};

/** No answer: not reachable, too slow, or too large. what() says so in one line. */
class Unreachable : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/** Fetches JSON over http or https, without redirects, proxies or credentials.
 *  @throws Unreachable */
[[nodiscard]] HttpAnswer httpGet(const std::string& url);

} // namespace mmsd::client
