// A trained model as Python holds it: all that scores new rows, and nothing of keys.
#pragma once

#include "bindings.h"
#include "cipherfit/backbone/feature_extractor.h"
#include "cipherfit/train/owner/calibration.h"
#include "cipherfit/train/owner/head.h"

#include <memory>
#include <optional>

namespace cipherfit::python {

struct Model {
    Head head;
    std::shared_ptr<const FeatureExtractor> extractor;  // null: columns as they are
    std::optional<Calibration> calibration;

    RowMatrix scores(const RowMatrix& rows) const {
        return head.scores(extractor ? extractor->transform(rows) : rows);
    }
    // Weights of the columns as they are, bias first, where the model is linear in them.
    std::optional<RowMatrix> column_weights() const;
};

void bind_model(nb::module_& module);

}  // namespace cipherfit::python
