// What was decrypted and has not passed the owner's checks yet.
//
// A decryption gives these types and not numbers. Only the checks (model_check.h, for scores
// release_scores()) open them and return a model or scores that can be used. A program that leaves
// the check out does not compile.
#pragma once

#include "cipherfit/base/secure.h"
#include "cipherfit/train/owner/preprocess.h"

#include <cstddef>
#include <utility>

namespace cipherfit {

struct UncheckedAccess;  // of the checks

// A matrix whose values cannot be read. `What` keeps models and scores apart. The values are wiped
// on destruction. Move-only.
template <class What>
class Unchecked {
  public:
    explicit Unchecked(RowMatrix values) noexcept : values_(std::move(values)) {}
    ~Unchecked() { wipe(); }
    Unchecked(Unchecked&& other) noexcept : values_(std::move(other.values_)) {}
    Unchecked& operator=(Unchecked&& other) noexcept {
        if (this != &other) {
            wipe();
            values_ = std::move(other.values_);
        }
        return *this;
    }
    Unchecked(const Unchecked&) = delete;
    Unchecked& operator=(const Unchecked&) = delete;

  private:
    friend struct UncheckedAccess;
    void wipe() noexcept {
        secure_wipe(values_.data(), static_cast<std::size_t>(values_.size()) * sizeof(double));
    }
    RowMatrix values_;
};

// A model's state: classes x features, in scaled coordinates.
using UncheckedModel = Unchecked<struct UncheckedModelTag>;
// Scores: rows x classes.
using UncheckedScores = Unchecked<struct UncheckedScoresTag>;

}  // namespace cipherfit
