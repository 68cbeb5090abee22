// The terms of the recurrence against its definition in recurrence.h.
#include "cipherfit/train/recurrence.h"

#include "cipherfit/train/sigmoid.h"

#include <gtest/gtest.h>

namespace cipherfit {
namespace {

Recipe recurrent_recipe(Momentum momentum) {
    Recipe recipe = standard_recipe(3, 0.5, chiang2023_sigmoid(), momentum);
    recipe.decay = 0.125;
    return recipe;
}

TEST(Recurrence, KeepsBothSequencesUntilTheModelAlone) {
    for (const ModelSequence model : {ModelSequence::main, ModelSequence::extrapolated}) {
        Recipe recipe = recurrent_recipe(Momentum::nesterov);
        recipe.model = model;
        const Recurrence recurrence(recipe);
        for (int t = 0; t < 3; ++t) {
            const bool all = t < 2;
            const bool main = all || model == ModelSequence::main;
            const bool extrapolated = all || model == ModelSequence::extrapolated;
            EXPECT_EQ(recurrence.is_kept(ModelSequence::main, t), main);
            EXPECT_EQ(recurrence.is_kept(ModelSequence::extrapolated, t), extrapolated);
            EXPECT_EQ(recurrence.main(t).has_value(), main);
            EXPECT_EQ(recurrence.extrapolated(t).has_value(), extrapolated);
        }
    }
}

TEST(Recurrence, HasOneSequenceWithoutMomentum) {
    const Recipe recipe = recurrent_recipe(Momentum::none);
    const Recurrence recurrence(recipe);
    for (int t = 0; t < 3; ++t) {
        EXPECT_TRUE(recurrence.is_kept(ModelSequence::main, t));
        EXPECT_FALSE(recurrence.is_kept(ModelSequence::extrapolated, t));
        EXPECT_FALSE(recurrence.extrapolated(t).has_value());
        const auto terms = recurrence.main(t);
        ASSERT_TRUE(terms.has_value());
        EXPECT_EQ(terms->update, 0.5);
        EXPECT_EQ(terms->main, 0.875);
        EXPECT_EQ(terms->extrapolated, 0.0);
    }
}

// The terms applied to numbers: M_{t+1} = (1 - decay) U_t + step Q, and what U_{t+1} is of that.
TEST(Recurrence, TermsAreTheSequencesOfTheUpdateAndTheOldOnes) {
    const Recipe recipe = recurrent_recipe(Momentum::nesterov);
    const Recurrence recurrence(recipe);
    const double main = 3;
    const double extrapolated = -2;
    const double update = 7;
    for (int t = 0; t < 2; ++t) {
        const double eta = recipe.etas[static_cast<std::size_t>(t)];
        const double next = 0.875 * extrapolated + 0.5 * update;
        const auto apply = [&](const SequenceTerms& terms) {
            return terms.update * update + terms.extrapolated * extrapolated + terms.main * main;
        };
        EXPECT_DOUBLE_EQ(apply(recurrence.main(t).value()), next);
        EXPECT_NEAR(apply(recurrence.extrapolated(t).value()), (1 - eta) * next + eta * main,
                    1e-14);
    }
}

}  // namespace
}  // namespace cipherfit
