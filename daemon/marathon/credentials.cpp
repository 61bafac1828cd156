// SPDX-License-Identifier: MIT
// Credentials: the Authorization header from a file.
#include "daemon/marathon/credentials.h"

#include "common/file_io.h"
#include "common/log.h"
#include "common/text.h"

#include <sys/stat.h>

#include <algorithm>
#include <stdexcept>

namespace mmsd::marathon {

namespace {

/** Octets of the file: a service token has about 1 KB. */
constexpr std::size_t kMaxFile = 64u << 10;

/** RFC 4648 §4. */
std::string encodeBase64(std::string_view text) {
    constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i < text.size(); i += 3) {
        const std::string_view part = text.substr(i, 3);
        std::uint32_t bits = 0;
        for (std::size_t k = 0; k < 3; ++k)
            bits = bits << 8 | (k < part.size() ? static_cast<unsigned char>(part[k]) : 0U);
        for (std::size_t k = 0; k < 4; ++k)
            out += k <= part.size() ? kAlphabet[bits >> (18 - 6 * k) & 63] : '=';
    }
    return out;
}

} // namespace

std::string authorizationFor(std::string_view content) {
    const std::string_view text = trim(content);
    const bool isPrintable =
        std::ranges::none_of(text, [](char c) { return static_cast<unsigned char>(c) < ' '; });
    if (isPrintable && text.starts_with("token=") &&
        text.size() > std::string_view{"token="}.size())
        return std::string{text};
    if (isPrintable && text.find(':') != std::string_view::npos)
        return "Basic " + encodeBase64(text);
    throw std::invalid_argument{"neither user:password nor token=… on one line"};
}

Credentials::Credentials(std::string path) : path_{std::move(path)}, version_{look()} {
    load();
}

const std::string& Credentials::header() {
    if (path_.empty())
        return header_;
    const Version version = look();
    if (version != version_) {
        version_ = version;
        try {
            load();
            logInfo("credentials read again", {{"file", path_}});
        } catch (const std::exception& error) {
            logWarning("credentials stay as they were", {{"reason", error.what()}});
        }
    }
    return header_;
}

Credentials::Version Credentials::look() const noexcept {
    struct stat status {};
    if (::stat(path_.c_str(), &status) != 0)
        return {};
    constexpr std::int64_t kNsPerSecond = 1'000'000'000;
    return {status.st_ino, status.st_size,
            status.st_mtim.tv_sec * kNsPerSecond + status.st_mtim.tv_nsec};
}

void Credentials::load() {
    try {
        header_ = "Authorization: " + authorizationFor(readFile(path_, kMaxFile));
    } catch (const std::invalid_argument& error) {
        throw std::invalid_argument{path_ + ": " + error.what()};
    }
}

} // namespace mmsd::marathon
