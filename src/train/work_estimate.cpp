#include "train/work_estimate.h"

#include "cipherfit/linalg/odd_polynomial.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace cipherfit {
namespace {

// Levels of a plan are counted by int.
class Counter {
  public:
    explicit Counter(const RingShape& ring) : counter_(ring) {}
    void decompose(int level, std::size_t times) { counter_.decompose(at(level), times); }
    void key_switch(int level, std::size_t times) { counter_.key_switch(at(level), times); }
    void full_switch(int level, std::size_t times) { counter_.full_switch(at(level), times); }
    void product(int level, std::size_t times) { counter_.product(at(level), times); }
    void rescale(int level, std::size_t times) { counter_.rescale(at(level), 2, times); }
    const OperationCounts& counts() const { return counter_.counts(); }

  private:
    static std::size_t at(int level) { return static_cast<std::size_t>(level); }
    OperationCounter counter_;
};

std::size_t log2_of(std::size_t power) {
    return static_cast<std::size_t>(std::bit_width(power) - 1);
}

// One of the two matrix products; see EncryptedFeatures::multiply.
void count_product(Counter& counter, const LaneLayout& layout, std::size_t babies,
                   std::size_t inner, std::size_t inputs, std::size_t outputs, int level) {
    const std::size_t c = layout.padded_classes();
    const std::size_t giants = c / babies;
    counter.decompose(level, inputs);
    counter.key_switch(level, inputs * (c - 1));
    if (inner > 1) {
        counter.decompose(level, inputs * (c / inner));
    }
    counter.product(level, inputs * outputs * c);
    counter.full_switch(level, outputs * (2 * giants - 1));
}

}  // namespace

OperationCounts count_babies(const LaneLayout& layout, const ShiftPlan& shifts,
                             const RingShape& ring, int level, bool with_forward) {
    Counter counter(ring);
    const std::size_t babies =
        shifts.backward_baby - 1 + (with_forward ? shifts.forward_baby - 1 : 0);
    counter.full_switch(level, layout.sample_blocks() * layout.feature_blocks() * babies);
    return counter.counts();
}

OperationCounts count_iteration(const LaneLayout& layout, const ShiftPlan& shifts, int degree,
                                const RingShape& ring, const IterationLevels& at) {
    Counter counter(ring);
    const std::size_t samples = layout.sample_blocks();
    const std::size_t features = layout.feature_blocks();
    const std::size_t folds = log2_of(layout.lane() / layout.padded_classes());
    if (at.forward >= 0) {
        count_product(counter, layout, shifts.forward_baby, shifts.inner, features, samples,
                      at.forward);
        counter.rescale(at.forward, 2 * samples);
        counter.full_switch(at.sigmoid, samples * folds);
    }
    if (at.sigmoid >= 0) {
        counter.full_switch(at.sigmoid, samples * odd_polynomial_relinearizations(degree));
        counter.product(at.sigmoid, samples * odd_polynomial_relinearizations(degree));
        counter.rescale(at.sigmoid, 2 * samples);
    }
    counter.full_switch(at.backward, samples * folds);
    count_product(counter, layout, shifts.backward_baby, shifts.inner, samples, features,
                  at.backward);
    counter.full_switch(at.backward, features * log2_of(layout.rows() / layout.padded_classes()));
    counter.rescale(at.backward, 4 * features);
    return counter.counts();
}

OperationCounts count_kernel(const KernelLayout& layout, std::size_t chunks,
                             const RingShape& ring) {
    Counter counter(ring);
    const int level = static_cast<int>(ring.q_limbs) - 1;
    const std::size_t blocks = layout.kernel_blocks();
    // Sums of three rotations; a last one of one where c' is no power of four.
    const std::size_t sums = (log2_of(layout.padded_classes()) + 1) / 2;
    const std::size_t rotations =
        3 * (log2_of(layout.padded_classes()) / 2) + log2_of(layout.padded_classes()) % 2;
    counter.decompose(level,
                      chunks * ((layout.giants() > 1 ? 1 : 0) + (layout.babies() > 1 ? 1 : 0)));
    counter.key_switch(level, chunks * (layout.giants() + layout.babies() - 2));
    counter.product(level, chunks * blocks);
    counter.full_switch(level, blocks);
    counter.decompose(level - 1, blocks * sums);
    counter.key_switch(level - 1, blocks * rotations);
    counter.rescale(level - 1, blocks);
    counter.full_switch(level - 2, blocks);
    counter.decompose(level - 2, blocks * sums);
    counter.key_switch(level - 2, blocks * rotations);
    return counter.counts();
}

OperationCounts count_iteration(const KernelLayout& layout, int degree, const RingShape& ring,
                                const IterationLevels& at, bool is_last) {
    Counter counter(ring);
    const std::size_t folds = log2_of(layout.lanes());
    // The product comes first, or last where the logits are what goes on.
    const bool ends_with_product = at.end < at.backward;
    const int product = ends_with_product ? at.backward : at.forward;
    if (product >= 0 && !(ends_with_product && is_last)) {
        if (layout.babies() > 1) {
            counter.decompose(product, 1);
            counter.key_switch(product, layout.babies() - 1);
        }
        counter.product(product, layout.kernel_blocks());
        counter.full_switch(product, layout.giants());
        counter.full_switch(product - 1, layout.giants() - 1 + folds);
    }
    if (at.sigmoid >= 0) {
        const std::size_t products = odd_polynomial_relinearizations(degree);
        counter.full_switch(at.sigmoid, products);
        counter.product(at.sigmoid, products);
        counter.rescale(at.sigmoid, 2);
        counter.full_switch(at.backward, folds);
    }
    counter.rescale(at.backward, 4);
    return counter.counts();
}

double estimated_memory(const LaneLayout& layout, const ShiftPlan& shifts, const RingShape& ring,
                        std::size_t keys, bool with_forward, std::size_t class_groups) {
    const double limb = std::exp2(ring.log_n) * sizeof(std::uint64_t);
    const auto q = static_cast<double>(ring.q_limbs);
    const double raised = q + static_cast<double>(ring.p_limbs);
    const double digits = std::ceil(q / static_cast<double>(ring.digit_size));
    const double ciphertext = 2 * q * limb;
    const auto samples = static_cast<double>(layout.sample_blocks());
    const auto features = static_cast<double>(layout.feature_blocks());

    const double key_bytes = static_cast<double>(keys) * 2 * digits * raised * limb;
    const auto copies =
        static_cast<double>(shifts.backward_baby + (with_forward ? shifts.forward_baby - 1 : 0));
    const auto groups = static_cast<double>(class_groups);
    const double data = (samples * features * copies + 2 * groups * samples) * ciphertext;
    // In a product: the raised operands, the rotations alive, sums and results; states and others.
    const double operands = std::max(samples, features);
    const double work = operands * digits * raised * limb + digits * raised * limb +
                        (std::max(16.0, static_cast<double>(shifts.inner)) + 2.5 * operands +
                         (2 + 4 * (groups - 1)) * features + 6) *
                            ciphertext;
    // NTT tables: four arrays a prime.
    return key_bytes + data + work + 4 * raised * limb + 64e6;
}

double estimated_memory(const KernelLayout& layout, std::size_t chunks, const RingShape& ring,
                        std::size_t keys) {
    const double limb = std::exp2(ring.log_n) * sizeof(std::uint64_t);
    const auto q = static_cast<double>(ring.q_limbs);
    const double raised = q + static_cast<double>(ring.p_limbs);
    const double digits = std::ceil(q / static_cast<double>(ring.digit_size));
    const double ciphertext = 2 * q * limb;
    const double key_bytes = static_cast<double>(keys) * 2 * digits * raised * limb;
    // The kernel, labels, start or Z_0; the state's rotations, sums, old and new states; a
    // decomposition and what a switch makes of it.
    double ciphertexts = static_cast<double>(layout.kernel_blocks() + layout.babies()) + 12;
    if (chunks > 0) {
        // While the kernel is made: the features, the sums of three parts, four chunks' rotations.
        const double making = 2 * static_cast<double>(chunks) +
                              1.5 * static_cast<double>(layout.kernel_blocks()) +
                              4 * static_cast<double>(layout.giants() + layout.babies()) + 6;
        ciphertexts = std::max(ciphertexts, making);
    }
    return key_bytes + ciphertexts * ciphertext + (digits + 2) * raised * limb + 4 * raised * limb +
           64e6;
}

double ciphertext_memory(const RingShape& ring) {
    return 2 * static_cast<double>(ring.q_limbs) * std::exp2(ring.log_n) * sizeof(std::uint64_t);
}

}  // namespace cipherfit
