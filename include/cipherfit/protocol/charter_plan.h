// The plan of a charter: everything public that follows from it. Whoever reads the same charter has
// the same plan. The arithmetic is solver/joint/plan.h's, whose text is the charter's recipe; here
// is what is done to the features before, and which sums are published for it.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/charter.h"
#include "cipherfit/protocol/job_files.h"
#include "cipherfit/protocol/joint_map.h"
#include "cipherfit/rlwe/evaluation_keys.h"
#include "cipherfit/rlwe/parameters.h"
#include "cipherfit/solver/joint/plan.h"

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cipherfit {

// What is done to the features before training, from published sums only.
//     none           nothing: features of a public network
//     centred        minus the pooled means, over one common factor
//     standardised   minus the pooled means, over the pooled standard deviations
//     components     the first principal components of the pooled covariance
//     whitened       the same, each divided by sqrt(its variance + a share of the total variance):
//                    all columns then have nearly the same size, and few iterations do
enum class Preparation { none, centred, standardised, components, whitened };
// Whether it takes components, and so publishes the sums of all products.
constexpr bool takes_components(Preparation preparation) noexcept {
    return preparation == Preparation::components || preparation == Preparation::whitened;
}
std::string_view name(Preparation preparation) noexcept;
Expected<Preparation> preparation_from_name(std::string_view name);
// The sums that both need (parties/contribution.h): what a charter publishes.
std::vector<std::string> published_sums(const JointMap& map, Preparation preparation);

// What a charter asks for.
struct JointTerms {
    std::size_t features = 0;  // columns of the rows
    std::size_t classes = 0;
    JointMap map;  // from columns to features
    Preparation preparation = Preparation::centred;
    std::size_t components = 0;  // of components and whitened
    // For whitened columns: the share of the total variance that is added to each component's.
    double whitening_ridge = 1e-4;
    // The longest prepared row, with its intercept: longer ones are shortened to it. 0: 8, or three
    // times the root of the columns where these are whitened.
    double row_bound = 0;
    // Its columns and classes are filled in from the above, and `lowest` where that is 0 and the
    // columns are whitened.
    JointTask task;

    std::size_t mapped() const { return map.features(features); }
    std::size_t columns() const {
        return 1 + (takes_components(preparation) ? components : mapped());
    }
    // Columns of the labels: one for two classes.
    std::size_t heads() const { return classes == 2 ? 1 : classes; }
};

class CharterPlan {
  public:
    // Throws Error(bad_input) where no ring holds these terms with the bits that they ask for, or
    // where a member would have to send more than a message holds, and says what would do.
    static CharterPlan create(const JointTerms& terms);
    // The plan of a charter. bad_input where its terms, parameters or release level are not those
    // that this program plans, insecure_parameters for a ring that is for tests only and hides
    // nothing.
    static Expected<CharterPlan> of(const Charter& charter,
                                    TestParameters tests = TestParameters::refuse);
    // Puts recipe, preprocessing, published sums, parameters and release level into a charter that
    // has everything else.
    void write_to(Charter& charter) const;

    const JointTerms& terms() const noexcept { return terms_; }
    const JointPlan& joint() const noexcept { return joint_; }
    const Parameters& parameters() const noexcept { return joint_.parameters(); }

    // 0 for parameters that are for tests only.
    double security_bits() const;
    // log2 of the statistical distance that flooding leaves, turned round (flooding.h).
    double statistical_bits() const;

  private:
    CharterPlan(const JointTerms& terms, JointPlan joint)
        : terms_(terms), joint_(std::move(joint)) {}
    JointTerms terms_;
    JointPlan joint_;
};

}  // namespace cipherfit
