// SPDX-License-Identifier: MIT
// HttpRequestParser: octets in, one HTTP/1.x request out. Pure, incremental, strict.
#pragma once

#include "workers/api-server/http_request.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace mmsd::api {

inline constexpr std::size_t kMaxRequestLine = 8'192;   ///< octets (RFC 9112 §3 asks for 8000)
inline constexpr std::size_t kMaxHeaderBytes = 16'384;  ///< octets of all header lines
inline constexpr std::size_t kMaxHeaderLines = 64;      ///< no client of this API needs more
inline constexpr std::size_t kMaxDrainedBody = 65'536;  ///< octets: no resource here takes a body
inline constexpr std::size_t kMaxChunkSizeLine = 256;   ///< octets, extensions included
inline constexpr std::size_t kMaxEmptyLinesInFront = 2; ///< RFC 9112 §2.2: at least one

/** Why a request cannot be answered; the connection ends after the answer. */
struct HttpError {
    int status = 400;
    std::string reason;
};

/** Reads one request, and refuses whatever two implementations could read in two ways: repeated
 *  or malformed lengths, length together with chunks, folded lines, blanks around names, control
 *  characters (RFC 9112 §11.2). A bare LF ends a line, as §2.2 lets recipients accept. */
class HttpRequestParser {
public:
    /** Takes octets up to the end of the request.
     *  @return how many were taken; all of them unless the request is complete or refused */
    std::size_t feed(std::string_view octets);

    [[nodiscard]] bool isComplete() const noexcept { return step_ == Step::Complete; }
    [[nodiscard]] const std::optional<HttpError>& error() const noexcept { return error_; }
    /** True before the first octet of a request. */
    [[nodiscard]] bool isUntouched() const noexcept { return isUntouched_; }
    /** The request, once complete. */
    [[nodiscard]] const HttpRequest& request() const noexcept { return request_; }

    /** Begins the next request. */
    void reset();

private:
    enum class Step : std::uint8_t {
        RequestLine,
        Headers,
        Body,
        ChunkSize,
        ChunkData,
        ChunkEnd,
        Trailers,
        Complete,
        Refused,
    };

    std::size_t takeLine(std::string_view octets, std::size_t limit, int statusAboveLimit);
    std::size_t takeData(std::string_view octets);
    void onLine(std::string_view line);
    void onRequestLine(std::string_view line);
    void onTarget(std::string_view target);
    void onHeaderLine(std::string_view line);
    void onHeader(std::string_view name, std::string_view value);
    void onContentLength(std::string_view value);
    void onTransferEncoding(std::string_view value);
    void onConnection(std::string_view value);
    void onHeadersEnd();
    void onChunkSize(std::string_view line);
    void refuse(int status, std::string reason);

    Step step_ = Step::RequestLine;
    bool isUntouched_ = true;
    std::string line_; ///< the part of a line that came before
    HttpRequest request_;
    std::optional<HttpError> error_;

    std::size_t emptyLines_ = 0;
    std::size_t headerBytes_ = 0;
    std::size_t headerLines_ = 0;
    int minorVersion_ = 1;
    std::size_t hostCount_ = 0;
    std::optional<std::uint64_t> contentLength_;
    bool isChunked_ = false;
    bool hasClose_ = false;
    bool hasKeepAlive_ = false;
    bool expectsContinue_ = false;
    std::uint64_t dataLeft_ = 0;
    std::uint64_t drained_ = 0;
};

} // namespace mmsd::api
