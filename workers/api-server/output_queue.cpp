// SPDX-License-Identifier: MIT
// OutputQueue: what waits to be sent to one client.
#include "workers/api-server/output_queue.h"

#include <algorithm>
#include <utility>

namespace mmsd::api {

std::string& OutputQueue::tail() {
    if (pieces_.empty() || pieces_.back().shared || pieces_.back().own.size() > kShareFrom)
        pieces_.emplace_back().own = std::exchange(spare_, {});
    return pieces_.back().own;
}

void OutputQueue::grown(std::size_t octets) noexcept {
    size_ += octets;
    copied_ += octets;
}

void OutputQueue::share(std::shared_ptr<const std::string> text) {
    if (text->empty())
        return;
    size_ += text->size();
    pieces_.emplace_back().shared = std::move(text);
}

std::size_t OutputQueue::gather(std::span<iovec> buffers) const noexcept {
    const std::size_t count = std::min(pieces_.size(), buffers.size());
    for (std::size_t i = 0; i < count; ++i) {
        const std::string_view rest = pieces_[i].text().substr(i == 0 ? offset_ : 0);
        buffers[i] = {const_cast<char*>(rest.data()), rest.size()};
    }
    return count;
}

void OutputQueue::consume(std::size_t octets) {
    while (octets > 0) {
        Piece& first = pieces_.front();
        const std::size_t taken = std::min(octets, first.text().size() - offset_);
        forget(first, taken);
        octets -= taken;
        offset_ += taken;
        if (offset_ < first.text().size())
            return;
        if (!first.shared && first.own.capacity() <= 2 * kShareFrom) {
            spare_ = std::move(first.own);
            spare_.clear();
        }
        pieces_.pop_front();
        offset_ = 0;
    }
}

void OutputQueue::dropUnbegun() {
    while (pieces_.size() > (offset_ > 0 ? 1U : 0U)) {
        forget(pieces_.back(), pieces_.back().text().size());
        pieces_.pop_back();
    }
}

void OutputQueue::forget(const Piece& piece, std::size_t octets) noexcept {
    size_ -= octets;
    if (!piece.shared)
        copied_ -= octets;
}

} // namespace mmsd::api
