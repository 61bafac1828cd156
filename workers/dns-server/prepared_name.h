// SPDX-License-Identifier: MIT
// PreparedName: the finished answers of one name, as octets that follow the question.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace mmsd::dns {

/** The answer to one type. Compression pointers count on the question at offset 12, in exactly
 *  this name's length; owner names are pointers to it, and so have the asker's spelling. */
struct PreparedAnswer {
    std::uint16_t type = 0;
    std::uint16_t count = 0;           ///< records of the answer section
    std::uint16_t additionalCount = 0; ///< records of the additional section
    /** Octets of each record of the answer section; 0 where they differ, so that they can neither
     *  be rotated nor cut. */
    std::uint16_t recordSize = 0;
    std::uint32_t offset = 0; ///< into the octets: answer section, additional section
    std::uint32_t answerSize = 0;
    std::uint32_t additionalSize = 0;
};

/** Answers and octets of one name, one behind the other in memory: a query touches few lines. */
struct PreparedBlock {
    std::uint32_t size = 0; ///< octets of everything
    std::uint32_t answerCount = 0;

    [[nodiscard]] std::span<const PreparedAnswer> answers() const noexcept {
        return {reinterpret_cast<const PreparedAnswer*>(this + 1), answerCount};
    }
    [[nodiscard]] const PreparedAnswer* find(std::uint16_t type) const noexcept {
        for (const PreparedAnswer& answer : answers()) {
            if (answer.type == type)
                return &answer;
        }
        return nullptr;
    }
    /** The one that ANY gets (RFC 8482 §4.1); null if there is none. */
    [[nodiscard]] const PreparedAnswer* first() const noexcept {
        return answerCount == 0 ? nullptr : answers().data();
    }
    [[nodiscard]] const std::uint8_t* wire(const PreparedAnswer& answer) const noexcept {
        return reinterpret_cast<const std::uint8_t*>(answers().data() + answerCount) +
               answer.offset;
    }
};

/** Owns one immutable block. */
class PreparedName {
public:
    PreparedName() = default;
    /** @param answers their offsets are into @p wire */
    PreparedName(std::span<const PreparedAnswer> answers, std::span<const std::uint8_t> wire);

    /** Null before anything was prepared. Stays where it is when this object moves. */
    [[nodiscard]] const PreparedBlock* block() const noexcept {
        return reinterpret_cast<const PreparedBlock*>(octets_.get());
    }
    bool operator==(const PreparedName& other) const noexcept;

private:
    std::unique_ptr<std::uint8_t[]> octets_; ///< aligned as operator new does
};

/** Collects the answers of one name after the other, the most asked first. */
class PreparedNameBuilder {
public:
    /** @param answer offset and sizes are filled in here
     *  @param answerSize octets of @p wire that are the answer section; the rest is additional */
    void add(PreparedAnswer answer, std::span<const std::uint8_t> wire, std::size_t answerSize);
    /** Makes a name of what was added, and starts anew. */
    [[nodiscard]] PreparedName finish();

private:
    std::vector<PreparedAnswer> answers_;
    std::vector<std::uint8_t> wire_;
};

} // namespace mmsd::dns
