// SPDX-License-Identifier: MIT
// HttpDouble: a small HTTP server in the test's own event loop.
#include "tests/unit/marathon/http_double.h"

#include "common/text.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <stdexcept>
#include <utility>

namespace mmsd::test {

namespace {

/** A buffer that is freed at the end of the scope. */
class Buffer {
public:
    explicit Buffer(const std::string& text) : buffer_{evbuffer_new(), &evbuffer_free} {
        evbuffer_add(buffer_.get(), text.data(), text.size());
    }
    [[nodiscard]] evbuffer* get() const noexcept { return buffer_.get(); }

private:
    std::unique_ptr<evbuffer, decltype(&evbuffer_free)> buffer_;
};

} // namespace

void HttpDouble::Deleter::operator()(evhttp* server) const noexcept {
    evhttp_free(server);
}

HttpDouble::HttpDouble(EventLoop& loop) : server_{evhttp_new(loop.base())} {
    evhttp_bound_socket* const bound =
        evhttp_bind_socket_with_handle(server_.get(), "127.0.0.1", 0);
    if (bound == nullptr)
        throw std::runtime_error{"HttpDouble: cannot listen"};
    sockaddr_in address{};
    socklen_t size = sizeof address;
    ::getsockname(evhttp_bound_socket_get_fd(bound), reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    evhttp_set_gencb(
        server_.get(),
        [](evhttp_request* request, void* self) {
            static_cast<HttpDouble*>(self)->answer(request);
        },
        this);
}

HttpDouble::~HttpDouble() = default;

const HttpDouble::Request& HttpDouble::last(const std::string& path) const {
    for (auto request = requests.rbegin(); request != requests.rend(); ++request)
        if (request->uri.substr(0, request->uri.find('?')) == path)
            return *request;
    throw std::runtime_error{"HttpDouble: nobody asked for " + path};
}

void HttpDouble::answer(evhttp_request* request) {
    Request& seen = requests.emplace_back();
    seen.uri = evhttp_request_get_uri(request);
    const evkeyvalq* const headers = evhttp_request_get_input_headers(request);
    for (const evkeyval* header = headers->tqh_first; header != nullptr;
         header = header->next.tqe_next)
        seen.headers[toLower(header->key)] = header->value;

    const auto found = replies.find(seen.uri.substr(0, seen.uri.find('?')));
    const Reply reply =
        found != replies.end()
            ? found->second
            : Reply{.status = 404, .type = "text/html", .body = "<html>no such page</html>"};
    if (reply.isSilent) {
        silent_.push_back(request);
        return;
    }
    evkeyvalq* const out = evhttp_request_get_output_headers(request);
    evhttp_add_header(out, "Content-Type", reply.type.c_str());
    if (!reply.location.empty())
        evhttp_add_header(out, "Location", reply.location.c_str());
    if (!reply.staysOpen) {
        evhttp_send_reply(request, reply.status, nullptr, Buffer{reply.body}.get());
        return;
    }
    evhttp_send_reply_start(request, reply.status, nullptr);
    evhttp_send_reply_chunk(request, Buffer{reply.body}.get());
    open_.push_back(request);
}

void HttpDouble::sendMore(const std::string& text) {
    for (evhttp_request* const request : open_)
        evhttp_send_reply_chunk(request, Buffer{text}.get());
}

void HttpDouble::finish() {
    for (evhttp_request* const request : std::exchange(open_, {}))
        evhttp_send_reply_end(request);
}

} // namespace mmsd::test
