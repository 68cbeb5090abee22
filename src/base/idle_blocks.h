// How the pool of buffer.h chooses memory: sizes are rounded up, and a request takes the smallest
// idle block that holds it and is at most twice as large. As levels are spent, sizes shrink a limb
// at a time, and the blocks at hand go on serving. The pool and the prediction of its size
// (circuit/memory.h) both follow this text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace cipherfit {

inline constexpr std::size_t block_alignment = 64;
inline constexpr std::size_t huge_page = std::size_t{1} << 21U;
// The block's capacity in bytes stands in the word block before the data.
inline constexpr std::size_t block_header_words = block_alignment / sizeof(std::uint64_t);

// Bytes that are asked for, for a buffer of that many words.
constexpr std::size_t block_bytes(std::size_t words) noexcept {
    const std::size_t bytes = (words + block_header_words) * sizeof(std::uint64_t);
    const std::size_t unit = bytes >= huge_page ? huge_page : block_alignment;
    return (bytes + unit - 1) / unit * unit;
}

// Returns the pool's idle blocks to the system.
void trim_pool() noexcept;

template <class Block>
class IdleBlocks {
  public:
    // A block and its capacity, or nothing where no idle block serves.
    std::optional<std::pair<Block, std::size_t>> take(std::size_t bytes) {
        const auto found = idle_.lower_bound(bytes);
        if (found == idle_.end() || found->first > 2 * bytes) {
            return std::nullopt;
        }
        std::pair<Block, std::size_t> taken{found->second.back(), found->first};
        found->second.pop_back();
        if (found->second.empty()) {
            idle_.erase(found);
        }
        return taken;
    }
    void give(Block block, std::size_t capacity) { idle_[capacity].push_back(block); }
    // Calls visit(block, capacity) for every idle block and forgets them.
    template <class Visit>
    void clear(const Visit& visit) {
        for (auto& [capacity, blocks] : idle_) {
            for (const Block& block : blocks) {
                visit(block, capacity);
            }
        }
        idle_.clear();
    }

  private:
    std::map<std::size_t, std::vector<Block>> idle_;
};

}  // namespace cipherfit
