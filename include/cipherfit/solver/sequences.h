// Vectors of ciphertexts, or of handles, under the names that a solver gives them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cipherfit {

// What a plan says of a sequence: how many ciphertexts, at which level and scale.
struct SequenceShape {
    std::string_view name;  // of static storage
    std::size_t count = 0;
    std::size_t level = 0;
    double scale = 1;
};

// The sequence of that name, of no ciphertexts where there is none.
inline SequenceShape sequence_of(const std::vector<SequenceShape>& shapes, std::string_view name) {
    const auto found = std::find_if(shapes.begin(), shapes.end(),
                                    [&](const SequenceShape& shape) { return shape.name == name; });
    return found == shapes.end() ? SequenceShape{.name = name} : *found;
}

// A few of them, in the order in which they were put in. T is move-only.
template <class T>
class Sequences {
  public:
    // Adds an empty one where there is none of that name.
    std::vector<T>& operator[](std::string_view name) {
        for (auto& [own, values] : all_) {
            if (own == name) {
                return values;
            }
        }
        return all_.emplace_back(std::string(name), std::vector<T>()).second;
    }
    // Empty where there is none of that name.
    const std::vector<T>& operator[](std::string_view name) const {
        static const std::vector<T> none;
        for (const auto& [own, values] : all_) {
            if (own == name) {
                return values;
            }
        }
        return none;
    }
    auto begin() const { return all_.begin(); }
    auto end() const { return all_.end(); }
    auto begin() { return all_.begin(); }
    auto end() { return all_.end(); }

  private:
    std::vector<std::pair<std::string, std::vector<T>>> all_;
};

}  // namespace cipherfit
