// What was decrypted cannot be used before it was checked. tests/compile has what shows only in a
// compiler's error.
#include "cipherfit/protocol/owner/unchecked.h"

#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/protocol/owner/model_check.h"
#include "cipherfit/protocol/owner/prediction_owner.h"
#include "protocol/owner/unchecked_access.h"

#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cipherfit::testing {
namespace {

template <class State>
concept CanBeFinished =
    requires(const State& state, const Preprocessing& preprocessing, const Recipe& recipe) {
        finish_model(state, preprocessing, recipe);
    };
template <class State>
concept CanBeChecked =
    requires(const State& state, const OwnerSetup& setup, const TwinReference& reference) {
        accepted_model(state, setup, reference);
    };
template <class Weights>
concept CanBeWeights = requires(Weights&& weights) {
    Head{std::forward<Weights>(weights), std::vector<std::string>()};
};

using Decrypted = decltype(decrypt_model(
    std::declval<const Job&>(), std::declval<const SecretKey&>(),
    std::declval<const std::vector<Ciphertext>&>(), std::declval<const RowMatrix&>()));
using Scores =
    decltype(decrypt_scores(std::declval<const PredictionJob&>(), std::declval<const SecretKey&>(),
                            std::declval<const EncryptedScores&>(), 1.0));

static_assert(CanBeFinished<RowMatrix> && CanBeWeights<RowMatrix>);  // the plaintext twin's
static_assert(!CanBeFinished<Decrypted> && !CanBeWeights<Decrypted>);
static_assert(!CanBeFinished<decltype(CheckpointModel::state)>);
static_assert(CanBeChecked<Decrypted> && CanBeChecked<decltype(CheckpointModel::state)>);
static_assert(!CanBeChecked<Scores>, "scores are no model");
static_assert(!std::is_convertible_v<Decrypted, RowMatrix>);
static_assert(!std::is_convertible_v<Scores, RowMatrix>);
static_assert(!std::is_copy_constructible_v<Decrypted> && !std::is_copy_assignable_v<Decrypted>);

TEST(Unchecked, MovesItsValuesAndLeavesNone) {
    UncheckedModel first(RowMatrix::Constant(2, 3, 5.0));
    const double* values = UncheckedAccess::values(first).data();
    const UncheckedModel second(std::move(first));
    EXPECT_EQ(UncheckedAccess::values(second), RowMatrix::Constant(2, 3, 5.0));
    EXPECT_EQ(UncheckedAccess::values(second).data(), values);  // not copied
    UncheckedModel third(RowMatrix::Zero(4, 4));
    third = UncheckedModel(RowMatrix::Constant(1, 2, 7.0));
    EXPECT_EQ(UncheckedAccess::values(third), RowMatrix::Constant(1, 2, 7.0));
}

}  // namespace
}  // namespace cipherfit::testing
