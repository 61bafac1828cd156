// SPDX-License-Identifier: MIT
// MarathonClient: HTTP requests to the Marathon masters.
#include "daemon/marathon/marathon_client.h"

#include "common/log.h"
#include "common/text.h"
#include "daemon/marathon/event.h"
#include "daemon/marathon/json.h"

#include <algorithm>
#include <utility>

namespace mmsd::marathon {

namespace {

using std::chrono::milliseconds;

/** Octets of an answer: 10 000 apps × 10 tasks have about 80 MB. */
constexpr std::size_t kMaxAnswer = 512u << 20;
constexpr milliseconds kFullTimeout{120'000};
constexpr milliseconds kAppTimeout{30'000};
/** To the head of the answer: apps that are there already wait for it. */
constexpr milliseconds kPodsTimeout{10'000};

/** The filter is honoured since 1.3.7; `plan-format` by 1.5 to 1.7. Others ignore them. */
std::string eventsPath() {
    std::string path = "/v2/events?plan-format=light";
    for (const std::string_view type : wantedEventTypes())
        path.append("&event_type=").append(type);
    return path;
}

std::string pathOf(MarathonApi::Resource resource, const std::string& id) {
    switch (resource) {
    case MarathonApi::Resource::App:
        return "/v2/apps" + encodeAppPath(id);
    case MarathonApi::Resource::Pods:
        return "/v2/pods/::status";
    case MarathonApi::Resource::Pod:
        return "/v2/pods" + encodeAppPath(id) + "::status";
    case MarathonApi::Resource::Apps:
        break;
    }
    return "/v2/apps?embed=apps.tasks";
}

std::string statusText(const HttpHead& head) {
    std::string text = "status " + std::to_string(head.status);
    if (head.status == 401 || head.status == 403)
        text += ": the credentials are missing or refused";
    else if (head.status == 200)
        text += " with an unexpected type: " + escapeText(head.contentType, 80);
    return text;
}

Failure failureOf(const HttpHead& head) {
    if (head.status == 401 || head.status == 403)
        return Failure::Unauthorized;
    if (head.status >= 300 && head.status < 400)
        return Failure::Redirect;
    return head.status == 200 ? Failure::Malformed : Failure::Status;
}

/** True if {"leader":"host:port"} names @p origin. */
bool namesLeader(const std::string& body, const Origin& origin) {
    try {
        const JsonDocument document = JsonDocument::parse(body);
        const auto leader =
            parseUrl("http://" + std::string{document.root()["leader"].string().value_or("")});
        return leader && leader->origin.host == origin.host && leader->origin.port == origin.port;
    } catch (const JsonError&) {
        return false;
    }
}

} // namespace

struct MarathonClient::Fetch {
    Resource resource;
    OnChunk onChunk;
    OnAnswer onAnswer;
    std::unique_ptr<HttpRequest> request;
    std::unique_ptr<Timer> failure; ///< instead of a request that cannot be made
    Answer answer{};                ///< what the head promises
};

struct MarathonClient::Stream {
    StreamHandler& handler;
    Url url;
    bool mayAuthorize = true;
    bool isRedirected = false;
    bool isWaitingForHost = false;
    bool isOpen = false;
    bool wasAnswered = false;
    std::unique_ptr<HttpRequest> request{}; ///< the stream, or the question who leads
    std::uint64_t requestId = 0;
    std::string leaderAnswer{};
    std::unique_ptr<Timer> failure{};
    std::string failureText{};
};

MarathonClient::MarathonClient(CurlLoop& curl, HostResolver& resolver, Credentials credentials,
                               Config config)
    : curl_{curl}, resolver_{resolver}, credentials_{std::move(credentials)}, tls_{std::move(
                                                                                  config.tls)},
      stallTimeout_{config.stallTimeout}, masters_{std::move(config.masters)} {}

MarathonClient::~MarathonClient() = default;

std::set<std::string> MarathonClient::hosts() const {
    std::set<std::string> hosts;
    for (const Url& url : masters_.all())
        hosts.insert(url.origin.host);
    if (stream_)
        hosts.insert(stream_->url.origin.host);
    return hosts;
}

bool MarathonClient::resolve(const Origin& origin, std::string& out, bool& hasFailed) {
    if (IpAddress::parse(origin.host))
        return true;
    const HostLookup::Answer answer = resolver_.find(origin.host);
    hasFailed = answer.hasFailed;
    out = origin.host + ':' + std::to_string(origin.port) + ':';
    const char* separator = "";
    for (const IpAddress& address : answer.addresses) {
        out += std::exchange(separator, ",");
        out += address.isV6() ? '[' + address.toString() + ']' : address.toString();
    }
    return !answer.addresses.empty();
}

HttpRequestSpec MarathonClient::specFor(const Url& url, const char* accept, bool mayAuthorize) {
    HttpRequestSpec spec;
    spec.url = url.toString();
    spec.headers = {std::string{"Accept: "} + accept};
    if (const std::string& header = credentials_.header(); mayAuthorize && !header.empty())
        spec.headers.push_back(header);
    spec.tls = tls_;
    return spec;
}

// ---- fetches

void MarathonClient::fetch(Resource resource, const std::string& name, OnChunk onChunk,
                           OnAnswer onAnswer) {
    const std::uint64_t id = ++lastId_;
    auto& fetch = fetches_[id];
    fetch = std::make_unique<Fetch>(
        Fetch{resource, std::move(onChunk), std::move(onAnswer), nullptr, nullptr});

    Url url = masters_.current();
    url.path += pathOf(resource, name);
    HttpRequestSpec spec = specFor(url, "application/json", true);
    spec.acceptsGzip = true;
    spec.responseLimit = kMaxAnswer;
    const bool isFull = resource == Resource::Apps || resource == Resource::Pods;
    spec.totalTimeout = isFull ? kFullTimeout : kAppTimeout;
    if (resource == Resource::Pods)
        spec.firstByteTimeout = kPodsTimeout;
    spec.stallTimeout = stallTimeout_;
    bool hasFailed = false;
    if (resolve(url.origin, spec.resolve, hasFailed)) {
        fetch->request = std::make_unique<HttpRequest>(
            curl_, std::move(spec),
            [this, id](const HttpProgress& progress) { onFetchProgress(id, progress); });
        return;
    }
    fetch->failure = curl_.timers().create([this, id, host = url.origin.host] {
        endFetch(id, {Answer::Kind::Failed, "no address of " + host, Failure::Resolve});
    });
    fetch->failure->start(milliseconds{0});
}

void MarathonClient::onFetchProgress(std::uint64_t id, const HttpProgress& progress) {
    Fetch& fetch = *fetches_.at(id);
    if (progress.head) {
        // A proxy's HTML is not Marathon's word, whatever its status.
        const bool isJson = progress.head->isOfType("application/json");
        if (isJson && progress.head->status == 200)
            fetch.answer.kind = Answer::Kind::Complete;
        else if (isJson && progress.head->status == 404 && fetch.resource != Resource::Apps)
            fetch.answer.kind = Answer::Kind::NotFound;
        else
            fetch.answer = {Answer::Kind::Failed, statusText(*progress.head),
                            failureOf(*progress.head)};
    }
    if (fetch.answer.kind == Answer::Kind::Complete && !progress.body.empty() &&
        !fetch.onChunk(progress.body)) {
        endFetch(id, {Answer::Kind::Failed, "the answer was refused", Failure::Malformed});
        return;
    }
    if (!progress.isDone)
        return;
    if (progress.error.empty())
        endFetch(id, Answer{fetch.answer});
    else
        endFetch(id, {Answer::Kind::Failed, progress.error, progress.failure});
}

void MarathonClient::endFetch(std::uint64_t id, const Answer& answer) {
    const auto fetch = fetches_.extract(id);
    fetch.mapped()->request.reset();
    fetch.mapped()->onAnswer(answer);
}

// ---- the stream

void MarathonClient::openStream(StreamHandler& handler) {
    Url url = masters_.current();
    url.path += eventsPath();
    stream_ = std::make_unique<Stream>(Stream{.handler = handler, .url = std::move(url)});
    connectStream();
}

void MarathonClient::closeStream() {
    stream_.reset();
}

void MarathonClient::onHostAnswered(const std::string& host) {
    if (stream_ && stream_->isWaitingForHost && stream_->url.origin.host == host)
        connectStream();
}

void MarathonClient::connectStream() {
    Stream& stream = *stream_;
    stream.requestId = ++lastId_;
    HttpRequestSpec spec = specFor(stream.url, "text/event-stream", stream.mayAuthorize);
    spec.stallTimeout = stallTimeout_;
    spec.firstByteTimeout = std::min(spec.firstByteTimeout, stallTimeout_);
    bool hasFailed = false;
    stream.isWaitingForHost = !resolve(stream.url.origin, spec.resolve, hasFailed);
    if (!stream.isWaitingForHost) {
        stream.request = std::make_unique<HttpRequest>(
            curl_, std::move(spec),
            [this](const HttpProgress& progress) { onStreamProgress(progress); });
    } else if (hasFailed) {
        stream.failureText = "no address of " + stream.url.origin.host;
        stream.failure = curl_.timers().create(
            [this] { endStream(Failure::Resolve, std::string{stream_->failureText}); });
        stream.failure->start(milliseconds{0});
    }
}

void MarathonClient::onStreamProgress(const HttpProgress& progress) {
    // Every call of the handler may close this stream and open another.
    const auto isStill = [this, request = stream_->requestId] {
        return stream_ && stream_->requestId == request;
    };
    if (progress.head) {
        stream_->wasAnswered = true;
        onStreamHead(*progress.head);
    }
    if (isStill() && stream_->isOpen && !progress.body.empty())
        stream_->handler.onStreamData(progress.body);
    if (isStill() && progress.isDone)
        progress.error.empty() ? endStream(Failure::Closed, "closed by Marathon")
                               : endStream(progress.failure, progress.error);
}

void MarathonClient::onStreamHead(const HttpHead& head) {
    if (head.status == 200 && head.isOfType("text/event-stream")) {
        stream_->isOpen = true;
        stream_->handler.onStreamOpen(stream_->url.origin.toString());
    } else if (head.status >= 300 && head.status < 400 && !head.location.empty() &&
               !stream_->isRedirected) {
        followRedirect(head);
    } else {
        endStream(failureOf(head), statusText(head));
    }
}

void MarathonClient::followRedirect(const HttpHead& head) {
    const Origin from = stream_->url.origin;
    auto target = head.location.starts_with('/') && !head.location.starts_with("//")
                      ? Url{from, head.location}
                      : parseUrl(head.location).value_or(Url{});
    if (target.origin.host.empty()) {
        endStream(Failure::Redirect, "a redirect to " + escapeText(head.location, 80));
        return;
    }
    stream_->isRedirected = true;
    const bool isKnown = target.origin == from || masters_.isConfigured(target.origin);
    if (credentials_.header().empty() || isKnown) {
        stream_->url = std::move(target);
        connectStream();
    } else if (from.isTls && !target.origin.isTls) {
        // It would give the credentials away.
        endStream(Failure::Redirect, "a redirect from https to http");
    } else {
        askLeader(target);
    }
}

void MarathonClient::askLeader(const Url& target) {
    Url url = masters_.current();
    url.path += "/v2/leader";
    HttpRequestSpec spec = specFor(url, "application/json", true);
    spec.totalTimeout = kAppTimeout;
    spec.responseLimit = 64u << 10;
    bool hasFailed = false;
    if (!resolve(url.origin, spec.resolve, hasFailed)) {
        endStream(Failure::Resolve, "no address of " + url.origin.host);
        return;
    }
    stream_->requestId = ++lastId_;
    stream_->request = std::make_unique<HttpRequest>(
        curl_, std::move(spec), [this, target](const HttpProgress& progress) {
            stream_->leaderAnswer += progress.body;
            if (!progress.isDone)
                return;
            stream_->mayAuthorize =
                progress.error.empty() && namesLeader(stream_->leaderAnswer, target.origin);
            if (!stream_->mayAuthorize)
                logWarning("redirected to a host that is not the leader: no credentials for it",
                           {{"host", target.origin.toString()}});
            stream_->url = target;
            connectStream();
        });
}

void MarathonClient::endStream(Failure failure, const std::string& reason) {
    const std::unique_ptr<Stream> stream = std::exchange(stream_, nullptr);
    stream->request.reset();
    stream->handler.onStreamClosed({.reason = stream->url.origin.toString() + ": " + reason,
                                    .failure = failure,
                                    .wasAnswered = stream->wasAnswered});
}

} // namespace mmsd::marathon
