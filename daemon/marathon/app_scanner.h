// SPDX-License-Identifier: MIT
// AppScanner: finds the apps in an answer while it arrives. Pure.
#pragma once

#include "daemon/marathon/json.h"

#include <array>
#include <functional>

namespace mmsd::marathon {

/** Octets of the JSON of one app: 10 000 tasks need about 10 MB. */
inline constexpr std::size_t kMaxAppJson = 64u << 20;

/** Reads JSON in pieces of any size and hands out the text of each app as soon as it is complete,
 *  so that neither a large answer nor its document is ever held as a whole. Checks the grammar of
 *  everything around the apps; the apps themselves are the taker's to parse. Nothing counts before
 *  finish() has returned: until then the text may still turn out to be cut off. */
class AppScanner {
public:
    /** The documents that are accepted. */
    enum class Shape {
        List,   ///< {"apps":[…]}, from /v2/apps
        Single, ///< {"app":{…}}, from /v2/apps/ID
        Array,  ///< […], from /v2/pods/::status
        /** List, Single, a bare array of apps, or a group tree with apps at any depth. */
        Any,
    };
    /** Gets the JSON of one app; borrowed. For an element of a list of apps that is no object it
     *  gets "null". What it throws comes out of feed(). */
    using OnApp = std::function<void(std::string_view json)>;

    AppScanner(Shape shape, OnApp onApp) : shape_{shape}, onApp_{std::move(onApp)} {}

    /** @throws JsonError as soon as the text cannot become a valid document of that shape */
    void feed(std::string_view chunk);
    /** Ends the text. @throws JsonError if it is incomplete or held no apps where they belong */
    void finish();

    /** True if the document is an object that holds no apps: for Shape::Any it may be an app. */
    [[nodiscard]] bool isPlainObject() const noexcept { return isObject_ && !hasFoundApps_; }

private:
    enum class State { Value, ValueOrEnd, KeyOrEnd, Key, Colon, CommaOrEnd, String, Escape, Word };
    /** What a container is to us. */
    enum class Role : std::uint8_t { Other, Group, GroupList, AppList, App };

    void scanOne(char c);
    void scanString(const char* end);
    void startValue(char c);
    void endValue() noexcept;
    void endWord();
    void open(bool isObject);
    void close(bool isObject);
    void keep(const char* end);
    [[nodiscard]] Role roleOfChild(bool isObject);
    [[nodiscard]] Role parent() const noexcept {
        return depth_ == 0 ? Role::Other : stack_[depth_ - 1].role;
    }
    [[noreturn]] void fail(const char* reason) const;

    struct Container {
        Role role;
        bool isObject;
    };

    Shape shape_;
    OnApp onApp_;
    State state_ = State::Value;
    std::array<Container, kMaxJsonDepth> stack_{};
    std::size_t depth_ = 0;
    std::size_t appDepth_ = 0; ///< depth inside the app being captured, 0 = none
    bool isKey_ = false;       ///< the string being read is a member's name
    bool isObject_ = false;
    bool hasFoundApps_ = false;
    std::string key_;                   ///< name of the current member, cut off
    std::string word_;                  ///< number or literal being read
    std::string app_;                   ///< captured from earlier chunks
    const char* at_ = nullptr;          ///< in the chunk under way
    const char* captureFrom_ = nullptr; ///< start of what it adds to the app, null outside apps
    const char* chunkStart_ = nullptr;
    std::size_t offset_ = 0; ///< octets before the chunk
};

} // namespace mmsd::marathon
