// SPDX-License-Identifier: MIT
// HttpRequest: one GET, its answer handed over as it arrives.
#include "daemon/marathon/http_request.h"

#include "build_config.h"
#include "common/text.h"

#include <curl/curl.h>

#include <new>
#include <stdexcept>
#include <utility>

namespace mmsd::marathon {

namespace {

/** Octets read at once: a full answer has tens of megabytes. */
constexpr long kBufferSize = 128L << 10;
/** Octets that wait for the taker; then the others have a turn. libcurl alone would unpack tens of
 *  megabytes in one go. */
constexpr std::size_t kMaxBuffered = 1u << 20;

void append(auto& list, const std::string& text) {
    curl_slist* const longer = curl_slist_append(list.get(), text.c_str());
    if (longer == nullptr)
        throw std::bad_alloc{};
    list.release();
    list.reset(longer);
}

/** Source: libcurl-errors(3). */
Failure failureOf(int code) noexcept {
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
        return Failure::Resolve;
    case CURLE_COULDNT_CONNECT:
    case CURLE_INTERFACE_FAILED:
        return Failure::Connect;
    case CURLE_OPERATION_TIMEDOUT:
        return Failure::Timeout;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
        return Failure::Tls;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_UNSUPPORTED_PROTOCOL:
        return Failure::Malformed;
    default:
        return Failure::Cut;
    }
}

template <typename T> void set(void* easy, CURLoption option, T value) {
    if (const CURLcode code = curl_easy_setopt(easy, option, value); code != CURLE_OK)
        throw std::runtime_error{std::string{"libcurl: "} + curl_easy_strerror(code)};
}

} // namespace

bool HttpHead::isOfType(std::string_view type) const noexcept {
    const std::string_view text = contentType;
    return equalsIgnoringCase(trim(text.substr(0, text.find(';'))), type);
}

void HttpRequest::EasyDeleter::operator()(void* easy) const noexcept {
    curl_easy_cleanup(easy);
}

void HttpRequest::ListDeleter::operator()(curl_slist* list) const noexcept {
    curl_slist_free_all(list);
}

HttpRequest::HttpRequest(CurlLoop& loop, HttpRequestSpec spec,
                         std::function<void(const HttpProgress&)> onProgress)
    : loop_{loop}, spec_{std::move(spec)}, onProgress_{std::move(onProgress)},
      easy_{curl_easy_init()}, timer_{loop.timers().create([this] { onTimeout(); })},
      resumeTimer_{loop.timers().create([this] { resume(); })} {
    static_assert(std::tuple_size_v<decltype(errorText_)> >= CURL_ERROR_SIZE);
    if (!easy_)
        throw std::bad_alloc{};
    setOptions();
    loop_.add(easy_.get());
    isAttached_ = true;
    timer_->start(spec_.firstByteTimeout);
}

HttpRequest::~HttpRequest() {
    detach();
    loop_.forget(*this);
}

void HttpRequest::setOptions() {
    void* const easy = easy_.get();
    set(easy, CURLOPT_URL, spec_.url.c_str());
    set(easy, CURLOPT_PRIVATE, static_cast<void*>(this));
    set(easy, CURLOPT_ERRORBUFFER, errorText_.data());
    set(easy, CURLOPT_WRITEFUNCTION, onBody);
    set(easy, CURLOPT_WRITEDATA, static_cast<void*>(this));
    set(easy, CURLOPT_HEADERFUNCTION, onHeader);
    set(easy, CURLOPT_HEADERDATA, static_cast<void*>(this));
    set(easy, CURLOPT_NOSIGNAL, 1L);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_USERAGENT, "mmsd/" MMSD_VERSION);
    set(easy, CURLOPT_BUFFERSIZE, kBufferSize);
    set(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(spec_.connectTimeout.count()));
    set(easy, CURLOPT_TIMEOUT_MS, static_cast<long>(spec_.totalTimeout.count()));
    if (spec_.acceptsGzip)
        set(easy, CURLOPT_ACCEPT_ENCODING, "gzip");

    for (const std::string& header : spec_.headers)
        append(headers_, header);
    set(easy, CURLOPT_HTTPHEADER, headers_.get());
    if (!spec_.resolve.empty()) {
        append(resolve_, spec_.resolve);
        set(easy, CURLOPT_RESOLVE, resolve_.get());
    }

    set(easy, CURLOPT_SSL_VERIFYPEER, 1L);
    set(easy, CURLOPT_SSL_VERIFYHOST, 2L);
    set(easy, CURLOPT_SSLVERSION, static_cast<long>(CURL_SSLVERSION_TLSv1_2));
    if (!spec_.tls.caFile.empty()) {
        set(easy, CURLOPT_CAINFO, spec_.tls.caFile.c_str());
        set(easy, CURLOPT_CAPATH, static_cast<const char*>(nullptr));
    }
    if (!spec_.tls.certFile.empty())
        set(easy, CURLOPT_SSLCERT, spec_.tls.certFile.c_str());
    if (!spec_.tls.keyFile.empty())
        set(easy, CURLOPT_SSLKEY, spec_.tls.keyFile.c_str());
}

std::size_t HttpRequest::onHeader(char* data, std::size_t size, std::size_t count,
                                  void* self) noexcept {
    auto& request = *static_cast<HttpRequest*>(self);
    const std::string_view line{data, size * count};
    request.loop_.loop_.guard([&] { request.onHeaderLine(line); });
    return line.size();
}

void HttpRequest::onHeaderLine(std::string_view line) {
    constexpr std::string_view kLocation = "location:";
    lastByte_ = loop_.timers().now();
    if (hasHead_) // a trailer
        return;
    if (line.starts_with("HTTP/"))
        location_.clear();
    else if (equalsIgnoringCase(line.substr(0, kLocation.size()), kLocation))
        location_ = trim(line.substr(kLocation.size()));
    if (!trim(line).empty())
        return;

    HttpHead head;
    curl_easy_getinfo(easy_.get(), CURLINFO_RESPONSE_CODE, &head.status);
    if (head.status < 200)
        return; // an interim answer (RFC 9110 §15.2); another head follows
    const char* type = nullptr;
    curl_easy_getinfo(easy_.get(), CURLINFO_CONTENT_TYPE, &type);
    head.contentType = type != nullptr ? type : "";
    head.location = std::move(location_);
    head_ = std::move(head);
    hasHead_ = true;
    if (spec_.stallTimeout.count() > 0)
        timer_->start(spec_.stallTimeout);
    else
        timer_->stop();
    wake();
}

std::size_t HttpRequest::onBody(char* data, std::size_t size, std::size_t count,
                                void* self) noexcept {
    auto& request = *static_cast<HttpRequest*>(self);
    const std::size_t octets = size * count;
    if (request.body_.size() >= kMaxBuffered) {
        request.isPaused_ = true;
        return CURL_WRITEFUNC_PAUSE; // the same bytes come again
    }
    request.received_ += octets;
    if (request.spec_.responseLimit > 0 && request.received_ > request.spec_.responseLimit) {
        request.isTooLarge_ = true;
        return 0; // makes libcurl give up
    }
    request.loop_.loop_.guard([&] {
        request.lastByte_ = request.loop_.timers().now();
        request.body_.append(data, octets);
        request.wake();
    });
    return octets;
}

void HttpRequest::onTransferEnd(int code) {
    if (code == CURLE_OK)
        end(Failure::None, "");
    else if (isTooLarge_)
        end(Failure::TooLarge,
            "the answer is larger than " + std::to_string(spec_.responseLimit) + " octets");
    else
        end(failureOf(code), errorText_.front() != '\0'
                                 ? errorText_.data()
                                 : curl_easy_strerror(static_cast<CURLcode>(code)));
    wake();
}

void HttpRequest::onTimeout() {
    const auto silence =
        std::chrono::duration_cast<std::chrono::milliseconds>(loop_.timers().now() - lastByte_);
    if (hasHead_ && silence < spec_.stallTimeout) {
        timer_->start(spec_.stallTimeout - silence);
        return;
    }
    const auto limit = hasHead_ ? spec_.stallTimeout : spec_.firstByteTimeout;
    end(Failure::Timeout,
        (hasHead_ ? "silent for " : "no answer within ") + std::to_string(limit.count()) + " ms");
    deliver();
}

void HttpRequest::end(Failure failure, std::string error) {
    detach();
    failure_ = failure;
    error_ = std::move(error);
    isDone_ = true;
}

void HttpRequest::detach() noexcept {
    timer_->stop();
    resumeTimer_->stop();
    if (std::exchange(isAttached_, false))
        loop_.remove(easy_.get());
}

void HttpRequest::wake() {
    if (!std::exchange(isAwake_, true))
        loop_.wake(*this);
}

void HttpRequest::deliver() {
    isAwake_ = false;
    // Locals: the callback may destroy this object.
    const std::string body = std::exchange(body_, {});
    const HttpProgress progress{.head = std::exchange(head_, std::nullopt),
                                .body = body,
                                .isDone = isDone_,
                                .error = error_,
                                .failure = failure_};
    const auto onProgress = onProgress_;
    if (std::exchange(isPaused_, false) && !isDone_)
        resumeTimer_->start(std::chrono::milliseconds{0});
    onProgress(progress);
}

void HttpRequest::resume() {
    // May call onBody with what libcurl kept.
    curl_easy_pause(easy_.get(), CURLPAUSE_CONT);
    loop_.handOver();
}

} // namespace mmsd::marathon
