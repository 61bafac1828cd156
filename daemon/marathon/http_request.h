// SPDX-License-Identifier: MIT
// HttpRequest: one GET, its answer handed over as it arrives.
#pragma once

#include "daemon/marathon/curl_loop.h"
#include "daemon/marathon/failure.h"

#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

struct curl_slist;

namespace mmsd::marathon {

/** Files for TLS; "" = the system's certificates, no client certificate. */
struct HttpTls {
    std::string caFile;
    std::string certFile;
    std::string keyFile;
};

struct HttpRequestSpec {
    std::string url;
    std::string resolve; ///< "host:port:address,…" (CURLOPT_RESOLVE); "" for a numeric host
    std::vector<std::string> headers; ///< "Name: value"
    HttpTls tls;
    bool acceptsGzip = false;
    std::chrono::milliseconds connectTimeout{5'000};
    std::chrono::milliseconds firstByteTimeout{30'000}; ///< to the end of the answer's head
    std::chrono::milliseconds totalTimeout{0};          ///< 0 = none
    std::chrono::milliseconds stallTimeout{0}; ///< longest silence behind the head; 0 = any
    std::size_t responseLimit = 0;             ///< octets, unpacked; 0 = none
};

struct HttpHead {
    long status = 0;
    std::string contentType;
    std::string location; ///< of the header, or ""
    /** True if Content-Type is @p type, whatever parameters follow. */
    [[nodiscard]] bool isOfType(std::string_view type) const noexcept;
};

/** What has come since the last call. */
struct HttpProgress {
    std::optional<HttpHead> head; ///< once, before or with the first part of the body
    std::string_view body;
    bool isDone = false;
    std::string error; ///< with isDone: "" = the answer is complete
    Failure failure = Failure::None;
};

/** Runs from construction; destruction cancels. The peer is always verified, redirects are never
 *  followed, and no proxy of the environment is used. */
class HttpRequest {
public:
    /** @param onProgress may destroy this request */
    HttpRequest(CurlLoop& loop, HttpRequestSpec spec,
                std::function<void(const HttpProgress&)> onProgress);
    ~HttpRequest();
    HttpRequest(const HttpRequest&) = delete;
    HttpRequest& operator=(const HttpRequest&) = delete;

private:
    friend class CurlLoop;
    struct EasyDeleter {
        void operator()(void* easy) const noexcept;
    };
    struct ListDeleter {
        void operator()(curl_slist* list) const noexcept;
    };
    using List = std::unique_ptr<curl_slist, ListDeleter>;

    static std::size_t onBody(char* data, std::size_t size, std::size_t count, void* self) noexcept;
    static std::size_t onHeader(char* data, std::size_t size, std::size_t count,
                                void* self) noexcept;
    void setOptions();
    void onHeaderLine(std::string_view line);
    void onTransferEnd(int code);
    void onTimeout();
    void end(Failure failure, std::string error);
    void deliver();
    void resume();
    void wake();
    void detach() noexcept;

    CurlLoop& loop_;
    HttpRequestSpec spec_;
    std::function<void(const HttpProgress&)> onProgress_;
    std::array<char, 256> errorText_{}; ///< CURL_ERROR_SIZE
    List headers_;
    List resolve_;
    std::unique_ptr<void, EasyDeleter> easy_; ///< CURL; before what it points to is gone
    std::unique_ptr<Timer> timer_;            ///< first byte, then stall
    std::unique_ptr<Timer> resumeTimer_;
    TimerFactory::TimePoint lastByte_;
    std::string body_;
    std::size_t received_ = 0;
    std::optional<HttpHead> head_; ///< not delivered yet
    std::string error_;
    Failure failure_ = Failure::None;
    std::string location_;
    bool hasHead_ = false;
    bool isTooLarge_ = false;
    bool isAwake_ = false;
    bool isPaused_ = false;
    bool isDone_ = false;
    bool isAttached_ = false;
};

} // namespace mmsd::marathon
