// The plan of a joint training: everything public that follows from a charter. Whoever reads the
// same charter has the same plan; members and server compute it, and nobody sends it.
//
// What is trained is least squares from sums over the contributors' rows, by the statistics solver
// (docs/design/statistics.md). With X the prepared rows, bias first, and L the published bound of
// the eigenvalues of sum X_i^T X_i, contributor i uploads G_i = X_i^T X_i / L and b_i = X_i^T (Y_i
// - 1/2) / L, so that the sum of all G_i has its eigenvalues in [0, 1].
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/charter.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/train/plan.h"

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// What is done to the features before training, from published sums only.
//     none           nothing: features of a public network
//     centred        minus the pooled means, over one common factor
//     standardised   minus the pooled means, over the pooled standard deviations
//     components     the first principal components of the pooled covariance
enum class Preparation { none, centred, standardised, components };
std::string_view name(Preparation preparation) noexcept;
Expected<Preparation> preparation_from_name(std::string_view name);
// The sums that it needs (parties/contribution.h): what a charter publishes.
std::vector<std::string> published_sums(Preparation preparation);

// What a charter decides.
struct JointTerms {
    std::size_t features = 0;  // columns of the rows
    std::size_t classes = 0;
    Preparation preparation = Preparation::none;
    std::size_t components = 0;  // of components
    int iterations = 8;
    double ridge = 0;  // in units of L
    std::size_t contributors = 0;
    unsigned holders = 0;
    unsigned threshold = 0;
    double kappa = 30;
    bool insecure_for_tests_only = false;

    // d: with the bias.
    std::size_t columns() const {
        return 1 + (preparation == Preparation::components ? components : features);
    }
};

class CharterPlan {
  public:
    // Throws Error(bad_input) where no ring holds these terms with the bits that they ask for, and
    // says what would do.
    static CharterPlan create(const JointTerms& terms);
    // The plan of a charter. bad_input where its terms, parameters or release level are not those
    // that this program plans.
    static Expected<CharterPlan> of(const Charter& charter);
    // Puts recipe, preprocessing, published sums, parameters and release level into a charter that
    // has everything else.
    void write_to(Charter& charter) const;

    const JointTerms& terms() const noexcept { return terms_; }
    const Parameters& parameters() const noexcept;
    KeyRequest keys() const;
    std::size_t release_level() const noexcept { return 0; }
    // Of the coefficients that carry the model, and each holder's noise.
    std::size_t gap() const;
    double sigma() const;

    double security_bits() const;
    // log2 of the largest weight of the scaled model that is expected over the deviation of what
    // release adds to it.
    double release_bits() const;
    double statistical_bits() const;

    const TrainingPlan& training() const noexcept { return *training_; }

  private:
    CharterPlan(const JointTerms& terms, std::shared_ptr<const TrainingPlan> training)
        : terms_(terms), training_(std::move(training)) {}
    JointTerms terms_;
    std::shared_ptr<const TrainingPlan> training_;
};

}  // namespace cipherfit
