#include "cipherfit/train/recurrence.h"

namespace cipherfit {

double gradient_factor(const Recipe& recipe, int t) {
    const auto i = static_cast<std::size_t>(t);
    return recipe.gradient_at == ModelSequence::main ? recipe.steps[i]
                                                     : recipe.steps[i] * (1.0 - recipe.etas[i]);
}

bool Recurrence::is_kept(ModelSequence sequence, int t) const noexcept {
    return (momentum_ || sequence == ModelSequence::main) &&
           (t + 1 < recipe_.iterations || recipe_.model == sequence);
}

SequenceTerms Recurrence::backwards(int t, double main, double extrapolated) const {
    const double of_sum = main + (1.0 - eta(t)) * extrapolated;
    return {
        .update = step(t) * of_sum, .extrapolated = kept() * of_sum, .main = eta(t) * extrapolated};
}

std::optional<SequenceTerms> Recurrence::main(int t) const {
    if (!is_kept(ModelSequence::main, t)) {
        return std::nullopt;
    }
    return momentum_ ? SequenceTerms{.update = step(t), .extrapolated = kept(), .main = 0.0}
                     : SequenceTerms{.update = step(t), .extrapolated = 0.0, .main = kept()};
}

std::optional<SequenceTerms> Recurrence::extrapolated(int t) const {
    if (!is_kept(ModelSequence::extrapolated, t)) {
        return std::nullopt;
    }
    const double share = 1.0 - eta(t);
    return SequenceTerms{.update = share * step(t), .extrapolated = share * kept(), .main = eta(t)};
}

}  // namespace cipherfit
