// SPDX-License-Identifier: MIT
// Entity tags: names of a resource's present content. Pure.
#include "workers/api-server/entity_tag.h"

#include "common/text.h"
#include "protocol/checksum.h"

#include <array>
#include <cstdio>
#include <span>

namespace mmsd::api {

std::string makeEntityTag(int status, std::string_view contentType, std::string_view body) {
    const auto octets = [](std::string_view text) {
        return std::as_bytes(std::span{text.data(), text.size()});
    };
    protocol::Checksum checksum;
    checksum.add(static_cast<std::uint64_t>(status));
    checksum.update(octets(contentType));
    checksum.update(octets(body));
    std::array<char, 24> text{};
    std::snprintf(text.data(), text.size(), "\"%016llx\"",
                  static_cast<unsigned long long>(checksum.value()));
    return text.data();
}

bool matchesTag(std::string_view ifNoneMatch, std::string_view tag) noexcept {
    if (trim(ifNoneMatch) == "*")
        return true;
    while (!ifNoneMatch.empty()) {
        // Quoted text may hold commas: another server's tag must not end up as two.
        const std::size_t begin = ifNoneMatch.find('"');
        if (begin == std::string_view::npos)
            return false;
        const std::size_t end = ifNoneMatch.find('"', begin + 1);
        if (end == std::string_view::npos)
            return false;
        if (ifNoneMatch.substr(begin, end + 1 - begin) == tag)
            return true;
        ifNoneMatch.remove_prefix(end + 1);
    }
    return false;
}

} // namespace mmsd::api
