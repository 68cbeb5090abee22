// The public map from rows to features that a charter may name: drawn from a seed, the same for
// everybody, and of nobody's rows. It stands in the charter as text. What computes it is on the
// owner's side (protocol/owner/joint_preparation.h); here is what everybody can check.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/parties/contribution.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cipherfit {

//     none         the rows' columns are the features
//     random_conv  random convolutions of grey images (backbone/random_conv.h)
//     rbf          columns standardised by their pooled means and deviations, then random Fourier
//                  features (backbone/whitened_features.h)
enum class JointMapKind { none, random_conv, rbf };

struct JointMap {
    JointMapKind kind = JointMapKind::none;
    std::uint64_t seed = 1;
    // For random_conv, whose pixels are 0 to 255.
    std::size_t height = 0, width = 0;
    std::size_t filters = 64, filter_size = 5, grid = 4;
    double threshold = 0.3;
    bool unit_rows = true;
    // For rbf: the number of cosines, and gamma times the number of columns.
    std::size_t cosines = 1024;
    double rbf_width = 0.1;

    // How many features come of rows of so many columns.
    std::size_t features(std::size_t columns) const noexcept;
    // bad_input where the columns do not fit, or where there are more than `most_features`: the
    // sums of their products would be too many.
    Expected<void> check(std::size_t columns) const;

    // "none", or JSON with exactly the kind's members.
    std::string to_text() const;
    // Untrusted: never throws. bad_input for a text that to_text() would not write.
    static Expected<JointMap> from_text(std::string_view text);

    static constexpr std::size_t most_features = most_mapped_features;
    friend bool operator==(const JointMap&, const JointMap&) = default;
};

// "none", "random-conv" or "rbf".
std::string_view name(JointMapKind kind) noexcept;
Expected<JointMapKind> joint_map_from_name(std::string_view name);

}  // namespace cipherfit
