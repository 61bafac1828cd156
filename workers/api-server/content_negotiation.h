// SPDX-License-Identifier: MIT
// Which of a resource's media types a client gets. Pure.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>

namespace mmsd::api {

/** Chooses by the Accept field (RFC 9110 §12.5.1): the highest weight wins; among equals the type
 *  that was asked for more exactly, then the one named earlier, then the first of @p offered.
 *  A client that named nothing of what is offered gets the first anyway, as §12.5.1 allows: those
 *  written for mmsd 0.13 may say anything.
 *  @param offered not empty; parameters behind ';' do not count
 *  @return an index into @p offered; nothing if the client has ruled all of it out (q=0) */
[[nodiscard]] std::optional<std::size_t> negotiate(std::string_view accept,
                                                   std::span<const std::string_view> offered);

} // namespace mmsd::api
