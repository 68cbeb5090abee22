#include "cipherfit/linalg/lane_layout.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <bit>

namespace cipherfit {
LaneLayout LaneLayout::create(std::size_t slots, std::size_t lane, std::size_t samples,
                              std::size_t features, std::size_t classes) {
    require(samples >= 1 && features >= 1 && classes >= 1, ErrorCode::invalid_argument,
            "need at least one sample, feature and class, got {} x {} and {} classes", samples,
            features, classes);
    require(classes <= slots, ErrorCode::invalid_argument, "{} classes do not fit {} slots",
            classes, slots);
    const std::size_t c = std::bit_ceil(classes);
    require(std::has_single_bit(slots) && std::has_single_bit(lane) && lane >= 2 * c &&
                lane * c <= slots,
            ErrorCode::invalid_argument,
            "a lane must be a power of two from {} to {} for {} slots and {} classes, got {}",
            2 * c, slots / c, slots, classes, lane);
    LaneLayout layout;
    layout.slots_ = slots;
    layout.lane_ = lane;
    layout.samples_ = samples;
    layout.features_ = features;
    layout.classes_ = classes;
    layout.padded_classes_ = c;
    return layout;
}

std::vector<std::size_t> LaneLayout::possible_lanes(std::size_t slots, std::size_t classes) {
    std::vector<std::size_t> lanes;
    if (classes <= slots) {
        const std::size_t c = std::bit_ceil(classes);
        for (std::size_t lane = 2 * c; lane * c <= slots; lane *= 2) {
            lanes.push_back(lane);
        }
    }
    return lanes;
}

std::vector<double> LaneLayout::pack_features(MatrixView x, std::size_t rho, std::size_t b) const {
    require(x.rows == samples_ && x.columns == features_ && rho < sample_blocks() &&
                b < feature_blocks(),
            ErrorCode::invalid_argument, "cannot pack block ({}, {}) of a {} x {} matrix", rho, b,
            x.rows, x.columns);
    std::vector<double> slots(slots_);
    const std::size_t halo = padded_classes_ - 1;
    const std::size_t first = b * features_per_block();
    const std::size_t count = std::min(features_per_block(), features_ - first);
    for (std::size_t i = 0; i < rows() && rho * rows() + i < samples_; ++i) {
        const double* row = x.data + (rho * rows() + i) * x.columns + first;
        std::copy_n(row, count, slots.data() + i * lane_ + halo);
    }
    return slots;
}

std::vector<double> LaneLayout::pack_logits(MatrixView z, std::size_t rho) const {
    require(z.rows == samples_ && z.columns == classes_ && rho < sample_blocks(),
            ErrorCode::invalid_argument, "cannot pack block {} of a {} x {} matrix", rho, z.rows,
            z.columns);
    std::vector<double> slots(slots_);
    for (std::size_t i = 0; i < rows() && rho * rows() + i < samples_; ++i) {
        for (std::size_t j = 0; j < padded_classes_; ++j) {
            const std::size_t k = class_of(i, j);
            slots[i * lane_ + j] = k < classes_ ? z(rho * rows() + i, k) : 0.0;
        }
    }
    return slots;
}

std::vector<double> LaneLayout::logit_mask(std::size_t rho) const {
    require(rho < sample_blocks(), ErrorCode::invalid_argument, "there is no block {} of {}", rho,
            sample_blocks());
    std::vector<double> slots(slots_);
    for (std::size_t i = 0; i < rows() && rho * rows() + i < samples_; ++i) {
        for (std::size_t j = 0; j < padded_classes_; ++j) {
            slots[i * lane_ + j] = class_of(i, j) < classes_ ? 1.0 : 0.0;
        }
    }
    return slots;
}

std::vector<double> LaneLayout::pack_model(MatrixView u, std::size_t b) const {
    require(u.rows == classes_ && u.columns == features_ && b < feature_blocks(),
            ErrorCode::invalid_argument, "cannot pack block {} of a {} x {} model", b, u.rows,
            u.columns);
    std::vector<double> slots(slots_);
    const std::size_t halo = padded_classes_ - 1;
    const std::size_t first = b * features_per_block();
    for (std::size_t i = 0; i < rows(); ++i) {
        for (std::size_t j = halo; j < lane_ && first + j - halo < features_; ++j) {
            const std::size_t k = class_of(i, j);
            slots[i * lane_ + j] = k < classes_ ? u(k, first + j - halo) : 0.0;
        }
    }
    return slots;
}

std::vector<double> LaneLayout::unpack_model(std::span<const std::vector<double>> blocks) const {
    require(blocks.size() == feature_blocks(), ErrorCode::invalid_argument,
            "a model has {} blocks here, got {}", feature_blocks(), blocks.size());
    std::vector<double> u(classes_ * features_);
    const std::size_t halo = padded_classes_ - 1;
    const std::size_t replicas_of_each = rows() / padded_classes_;
    const auto replicas = static_cast<double>(replicas_of_each);
    for (std::size_t b = 0; b < blocks.size(); ++b) {
        const std::size_t first = b * features_per_block();
        for (std::size_t i = 0; i < rows(); ++i) {
            for (std::size_t j = halo; j < lane_ && first + j - halo < features_; ++j) {
                const std::size_t k = class_of(i, j);
                if (k < classes_) {
                    u[k * features_ + first + j - halo] += blocks[b][i * lane_ + j] / replicas;
                }
            }
        }
    }
    return u;
}

std::vector<double> LaneLayout::unpack_logits(std::span<const std::vector<double>> blocks) const {
    require(blocks.size() == sample_blocks(), ErrorCode::invalid_argument,
            "logits have {} blocks here, got {}", sample_blocks(), blocks.size());
    std::vector<double> z(samples_ * classes_);
    for (std::size_t sample = 0; sample < samples_; ++sample) {
        const std::size_t i = sample % rows();
        for (std::size_t j = 0; j < padded_classes_; ++j) {
            const std::size_t k = class_of(i, j);
            if (k < classes_) {
                z[sample * classes_ + k] = blocks[sample / rows()][i * lane_ + j];
            }
        }
    }
    return z;
}

}  // namespace cipherfit
