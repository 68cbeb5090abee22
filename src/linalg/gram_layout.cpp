#include "cipherfit/linalg/gram_layout.h"

#include "cipherfit/base/error.h"

#include <algorithm>
#include <bit>

namespace cipherfit {
namespace {

std::size_t padded_count(std::size_t classes, std::size_t least) noexcept {
    return std::bit_ceil(std::max(classes, least));
}

}  // namespace

bool GramLayout::fits(std::size_t slots, std::size_t samples, std::size_t classes,
                      std::size_t least_padded) noexcept {
    return samples <= slots && std::max(classes, least_padded) <= slots &&
           std::bit_ceil(samples) * padded_count(classes, least_padded) <= slots;
}

GramLayout GramLayout::create(std::size_t slots, std::size_t samples, std::size_t classes,
                              std::size_t babies, std::size_t least_padded) {
    require(samples >= 1 && classes >= 1, ErrorCode::invalid_argument,
            "need at least one sample and class, got {} and {}", samples, classes);
    require(std::has_single_bit(slots) && fits(slots, samples, classes, least_padded),
            ErrorCode::invalid_argument, "{} samples of {} classes do not fit {} slots", samples,
            classes, slots);
    GramLayout layout;
    layout.samples_ = samples;
    layout.classes_ = classes;
    layout.padded_classes_ = padded_count(classes, least_padded);
    layout.rows_ = std::bit_ceil(samples);
    layout.lanes_ = slots / (layout.rows_ * layout.padded_classes_);
    // More lanes than rows would meet every diagonal twice.
    while (layout.lanes_ > layout.rows_) {
        layout.rows_ *= 2;
        layout.lanes_ /= 2;
    }
    layout.babies_ = babies;
    require(std::has_single_bit(babies) && babies <= layout.gram_blocks(),
            ErrorCode::invalid_argument, "the baby steps must be a power of two up to {}, got {}",
            layout.gram_blocks(), babies);
    return layout;
}

std::vector<double> GramLayout::pack_gram(MatrixView k, std::size_t q) const {
    require(k.rows == samples_ && k.columns == samples_ && q < gram_blocks(),
            ErrorCode::invalid_argument, "cannot pack block {} of a {} x {} Gram matrix", q, k.rows,
            k.columns);
    const std::size_t back = q / babies_ * babies_ * lanes_;
    std::vector<double> slots(this->slots());
    for (std::size_t i = 0; i < samples_; ++i) {
        for (std::size_t g = 0; g < lanes_; ++g) {
            const std::size_t j = (i + lanes_ * q + g) % rows_;
            if (j < samples_) {
                std::fill_n(slots.begin() + static_cast<std::ptrdiff_t>(slot(i + back, g, 0)),
                            padded_classes_, k(i, j));
            }
        }
    }
    return slots;
}

std::vector<double> GramLayout::pack_values(MatrixView a) const {
    require(a.rows == samples_ && a.columns == classes_, ErrorCode::invalid_argument,
            "cannot pack a {} x {} matrix as {} x {}", a.rows, a.columns, samples_, classes_);
    std::vector<double> slots(this->slots());
    for (std::size_t i = 0; i < samples_; ++i) {
        for (std::size_t m = 0; m < classes_; ++m) {
            slots[slot(i, 0, m)] = a(i, m);
        }
    }
    return slots;
}

std::vector<double> GramLayout::pack_replicas(MatrixView a) const {
    const std::vector<double> values = pack_values(a);
    std::vector<double> slots(values.size());
    for (std::size_t i = 0; i < rows_; ++i) {
        for (std::size_t g = 0; g < lanes_; ++g) {
            for (std::size_t m = 0; m < padded_classes_; ++m) {
                slots[slot(i, g, m)] = values[slot(i + g, 0, m)];
            }
        }
    }
    return slots;
}

std::vector<double> GramLayout::pack_chunk(MatrixView x, std::size_t p, bool skewed) const {
    require(x.rows == samples_ && p < feature_chunks(x.columns), ErrorCode::invalid_argument,
            "cannot pack chunk {} of {} x {} features of {} samples", p, x.rows, x.columns,
            samples_);
    const std::size_t first = p * padded_classes_;
    const std::size_t count = std::min(padded_classes_, x.columns - first);
    std::vector<double> slots(this->slots());
    for (std::size_t i = 0; i < rows_; ++i) {
        for (std::size_t g = 0; g < lanes_; ++g) {
            const std::size_t row = (i + (skewed ? g : 0)) % rows_;
            for (std::size_t m = 0; row < samples_ && m < count; ++m) {
                slots[(slot(i, g, m) + padded_classes_) % slots.size()] = x(row, first + m);
            }
        }
    }
    return slots;
}

std::vector<double> GramLayout::pack_rows(MatrixView x, std::size_t p) const {
    return pack_chunk(x, p, false);
}

std::vector<double> GramLayout::pack_skewed_rows(MatrixView x, std::size_t p) const {
    return pack_chunk(x, p, true);
}

std::vector<double> GramLayout::value_mask() const {
    const std::vector<double> ones(samples_ * classes_, 1.0);
    return pack_values({ones.data(), samples_, classes_});
}

std::vector<double> GramLayout::unpack_replicas(std::span<const double> slots) const {
    require(slots.size() == this->slots(), ErrorCode::invalid_argument,
            "the layout has {} slots, got {}", this->slots(), slots.size());
    std::vector<double> values(samples_ * classes_);
    for (std::size_t i = 0; i < samples_; ++i) {
        for (std::size_t m = 0; m < classes_; ++m) {
            for (std::size_t g = 0; g < lanes_; ++g) {
                values[i * classes_ + m] += slots[slot(i + rows_ - g, g, m)];
            }
            values[i * classes_ + m] /= static_cast<double>(lanes_);
        }
    }
    return values;
}

std::vector<double> GramLayout::unpack_values(std::span<const double> slots) const {
    require(slots.size() == this->slots(), ErrorCode::invalid_argument,
            "the layout has {} slots, got {}", this->slots(), slots.size());
    std::vector<double> values(samples_ * classes_);
    for (std::size_t i = 0; i < samples_; ++i) {
        for (std::size_t m = 0; m < classes_; ++m) {
            values[i * classes_ + m] = slots[slot(i, 0, m)];
        }
    }
    return values;
}

}  // namespace cipherfit
