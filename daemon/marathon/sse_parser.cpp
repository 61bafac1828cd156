// SPDX-License-Identifier: MIT
// SseParser: server-sent events out of a stream of bytes. Pure.
#include "daemon/marathon/sse_parser.h"

#include <utility>

namespace mmsd::marathon {

void SseParser::feed(std::string_view chunk) {
    while (!chunk.empty()) {
        if (std::exchange(wasCarriageReturn_, false) && chunk.front() == '\n') {
            chunk.remove_prefix(1);
            continue;
        }
        const std::size_t end = chunk.find_first_of("\r\n");
        append(chunk.substr(0, end));
        if (end == std::string_view::npos)
            return;
        wasCarriageReturn_ = chunk[end] == '\r';
        chunk.remove_prefix(end + 1);
        endLine();
    }
}

void SseParser::append(std::string_view part) {
    lineSize_ += part.size();
    if (isOversized_)
        return;
    if (line_.size() + data_.size() + part.size() <= limit_) {
        line_.append(part);
        return;
    }
    isOversized_ = true;
    line_ = {};
    data_ = {};
}

void SseParser::endLine() {
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    std::string_view line = line_;
    if (std::exchange(isAtStart_, false) && line.starts_with(kByteOrderMark)) {
        line.remove_prefix(kByteOrderMark.size());
        lineSize_ -= kByteOrderMark.size();
    }
    if (std::exchange(lineSize_, 0) == 0)
        dispatch();
    else if (!isOversized_)
        takeField(line);
    line_.clear();
}

void SseParser::takeField(std::string_view line) {
    const std::size_t colon = line.find(':'); // at 0: a comment
    const std::string_view field = line.substr(0, colon);
    std::string_view value =
        colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' '))
        value.remove_prefix(1);
    if (field == "event") {
        name_ = value;
    } else if (field == "data") {
        if (std::exchange(hasData_, true))
            data_ += '\n';
        data_ += value;
    }
}

void SseParser::dispatch() {
    const std::string name = std::exchange(name_, {});
    const std::string data = std::exchange(data_, {});
    const bool hasData = std::exchange(hasData_, false);
    // Marathon's heartbeat is a blank line with nothing before it.
    if (std::exchange(isOversized_, false))
        handler_.onOversized();
    else if (hasData)
        handler_.onEvent(name, data);
}

} // namespace mmsd::marathon
