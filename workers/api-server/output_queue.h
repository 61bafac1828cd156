// SPDX-License-Identifier: MIT
// OutputQueue: what waits to be sent to one client.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace mmsd::api {

/** Octets in order: small ones gathered, others shared with whoever sends the same. */
class OutputQueue {
public:
    /** Octets from which on a text had better be shared than copied. */
    static constexpr std::size_t kShareFrom = 16'384;

    /** Where octets to be copied are appended; call grown() afterwards. */
    [[nodiscard]] std::string& tail();
    /** Counts what was appended to tail(). */
    void grown(std::size_t octets) noexcept;
    /** Queues @p text itself. */
    void share(std::shared_ptr<const std::string> text);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /** The part of size() that is this queue's own. */
    [[nodiscard]] std::size_t copied() const noexcept { return copied_; }
    /** Fills @p buffers from the front. @return how many are filled */
    [[nodiscard]] std::size_t gather(std::span<iovec> buffers) const noexcept;
    /** Forgets octets that were sent. */
    void consume(std::size_t octets);
    /** Drops the pieces of which nothing has been sent. */
    void dropUnbegun();

private:
    struct Piece {
        std::string own;
        std::shared_ptr<const std::string> shared; ///< null: own
        [[nodiscard]] std::string_view text() const noexcept {
            return shared ? std::string_view{*shared} : std::string_view{own};
        }
    };
    void forget(const Piece& piece, std::size_t octets) noexcept;

    std::deque<Piece> pieces_;
    std::string spare_;      ///< the memory of the last own piece, for the next
    std::size_t offset_ = 0; ///< octets of the first piece that are sent
    std::size_t size_ = 0;   ///< octets that are not sent
    std::size_t copied_ = 0; ///< those of them in own pieces
};

} // namespace mmsd::api
