// SPDX-License-Identifier: MIT
// One GET request, for a program that ends afterwards.
#include "daemon/client/http_get.h"

#include "build_config.h"

#include "common/text.h"

#include <curl/curl.h>

#include <memory>

namespace mmsd::client {

namespace {

constexpr long kConnectSeconds = 5;
constexpr long kTotalSeconds = 30;

std::size_t onData(char* data, std::size_t, std::size_t size, void* target) {
    auto& body = *static_cast<std::string*>(target);
    if (body.size() + size > kMaxAnswer)
        return 0;
    body.append(data, size);
    return size;
}

} // namespace

HttpAnswer httpGet(const std::string& url) {
    const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl{curl_easy_init(),
                                                                   &curl_easy_cleanup};
    const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> fields{
        curl_slist_append(nullptr, "Accept: application/json"), &curl_slist_free_all};
    if (!curl || !fields)
        throw Unreachable{"out of memory"};
    HttpAnswer answer;
    CURL* const handle = curl.get();
    curl_easy_setopt(handle, CURLOPT_URL, url.c_str());
    curl_easy_setopt(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(handle, CURLOPT_PROXY, ""); // the environment's is for other traffic
    curl_easy_setopt(handle, CURLOPT_HTTPHEADER, fields.get());
    curl_easy_setopt(handle, CURLOPT_USERAGENT, "mmsd-client/" MMSD_VERSION);
    curl_easy_setopt(handle, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(handle, CURLOPT_CONNECTTIMEOUT, kConnectSeconds);
    curl_easy_setopt(handle, CURLOPT_TIMEOUT, kTotalSeconds);
    curl_easy_setopt(handle, CURLOPT_WRITEFUNCTION, onData);
    curl_easy_setopt(handle, CURLOPT_WRITEDATA, &answer.body);
    if (const CURLcode code = curl_easy_perform(handle); code != CURLE_OK)
        throw Unreachable{escapeText(url) + ": " + curl_easy_strerror(code)};
    curl_easy_getinfo(handle, CURLINFO_RESPONSE_CODE, &answer.status);
    return answer;
}

} // namespace mmsd::client
