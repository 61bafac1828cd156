// SPDX-License-Identifier: MIT
// PreparedName: the finished answers of one name, as octets that follow the question.
#include "workers/dns-server/prepared_name.h"

#include <cstring>
#include <new>

namespace mmsd::dns {

PreparedName::PreparedName(std::span<const PreparedAnswer> answers,
                           std::span<const std::uint8_t> wire) {
    const std::size_t size = sizeof(PreparedBlock) + answers.size_bytes() + wire.size();
    octets_ = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    new (octets_.get())
        PreparedBlock{static_cast<std::uint32_t>(size), static_cast<std::uint32_t>(answers.size())};
    std::uint8_t* at = octets_.get() + sizeof(PreparedBlock);
    for (const PreparedAnswer& answer : answers) {
        new (at) PreparedAnswer{answer};
        at += sizeof answer;
    }
    if (!wire.empty())
        std::memcpy(at, wire.data(), wire.size());
}

bool PreparedName::operator==(const PreparedName& other) const noexcept {
    const PreparedBlock* a = block();
    const PreparedBlock* b = other.block();
    if (a == nullptr || b == nullptr)
        return a == b;
    return a->size == b->size && std::memcmp(a, b, a->size) == 0;
}

void PreparedNameBuilder::add(PreparedAnswer answer, std::span<const std::uint8_t> wire,
                              std::size_t answerSize) {
    answer.offset = static_cast<std::uint32_t>(wire_.size());
    answer.answerSize = static_cast<std::uint32_t>(answerSize);
    answer.additionalSize = static_cast<std::uint32_t>(wire.size() - answerSize);
    answers_.push_back(answer);
    wire_.insert(wire_.end(), wire.begin(), wire.end());
}

PreparedName PreparedNameBuilder::finish() {
    PreparedName made{answers_, wire_};
    answers_.clear();
    wire_.clear();
    return made;
}

} // namespace mmsd::dns
