// The seam between the owner's data and the head that is trained on ciphertexts: whatever turns
// rows of pixels, or of a network's features, into the features that are trained on, in the clear,
// on the owner's machine.
//
// Life of an extractor: create, fit on the TRAINING images only, transform any images, save beside
// the owner's other private state, load to classify later images the same way.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/matrix.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include <Eigen/Core>
#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

// Height and width of a grey image in pixels.
struct ImageShape {
    Eigen::Index height = 0;
    Eigen::Index width = 0;

    Eigen::Index pixels() const noexcept { return height * width; }
    bool operator==(const ImageShape&) const = default;
};

// Told from the calling thread, between pieces of work, how many of how many images are done. May
// throw, which ends the work.
using FeatureProgress = std::function<void(Eigen::Index done, Eigen::Index total)>;

// Images are the rows of a matrix, pixel by pixel from the top left corner, row-major, with the
// values 0 (black) to 255 (white) of the usual 8-bit formats. An extractor says in its own header
// whether it takes images or any numbers.
class FeatureExtractor {
  public:
    FeatureExtractor() = default;
    FeatureExtractor(const FeatureExtractor&) = delete;
    FeatureExtractor& operator=(const FeatureExtractor&) = delete;
    virtual ~FeatureExtractor() = default;

    // The kind, e.g. "random-conv": how the command line and the saved state name it.
    virtual std::string name() const = 0;
    // Values per row that fit() and transform() take: pixels, or features of another source.
    virtual Eigen::Index input_dimension() const = 0;
    // Features per image; 0 before fit().
    virtual Eigen::Index output_dimension() const = 0;

    // Learns from the training images (n x pixels) what there is to learn without labels; a second
    // call replaces the first. Throws Error (bad_input) for images of another size, values outside
    // 0..255, or images that are too few or all alike; whatever `progress` throws, and then the
    // extractor is as it was before.
    // Rows of larger `row_weights` count for more in means and variances; empty: all alike.
    void fit(const RowMatrix& images, const FeatureProgress& progress = {},
             const Eigen::VectorXd& row_weights = {});

    // Features of n >= 0 images, n x output_dimension(). A row depends on its own image alone, to
    // the last bit. Throws Error (bad_input) as fit() does, (invalid_argument) before fit().
    RowMatrix transform(const RowMatrix& images, const FeatureProgress& progress = {}) const;

    // All that feature_extractor_from_json() needs; doubles survive bit for bit. Throws Error
    // (invalid_argument) before fit().
    virtual nlohmann::json state() const = 0;

    // transform() as a list of steps for NumPy, with every constant spelled out, as
    // docs/reference/pipeline.md describes them. Throws Error (invalid_argument) before fit(),
    // (bad_input) for a kind that has none.
    virtual nlohmann::json steps() const;

  private:
    // `progress` can be called.
    virtual void fit_rows(const RowMatrix& images, const Eigen::VectorXd& row_weights,
                          const FeatureProgress& progress) = 0;
    virtual RowMatrix transform_rows(const RowMatrix& images,
                                     const FeatureProgress& progress) const = 0;
};

// The extractor whose state() this is. Untrusted JSON of another shape gives
// ErrorCode::corrupt_data, the state of a newer format ErrorCode::unsupported_version.
Expected<std::unique_ptr<FeatureExtractor>> feature_extractor_from_json(const nlohmann::json& json);

// Writes state() to `file`, whole or not at all. The state is derived from the training images:
// the file is readable by the user alone. Throws Error (io_failure).
void save_feature_extractor(const FeatureExtractor& extractor, const std::filesystem::path& file);

// The extractor of a file written by save_feature_extractor(). ErrorCode::io_failure where the file
// cannot be read, ErrorCode::bad_input where it is larger than any state (1 GiB), else the errors
// of feature_extractor_from_json().
Expected<std::unique_ptr<FeatureExtractor>> load_feature_extractor(
    const std::filesystem::path& file);

}  // namespace cipherfit
