// SPDX-License-Identifier: MIT
// AppScanner: a JSON grammar that remembers where the apps are.
#include "daemon/marathon/app_scanner.h"

#include <algorithm>

namespace mmsd::marathon {

namespace {

/** Longest member name that means something to us, plus one to tell longer ones apart. */
constexpr std::size_t kKeyLength = std::string_view{"groups"}.size() + 1;
/** Stands for an element that is no object. */
constexpr std::string_view kStray = "null";
/** Octets of a number; RapidJSON has no limit, but nobody writes such numbers. */
constexpr std::size_t kMaxWord = 256;

bool isBlank(char c) noexcept {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

bool isDigit(char c) noexcept {
    return c >= '0' && c <= '9';
}

bool isWordCharacter(char c) noexcept {
    return isDigit(c) || (c >= 'a' && c <= 'z') || c == 'E' || c == '+' || c == '-' || c == '.';
}

/** Skips digits. @return false if there are none */
bool skipDigits(std::string_view& text) noexcept {
    const auto count =
        static_cast<std::size_t>(std::ranges::find_if_not(text, isDigit) - text.begin());
    text.remove_prefix(count);
    return count > 0;
}

/** RFC 8259 §6. */
bool isNumber(std::string_view text) noexcept {
    if (text.starts_with('-'))
        text.remove_prefix(1);
    if (text.starts_with('0'))
        text.remove_prefix(1);
    else if (!skipDigits(text))
        return false;
    if (text.starts_with('.')) {
        text.remove_prefix(1);
        if (!skipDigits(text))
            return false;
    }
    if (text.starts_with('e') || text.starts_with('E')) {
        text.remove_prefix(1);
        if (text.starts_with('+') || text.starts_with('-'))
            text.remove_prefix(1);
        if (!skipDigits(text))
            return false;
    }
    return text.empty();
}

} // namespace

void AppScanner::feed(std::string_view chunk) {
    chunkStart_ = chunk.data();
    at_ = chunkStart_;
    const char* const end = chunkStart_ + chunk.size();
    captureFrom_ = appDepth_ > 0 ? at_ : nullptr;
    while (at_ != end) {
        if (state_ == State::String)
            scanString(end);
        else
            scanOne(*at_++);
    }
    if (captureFrom_ != nullptr)
        keep(end);
    offset_ += chunk.size();
}

void AppScanner::finish() {
    if (state_ != State::CommaOrEnd || depth_ != 0)
        throw JsonError{"invalid JSON: cut off after " + std::to_string(offset_) + " octets"};
    if (!hasFoundApps_ && shape_ != Shape::Any)
        throw JsonError{shape_ == Shape::List ? "no array 'apps' in the answer"
                                              : "no object 'app' in the answer"};
}

void AppScanner::keep(const char* end) {
    app_.append(captureFrom_, end);
    if (app_.size() > kMaxAppJson)
        fail("an app is too large");
}

void AppScanner::scanString(const char* end) {
    const char* const from = at_;
    at_ = std::find_if(from, end, [](char c) {
        return c == '"' || c == '\\' || static_cast<unsigned char>(c) < 0x20;
    });
    if (isKey_ && key_.size() < kKeyLength)
        key_.append(from, std::min<std::size_t>(static_cast<std::size_t>(at_ - from), kKeyLength));
    if (at_ == end)
        return;
    const char c = *at_++;
    if (c == '\\') {
        key_ += c; // spelled with an escape, it is no name that we look for
        state_ = State::Escape;
    } else if (c != '"') {
        fail("a control character in a string");
    } else if (isKey_) {
        state_ = State::Colon;
    } else {
        endValue();
    }
}

void AppScanner::scanOne(char c) {
    if (state_ == State::Escape) {
        state_ = State::String;
        return;
    }
    if (state_ == State::Word) {
        if (isWordCharacter(c)) {
            if (word_.size() == kMaxWord)
                fail("a number is too long");
            if (appDepth_ == 0)
                word_ += c;
            return;
        }
        endWord();
    }
    if (isBlank(c))
        return;
    switch (state_) {
    case State::ValueOrEnd:
        if (c == ']')
            return close(false);
        [[fallthrough]];
    case State::Value:
        return startValue(c);
    case State::KeyOrEnd:
        if (c == '}')
            return close(true);
        [[fallthrough]];
    case State::Key:
        if (c != '"')
            fail("a member's name is missing");
        isKey_ = true;
        key_.clear();
        state_ = State::String;
        return;
    case State::Colon:
        if (c != ':')
            fail("a colon is missing");
        state_ = State::Value;
        return;
    default: // CommaOrEnd
        if (depth_ == 0)
            fail("something follows the document");
        if (c == ',')
            state_ = stack_[depth_ - 1].isObject ? State::Key : State::Value;
        else if (c == '}' || c == ']')
            close(c == '}');
        else
            fail("a comma is missing");
    }
}

void AppScanner::startValue(char c) {
    // A byte order mark, which RFC 8259 §8.1 lets a reader ignore.
    constexpr std::string_view kMark = "\xEF\xBB\xBF";
    const std::size_t position = offset_ + static_cast<std::size_t>(at_ - chunkStart_) - 1;
    if (position < kMark.size() && c == kMark[position])
        return;

    if (c == '{' || c == '[')
        return open(c == '{');
    if (depth_ == 0)
        fail("neither an object nor an array");
    if (parent() == Role::AppList)
        onApp_(kStray);
    if (c == '"') {
        isKey_ = false;
        state_ = State::String;
    } else if (c == '-' || isDigit(c) || c == 't' || c == 'f' || c == 'n') {
        word_ = c;
        state_ = State::Word;
    } else {
        fail("a value is missing");
    }
}

void AppScanner::endWord() {
    const bool isJudgedByTaker = appDepth_ > 0;
    if (!isJudgedByTaker && word_ != "true" && word_ != "false" && word_ != "null" &&
        !isNumber(word_))
        fail("an unknown word or malformed number");
    endValue();
}

void AppScanner::endValue() noexcept {
    state_ = State::CommaOrEnd;
}

AppScanner::Role AppScanner::roleOfChild(bool isObject) {
    if (depth_ == 0) {
        if (!isObject && shape_ != Shape::Any && shape_ != Shape::Array)
            fail("the answer is no object");
        if (isObject && shape_ == Shape::Array)
            fail("the answer is no array");
        isObject_ = isObject;
        return isObject ? Role::Group : Role::AppList;
    }
    switch (parent()) {
    case Role::Group:
        if (key_ == "apps" && !isObject && shape_ != Shape::Single)
            return Role::AppList;
        if (key_ == "app" && isObject && depth_ == 1 && shape_ != Shape::List)
            return Role::App;
        return key_ == "groups" && !isObject && shape_ == Shape::Any ? Role::GroupList
                                                                     : Role::Other;
    case Role::GroupList:
        return isObject ? Role::Group : Role::Other;
    case Role::AppList:
        if (!isObject)
            onApp_(kStray);
        return isObject ? Role::App : Role::Other;
    default:
        return Role::Other;
    }
}

void AppScanner::open(bool isObject) {
    if (depth_ == stack_.size())
        fail("nested too deeply");
    const Role role = roleOfChild(isObject);
    if (role == Role::AppList || role == Role::App || role == Role::GroupList) {
        const bool isOne = shape_ == Shape::List || shape_ == Shape::Single;
        if (isOne && depth_ == 1 && hasFoundApps_)
            fail("the apps stand there twice");
        hasFoundApps_ = true;
    }
    stack_[depth_++] = {role, isObject};
    if (role == Role::App) {
        appDepth_ = depth_;
        captureFrom_ = at_ - 1;
    }
    state_ = isObject ? State::KeyOrEnd : State::ValueOrEnd;
}

void AppScanner::close(bool isObject) {
    if (stack_[depth_ - 1].isObject != isObject)
        fail("brackets do not match");
    const bool isEndOfApp = depth_ == appDepth_;
    --depth_;
    endValue();
    if (!isEndOfApp)
        return;
    appDepth_ = 0;
    if (app_.empty()) { // the usual case: it lies in this chunk as a whole
        const std::string_view app{captureFrom_, at_};
        captureFrom_ = nullptr;
        onApp_(app);
    } else {
        keep(at_);
        captureFrom_ = nullptr;
        onApp_(app_);
        app_.clear();
    }
}

void AppScanner::fail(const char* reason) const {
    throw JsonError{"invalid JSON at octet " +
                    std::to_string(offset_ + static_cast<std::size_t>(at_ - chunkStart_)) + ": " +
                    reason};
}

} // namespace mmsd::marathon
