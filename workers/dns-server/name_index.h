// SPDX-License-Identifier: MIT
// NameIndex: finds the entry of a name with one look into one table.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace mmsd::dns {

/** Hash of a name, for both tables of a zone. */
[[nodiscard]] inline std::uint64_t hashName(std::string_view name) noexcept {
    constexpr std::uint64_t kFactor = 0x9fb21c651e98df25;
    std::uint64_t hash = name.size() * kFactor;
    std::uint64_t word = 0;
    const auto mix = [&] {
        hash = (hash ^ word) * kFactor;
        hash ^= hash >> 32;
    };
    for (; name.size() >= sizeof word; name.remove_prefix(sizeof word)) {
        std::memcpy(&word, name.data(), sizeof word);
        mix();
    }
    if (!name.empty()) {
        word = 0;
        std::memcpy(&word, name.data(), name.size());
        mix();
    }
    return hash;
}

/** Owns entries of type pair<const string, Value>, which never move. Open addressing with linear
 *  probing: several look-ups can be under way at once, as each step can be prefetched. */
template <typename Value> class NameIndex {
public:
    using Entry = std::pair<const std::string, Value>;

    NameIndex() : slots_(kInitialSlots) {}

    [[nodiscard]] Entry* find(std::string_view name) const noexcept {
        const std::uint64_t hash = hashName(name);
        for (std::size_t i = hash & mask();; i = (i + 1) & mask()) {
            const Slot& slot = slots_[i];
            if (!slot.entry)
                return nullptr;
            if (slot.hash == hash && slot.entry->first == name)
                return slot.entry.get();
        }
    }
    /** @param name is not there yet */
    Entry& insert(std::string_view name) {
        // At most half full: short ways also for names that do not exist.
        if ((size_ + 1) * 2 > slots_.size())
            resize(slots_.size() * 2);
        Slot slot{hashName(name),
                  std::make_unique<Entry>(std::piecewise_construct, std::forward_as_tuple(name),
                                          std::forward_as_tuple())};
        Entry& entry = *slot.entry;
        place(std::move(slot));
        ++size_;
        return entry;
    }
    void erase(const Entry& entry) noexcept {
        std::size_t hole = hashName(entry.first) & mask();
        while (slots_[hole].entry.get() != &entry)
            hole = (hole + 1) & mask();
        slots_[hole].entry.reset();
        --size_;
        // Those behind the hole that are not at their place move up into it.
        for (std::size_t i = (hole + 1) & mask(); slots_[i].entry; i = (i + 1) & mask()) {
            const std::size_t home = slots_[i].hash & mask();
            if (((i - home) & mask()) < ((i - hole) & mask()))
                continue;
            slots_[hole] = std::move(slots_[i]);
            hole = i;
        }
    }

    [[nodiscard]] std::size_t size() const noexcept { return size_; }
    /** Avoids growing later, which touches everything. */
    void reserve(std::size_t names) {
        std::size_t wanted = slots_.size();
        while (wanted < names * 2)
            wanted *= 2;
        if (wanted != slots_.size())
            resize(wanted);
    }

    /** The first step of finding: asks the memory for the slot. */
    void prefetchSlot(std::uint64_t hash) const noexcept {
        __builtin_prefetch(&slots_[hash & mask()]);
    }
    /** What the slot probably leads to; null if it is empty. */
    [[nodiscard]] const Entry* probableEntry(std::uint64_t hash) const noexcept {
        const Slot& slot = slots_[hash & mask()];
        return slot.hash == hash ? slot.entry.get() : nullptr;
    }

private:
    struct Slot {
        std::uint64_t hash = 0;
        std::unique_ptr<Entry> entry;
    };
    static constexpr std::size_t kInitialSlots = 64; ///< a power of two, as after each growth

    [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
    void place(Slot slot) noexcept {
        std::size_t i = slot.hash & mask();
        while (slots_[i].entry)
            i = (i + 1) & mask();
        slots_[i] = std::move(slot);
    }
    void resize(std::size_t count) {
        std::vector<Slot> old(count);
        old.swap(slots_);
        for (Slot& slot : old) {
            if (slot.entry)
                place(std::move(slot));
        }
    }

    std::vector<Slot> slots_;
    std::size_t size_ = 0;
};

} // namespace mmsd::dns
