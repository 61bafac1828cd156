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

/** Octets in order: small ones gathered, big ones that others share as they are. */
class OutputQueue {
public:
    /** Octets from which on a shared text is queued as it is instead of being copied. */
    static constexpr std::size_t kShareFrom = 16'384;

    /** Where small octets are appended; call grown() afterwards. */
    [[nodiscard]] std::string& tail();
    /** Counts what was appended to tail(). */
    void grown(std::size_t octets) noexcept { size_ += octets; }
    /** Queues all of @p text, copied or shared. */
    void add(std::shared_ptr<const std::string> text);

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /** Fills @p buffers from the front. @return how many are filled */
    std::size_t gather(std::span<iovec> buffers) const noexcept;
    /** Forgets octets that were sent. */
    void consume(std::size_t octets);
    /** Drops all that has not begun to be sent: whole pieces from the second on. */
    void dropUnbegun();

private:
    struct Piece {
        std::string own;
        std::shared_ptr<const std::string> shared; ///< null: own
        [[nodiscard]] std::string_view text() const noexcept {
            return shared ? std::string_view{*shared} : std::string_view{own};
        }
    };

    std::deque<Piece> pieces_;
    std::string spare_;      ///< the memory of the last own piece, for the next
    std::size_t offset_ = 0; ///< octets of the first piece that are sent
    std::size_t size_ = 0;   ///< octets that are not sent
};

} // namespace mmsd::api
