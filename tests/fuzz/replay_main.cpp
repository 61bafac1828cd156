// SPDX-License-Identifier: MIT
// Runs a fuzzer's harness without libFuzzer: each input, its beginnings, and mutations of it.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using Input = std::vector<std::uint8_t>;

/** Per input; the same in every run, so that a failure can be had again. */
constexpr std::size_t kMutations = 96;
constexpr std::size_t kBeginnings = 96;

Input readFile(const std::filesystem::path& path) {
    std::ifstream file{path, std::ios::binary};
    Input input{std::istreambuf_iterator<char>{file}, {}};
    if (file.bad() || !file.is_open())
        throw std::runtime_error{"cannot read " + path.string()};
    return input;
}

/** @return the files named, and those in the folders named, in one order everywhere */
std::vector<std::filesystem::path> listFiles(int count, char** names) {
    std::vector<std::filesystem::path> files;
    for (int i = 0; i < count; ++i) {
        if (!std::filesystem::is_directory(names[i])) {
            files.emplace_back(names[i]);
            continue;
        }
        for (const auto& entry : std::filesystem::recursive_directory_iterator{names[i]}) {
            if (entry.is_regular_file())
                files.push_back(entry.path());
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

/** One harness run; memory of exactly the input's size, so that sanitizers and valgrind see a read
 *  behind it. */
void run(const Input& input) {
    const auto octets = std::make_unique<std::uint8_t[]>(input.size());
    std::copy(input.begin(), input.end(), octets.get());
    LLVMFuzzerTestOneInput(octets.get(), input.size());
}

class Mutator {
public:
    /** One to four changes: of an octet, of the length, of a piece that another input has. */
    Input mutate(Input input, const Input& other) {
        for (std::size_t change = 1 + below(4); change > 0; --change)
            changeOnce(input, other);
        return input;
    }

private:
    std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

    void changeOnce(Input& input, const Input& other) {
        constexpr std::uint8_t kEdges[]{0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff};
        const std::size_t at = below(input.size());
        const auto place = input.begin() + static_cast<std::ptrdiff_t>(at);
        switch (below(input.empty() ? 1 : 6)) {
        case 0:
            input.insert(place, static_cast<std::uint8_t>(random_()));
            break;
        case 1:
            *place ^= static_cast<std::uint8_t>(1u << below(8));
            break;
        case 2:
            *place = kEdges[below(std::size(kEdges))];
            break;
        case 3:
            input.erase(place,
                        place + static_cast<std::ptrdiff_t>(
                                    1 + below(std::min<std::size_t>(16, input.size() - at))));
            break;
        case 4:
            *place = static_cast<std::uint8_t>(random_());
            break;
        default:
            const auto first = static_cast<std::ptrdiff_t>(below(other.size()));
            const auto end = static_cast<std::ptrdiff_t>(
                std::min(other.size(), static_cast<std::size_t>(first) + below(64)));
            input.insert(place, other.begin() + first, other.begin() + std::max(first, end));
        }
    }

    std::minstd_rand random_{1}; // its own algorithm, not the library's choice: the same everywhere
};

} // namespace

int main(int argc, char** argv) try {
    std::vector<Input> inputs;
    for (const auto& path : listFiles(argc - 1, argv + 1))
        inputs.push_back(readFile(path));
    if (inputs.empty()) {
        std::fputs("usage: replay_NAME FILE-OR-FOLDER…; there are no inputs\n", stderr);
        return 64;
    }
    std::size_t runs = 0;
    Mutator mutator;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const Input& input = inputs[i];
        run(input);
        const std::size_t step = std::max<std::size_t>(1, input.size() / kBeginnings);
        for (std::size_t size = 0; size < input.size(); size += step, ++runs)
            run({input.begin(), input.begin() + static_cast<std::ptrdiff_t>(size)});
        for (std::size_t m = 0; m < kMutations; ++m)
            run(mutator.mutate(input, inputs[(i + m) % inputs.size()]));
        runs += 1 + kMutations;
    }
    std::printf("%zu inputs, %zu runs\n", inputs.size(), runs);
    return 0;
} catch (const std::exception& error) {
    std::fprintf(stderr, "replay: %s\n", error.what());
    return 1;
}
