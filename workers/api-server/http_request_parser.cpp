// SPDX-License-Identifier: MIT
// HttpRequestParser: octets in, one HTTP/1.x request out. Pure, incremental, strict.
#include "workers/api-server/http_request_parser.h"

#include "common/text.h"

#include <algorithm>
#include <charconv>
#include <utility>

namespace mmsd::api {

namespace {

constexpr bool isAlphaNumeric(char c) noexcept {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/** Source: RFC 9110 §5.6.2. */
bool isToken(std::string_view text) noexcept {
    constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
    return !text.empty() && std::ranges::all_of(text, [kMarks](char c) {
        return isAlphaNumeric(c) || kMarks.find(c) != std::string_view::npos;
    });
}

constexpr bool isControl(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
}

/** Visible US-ASCII: all that a URI may hold (RFC 3986 §2), and a little more. */
bool isVisible(std::string_view text) noexcept {
    return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7f; });
}

/** Blanks and tabs at both ends (OWS, RFC 9110 §5.6.3). */
std::string_view trimBlanks(std::string_view text) noexcept {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos)
        return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/** Joins the lines of a field. Source: RFC 9110 §5.3. */
void appendValue(std::string& joined, std::string_view value) {
    if (!joined.empty())
        joined.append(", ");
    joined.append(value);
}

} // namespace

void HttpRequestParser::reset() {
    *this = HttpRequestParser{};
}

std::size_t HttpRequestParser::feed(std::string_view octets) {
    std::size_t taken = 0;
    while (taken < octets.size()) {
        const std::string_view rest = octets.substr(taken);
        isUntouched_ = false;
        switch (step_) {
        case Step::RequestLine:
            taken += takeLine(rest, kMaxRequestLine, 414);
            break;
        case Step::Headers:
        case Step::Trailers:
            taken += takeLine(rest, kMaxHeaderBytes - headerBytes_, 431);
            break;
        case Step::ChunkSize:
        case Step::ChunkEnd:
            taken += takeLine(rest, kMaxChunkSizeLine, 400);
            break;
        case Step::Body:
        case Step::ChunkData:
            taken += takeData(rest);
            break;
        case Step::Complete:
        case Step::Refused:
            return taken;
        }
    }
    return taken;
}

/** @param limit octets of the line, without its end */
std::size_t HttpRequestParser::takeLine(std::string_view octets, std::size_t limit,
                                        int statusAboveLimit) {
    const std::size_t end = octets.find('\n');
    const std::string_view part = octets.substr(0, end);
    if (line_.size() + part.size() > limit + 1) { // one more for the CR
        refuse(statusAboveLimit, "line too long");
        return octets.size();
    }
    if (end == std::string_view::npos) {
        line_.append(part);
        return octets.size();
    }
    if (line_.empty()) {
        onLine(part);
    } else {
        line_.append(part);
        onLine(std::exchange(line_, {}));
    }
    return end + 1;
}

std::size_t HttpRequestParser::takeData(std::string_view octets) {
    const auto taken = static_cast<std::size_t>(std::min<std::uint64_t>(dataLeft_, octets.size()));
    dataLeft_ -= taken;
    if (dataLeft_ == 0)
        step_ = step_ == Step::Body ? Step::Complete : Step::ChunkEnd;
    return taken;
}

void HttpRequestParser::onLine(std::string_view line) {
    if (line.ends_with('\r'))
        line.remove_suffix(1);
    switch (step_) {
    case Step::RequestLine:
        if (!line.empty())
            onRequestLine(line);
        else if (++emptyLines_ > kMaxEmptyLinesInFront)
            refuse(400, "empty lines instead of a request");
        else
            isUntouched_ = true; // between requests: nothing has begun
        break;
    case Step::Headers:
        if (line.empty())
            onHeadersEnd();
        else
            onHeaderLine(line);
        break;
    case Step::ChunkSize:
        onChunkSize(line);
        break;
    case Step::ChunkEnd:
        if (line.empty())
            step_ = Step::ChunkSize;
        else
            refuse(400, "chunk longer than its size");
        break;
    case Step::Trailers:
        if (line.empty())
            step_ = Step::Complete;
        else
            onHeaderLine(line);
        break;
    default:
        break;
    }
}

void HttpRequestParser::onRequestLine(std::string_view line) {
    const std::size_t first = line.find(' ');
    const std::size_t last = line.rfind(' ');
    if (first == std::string_view::npos || first == last)
        return refuse(400, "malformed request line");
    const std::string_view method = line.substr(0, first);
    const std::string_view target = line.substr(first + 1, last - first - 1);
    const std::string_view version = line.substr(last + 1);
    if (!isToken(method) || target.empty() || !isVisible(target))
        return refuse(400, "malformed request line");
    const bool isHttp = version.size() == 8 && version.starts_with("HTTP/") && version[6] == '.' &&
                        version[5] >= '0' && version[5] <= '9' && version[7] >= '0' &&
                        version[7] <= '9';
    if (!isHttp)
        return refuse(400, "malformed HTTP version");
    if (version[5] != '1')
        return refuse(505, "HTTP/1.1 and HTTP/1.0 only");
    minorVersion_ = version[7] - '0';
    request_.method = method;
    step_ = Step::Headers;
    onTarget(target);
}

void HttpRequestParser::onTarget(std::string_view target) {
    if (request_.method == "CONNECT" || (target == "*" && request_.method == "OPTIONS")) {
        request_.path = target;
        return;
    }
    if (!target.starts_with('/')) {
        // absolute-form (RFC 9112 §3.2.2): every server must take it; the host is ours anyway.
        const std::string scheme = toLower(target.substr(0, 8));
        const std::size_t authority = scheme.starts_with("http://")    ? 7
                                      : scheme.starts_with("https://") ? 8
                                                                       : 0;
        if (authority == 0)
            return refuse(400, "malformed request target");
        const std::size_t end = std::min(target.find_first_of("/?#", authority), target.size());
        if (end == authority)
            return refuse(400, "request target without a host");
        target.remove_prefix(end);
    }
    if (target.find('#') != std::string_view::npos)
        return refuse(400, "request target with a fragment");
    const std::size_t question = target.find('?');
    request_.path = target.substr(0, question);
    if (request_.path.empty())
        request_.path = "/";
    if (question != std::string_view::npos)
        request_.query = target.substr(question + 1);
}

void HttpRequestParser::onHeaderLine(std::string_view line) {
    headerBytes_ += line.size() + 2;
    if (++headerLines_ > kMaxHeaderLines || headerBytes_ > kMaxHeaderBytes)
        return refuse(431, "too many header fields");
    if (line.front() == ' ' || line.front() == '\t')
        return refuse(400, "folded header line");
    const std::size_t colon = line.find(':');
    const std::string_view name = line.substr(0, colon);
    if (colon == std::string_view::npos || !isToken(name))
        return refuse(400, "malformed header line");
    const std::string_view value = trimBlanks(line.substr(colon + 1));
    if (std::ranges::any_of(value, [](char c) { return isControl(c) && c != '\t'; }))
        return refuse(400, "control character in a header line");
    // What a trailer says must not change how the request was framed (RFC 9110 §6.5.1).
    if (step_ == Step::Headers)
        onHeader(name, value);
}

void HttpRequestParser::onHeader(std::string_view name, std::string_view value) {
    if (equalsIgnoringCase(name, "Host")) {
        if (++hostCount_ > 1 || (!value.empty() && !isVisible(value)))
            refuse(400, "bad Host");
    } else if (equalsIgnoringCase(name, "Content-Length")) {
        onContentLength(value);
    } else if (equalsIgnoringCase(name, "Transfer-Encoding")) {
        onTransferEncoding(value);
    } else if (equalsIgnoringCase(name, "Connection")) {
        onConnection(value);
    } else if (equalsIgnoringCase(name, "Expect")) {
        expectsContinue_ = true;
    } else if (equalsIgnoringCase(name, "Accept")) {
        appendValue(request_.accept, value);
    } else if (equalsIgnoringCase(name, "If-None-Match")) {
        appendValue(request_.ifNoneMatch, value);
    } else if (equalsIgnoringCase(name, "Last-Event-ID")) {
        appendValue(request_.lastEventId, value);
    }
}

void HttpRequestParser::onContentLength(std::string_view value) {
    const auto length = parseNumber<std::uint64_t>(value);
    if (!length || (contentLength_ && *contentLength_ != *length))
        return refuse(400, "bad Content-Length");
    contentLength_ = length;
}

void HttpRequestParser::onTransferEncoding(std::string_view value) {
    if (isChunked_ || minorVersion_ == 0)
        return refuse(400, "bad Transfer-Encoding");
    if (!equalsIgnoringCase(value, "chunked"))
        return refuse(501, "transfer coding other than chunked");
    isChunked_ = true;
}

void HttpRequestParser::onConnection(std::string_view value) {
    for (const std::string_view option : splitList(value)) {
        hasClose_ |= equalsIgnoringCase(option, "close");
        hasKeepAlive_ |= equalsIgnoringCase(option, "keep-alive");
    }
}

void HttpRequestParser::onHeadersEnd() {
    if (isChunked_ && contentLength_)
        return refuse(400, "both Content-Length and Transfer-Encoding");
    if (minorVersion_ >= 1 && hostCount_ == 0)
        return refuse(400, "no Host");
    request_.keepsAlive = !hasClose_ && (minorVersion_ >= 1 || hasKeepAlive_);
    const std::uint64_t length = contentLength_.value_or(0);
    if (length > kMaxDrainedBody)
        return refuse(413, "no resource here takes a body");
    const bool hasBody = isChunked_ || length > 0;
    // A client that waits for "100 Continue" is told at once that its body is of no use.
    if (hasBody && expectsContinue_)
        return refuse(417, "no resource here takes a body");
    dataLeft_ = length;
    step_ = isChunked_ ? Step::ChunkSize : hasBody ? Step::Body : Step::Complete;
}

void HttpRequestParser::onChunkSize(std::string_view line) {
    const std::string_view digits = trimBlanks(line.substr(0, line.find(';')));
    std::uint64_t size = 0;
    const auto [end, status] =
        std::from_chars(digits.data(), digits.data() + digits.size(), size, 16);
    if (status != std::errc{} || end != digits.data() + digits.size() ||
        std::ranges::any_of(line, isControl))
        return refuse(400, "bad chunk size");
    drained_ += std::min<std::uint64_t>(size, kMaxDrainedBody + 1);
    if (drained_ > kMaxDrainedBody)
        return refuse(413, "no resource here takes a body");
    dataLeft_ = size;
    step_ = size == 0 ? Step::Trailers : Step::ChunkData;
}

void HttpRequestParser::refuse(int status, std::string reason) {
    step_ = Step::Refused;
    error_ = HttpError{status, std::move(reason)};
}

} // namespace mmsd::api
