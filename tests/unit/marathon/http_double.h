// SPDX-License-Identifier: MIT
// HttpDouble: a small HTTP server in the test's own event loop.
#pragma once

#include "common/event_loop.h"

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

struct evhttp;
struct evhttp_request;

namespace mmsd::test {

/** Serves paths from a table on 127.0.0.1 and remembers what it was asked. */
class HttpDouble {
public:
    struct Request {
        std::string uri;                            ///< with query
        std::map<std::string, std::string> headers; ///< names in lower case
    };
    struct Reply {
        int status = 200;
        std::string type = "application/json";
        std::string body{};
        std::string location{};
        bool staysOpen = false; ///< the answer never ends
        bool isSilent = false;  ///< there is no answer
    };

    explicit HttpDouble(EventLoop& loop);
    ~HttpDouble();
    HttpDouble(const HttpDouble&) = delete;
    HttpDouble& operator=(const HttpDouble&) = delete;

    /** By path without query; 404 with HTML for all others. */
    std::map<std::string, Reply> replies;
    std::vector<Request> requests;

    [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }
    [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
    /** The last request of a path. */
    [[nodiscard]] const Request& last(const std::string& path) const;
    /** Sends another part of the answers that stay open. */
    void sendMore(const std::string& text);
    /** Ends them. */
    void finish();

private:
    struct Deleter {
        void operator()(evhttp* server) const noexcept;
    };
    void answer(evhttp_request* request);

    std::unique_ptr<evhttp, Deleter> server_;
    std::uint16_t port_ = 0;
    std::vector<evhttp_request*> open_;
    std::vector<evhttp_request*> silent_;
};

} // namespace mmsd::test
