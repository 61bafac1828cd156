// SPDX-License-Identifier: MIT
// MasterList: the Marathon masters that were configured, and which of them is used.
#pragma once

#include "common/inet_address.h"
#include "protocol/settings.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace mmsd::marathon {

/** Scheme, host and port of a server. */
struct Origin {
    bool isTls = false;
    std::string host; ///< lower case, no brackets
    std::uint16_t port = 0;

    /** "https://host:port" */
    [[nodiscard]] std::string toString() const;
    bool operator==(const Origin&) const = default;
};

/** An http or https URL. */
struct Url {
    Origin origin;
    std::string path; ///< with query; "" or starting with "/"

    [[nodiscard]] std::string toString() const { return origin.toString() + path; }
};

/** Strict: no user information, no fragment, no blanks or control characters. */
[[nodiscard]] std::optional<Url> parseUrl(std::string_view text);

/** The path of an app below /v2/apps: each segment percent-encoded (RFC 3986 §2.1). */
[[nodiscard]] std::string encodeAppPath(std::string_view id);

/** The base URLs of --marathon-url, else of --marathon-ip (--marathon-host) and --marathon-port.
 *  @throws protocol::UsageError */
[[nodiscard]] std::vector<Url> configuredMasters(const protocol::Settings& settings);

/** Owns the base URLs; sticks to one until told that it does not work. */
class MasterList {
public:
    /** @param masters not empty */
    explicit MasterList(std::vector<Url> masters) : masters_{std::move(masters)} {}

    [[nodiscard]] const Url& current() const noexcept { return masters_[current_]; }
    void advance() noexcept { current_ = (current_ + 1) % masters_.size(); }
    [[nodiscard]] std::size_t size() const noexcept { return masters_.size(); }
    [[nodiscard]] bool isConfigured(const Origin& origin) const noexcept;
    [[nodiscard]] const std::vector<Url>& all() const noexcept { return masters_; }

private:
    std::vector<Url> masters_;
    std::size_t current_ = 0;
};

} // namespace mmsd::marathon
