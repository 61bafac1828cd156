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

void OutputQueue::add(std::shared_ptr<const std::string> text) {
    if (text->empty())
        return;
    size_ += text->size();
    if (text->size() < kShareFrom)
        tail().append(*text);
    else
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
    size_ -= octets;
    offset_ += octets;
    while (!pieces_.empty() && offset_ >= pieces_.front().text().size()) {
        Piece& done = pieces_.front();
        offset_ -= done.text().size();
        if (!done.shared && done.own.capacity() <= 2 * kShareFrom) {
            spare_ = std::move(done.own);
            spare_.clear();
        }
        pieces_.pop_front();
    }
}

void OutputQueue::dropUnbegun() {
    while (pieces_.size() > (offset_ > 0 ? 1 : 0)) {
        size_ -= pieces_.back().text().size();
        pieces_.pop_back();
    }
}

} // namespace mmsd::api
