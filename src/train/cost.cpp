#include "cipherfit/train/cost.h"

#include "cipherfit/linalg/odd_polynomial.h"
#include "train/refresh.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace cipherfit {
namespace {

// Adds up operations in units of one NTT of a limb of N = 2^16. A multiply-add over a limb (in an
// inner product, a product or a base conversion) is a small part of a transform.
class Counter {
  public:
    explicit Counter(const RingShape& ring)
        : ring_(ring), unit_(std::exp2(static_cast<int>(ring.log_n) - 16) * ring.log_n / 16.0) {}

    void decompose(int level, std::size_t times) {
        counts_.decompositions += times;
        const double raised = limbs(level) + special();
        add(times, digits(level) * raised + limbs(level) * raised * conversion_share);
    }
    void key_switch(int level, std::size_t times) {
        counts_.switches += times;
        const double raised = limbs(level) + special();
        add(times, 2 * raised + 2 * special() * limbs(level) * conversion_share +
                       2 * digits(level) * raised * multiply_add_share);
    }
    void full_switch(int level, std::size_t times) {
        decompose(level, times);
        key_switch(level, times);
    }
    void product(int level, std::size_t times) {
        counts_.products += times;
        add(times, 4 * limbs(level) * multiply_add_share);
    }
    void rescale(int level, std::size_t times) { add(times, 2 * limbs(level)); }
    const OperationCounts& counts() const { return counts_; }

  private:
    static constexpr double multiply_add_share = 0.15;
    static constexpr double conversion_share = 0.05;
    double limbs(int level) const { return level + 1; }
    double special() const { return static_cast<double>(ring_.p_limbs); }
    double digits(int level) const {
        return std::ceil(limbs(level) / static_cast<double>(ring_.digit_size));
    }
    void add(std::size_t times, double transforms) {
        counts_.limb_transforms += static_cast<double>(times) * transforms * unit_;
    }
    RingShape ring_;
    double unit_;
    OperationCounts counts_;
};

std::size_t log2_of(std::size_t power) {
    return static_cast<std::size_t>(std::bit_width(power) - 1);
}

// One of the two matrix products; see EncryptedFeatures::multiply.
void count_product(Counter& counter, const LaneLayout& layout, std::size_t babies,
                   std::size_t inner, std::size_t inputs, std::size_t outputs, int level) {
    const std::size_t c = layout.padded_classes();
    const std::size_t giants = c / babies;
    counter.decompose(level, c > 1 ? inputs : 0);
    counter.key_switch(level, inputs * (c - 1));
    if (inner > 1) {
        counter.decompose(level, inputs * (c / inner));
    }
    counter.product(level, inputs * outputs * c);
    counter.full_switch(level, outputs * (2 * giants - 1));
}

// Chunks of features of which the server makes the kernel; 0 where it does not.
std::size_t server_chunks(const TrainingPlan& plan) {
    return plan.kernel_source() == KernelSource::server
               ? plan.kernel().feature_chunks(plan.shape().features)
               : 0;
}

RingShape ring_shape(const Parameters& parameters) {
    return {parameters.log_n(), parameters.max_level() + 1, parameters.special_primes(),
            parameters.digit_size()};
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
                                const IterationLevels& at) {
    Counter counter(ring);
    const std::size_t folds = log2_of(layout.lanes());
    // The product comes first, or last where the logits are what goes on.
    const int product = at.end < at.backward ? at.backward : at.forward;
    if (product >= 0) {
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

OperationCounts& operator+=(OperationCounts& sum, const OperationCounts& counts) {
    sum.decompositions += counts.decompositions;
    sum.switches += counts.switches;
    sum.products += counts.products;
    sum.limb_transforms += counts.limb_transforms;
    return sum;
}

OperationCounts count_operations(const TrainingPlan& plan, int iteration) {
    const RingShape ring = ring_shape(plan.parameters());
    const bool primal = plan.solver() == Solver::primal;
    const bool streamed = plan.batches() > 1;
    const auto babies = [&](std::size_t batch, bool with_forward) {
        return count_babies(plan.layout(), plan.shifts(), ring,
                            static_cast<int>(plan.feature_level(batch)), with_forward);
    };
    if (iteration < 0) {
        if (primal) {
            return streamed ? OperationCounts{} : babies(0, plan.recipe().iterations > 1);
        }
        const std::size_t chunks = server_chunks(plan);
        return chunks > 0 ? count_kernel(plan.kernel(), chunks, ring) : OperationCounts{};
    }
    const IterationLevels& at = plan.levels()[static_cast<std::size_t>(iteration)];
    const int degree = plan.recipe().sigmoid.degree();
    OperationCounts counts;
    for (std::size_t group = 0; group < plan.class_groups(); ++group) {
        counts += primal ? count_iteration(plan.layout(), plan.shifts(), degree, ring, at)
                         : count_iteration(plan.kernel(), degree, ring, at);
    }
    if (streamed) {
        counts += babies(plan.batch_of(iteration), at.forward >= 0);
    }
    if (at.refresh) {
        counts.limb_transforms +=
            static_cast<double>(plan.bootstraps_per_refresh()) *
            refresh_transforms(ring.log_n, plan.refresh()->bootstrap.literal().log_slots);
    }
    return counts;
}

double server_memory_bytes(const LaneLayout& layout, const ShiftPlan& shifts, const RingShape& ring,
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

double server_memory_bytes(const KernelLayout& layout, std::size_t chunks, const RingShape& ring,
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

double ciphertext_memory_bytes(const RingShape& ring) {
    return 2 * static_cast<double>(ring.q_limbs) * std::exp2(ring.log_n) * sizeof(std::uint64_t);
}

PlanCost plan_cost(const TrainingPlan& plan) {
    const Parameters& parameters = plan.parameters();
    PlanCost cost;
    cost.preparation = count_operations(plan, -1);
    for (int t = 0; t < plan.recipe().iterations; ++t) {
        cost.iterations += count_operations(plan, t);
    }
    const KeyRequest request = plan.keys();
    cost.evaluation_keys = request.levels().size();
    for (const auto& [id, level] : request.levels()) {
        cost.evaluation_key_bytes +=
            static_cast<double>(switching_key_packed_bytes(parameters, level, id));
        cost.evaluation_key_memory_bytes +=
            static_cast<double>(switching_key_memory_bytes(parameters, level, id));
    }
    const auto packed = [&](std::size_t level) {
        double bits = 0;
        for (std::size_t i = 0; i <= level; ++i) {
            bits += static_cast<double>(std::bit_width(parameters.q(i)));
        }
        return bits * static_cast<double>(parameters.n()) / 8;
    };
    for (std::size_t batch = 0; batch < plan.batches(); ++batch) {
        cost.upload_bytes +=
            static_cast<double>(plan.feature_ciphertexts()) * packed(plan.feature_level(batch)) +
            static_cast<double>(plan.label_ciphertexts() + plan.logit_ciphertexts()) *
                packed(plan.label_level(batch));
    }
    cost.upload_bytes += static_cast<double>(plan.start_ciphertexts()) * packed(plan.start_level());
    cost.download_bytes = 2 * static_cast<double>(plan.state_ciphertexts()) *
                          packed(static_cast<std::size_t>(plan.levels().back().end));
    // Training lives at the levels that a bootstrapping leaves.
    RingShape ring = ring_shape(parameters);
    double bootstrapping = 0;
    if (plan.refresh()) {
        ring.q_limbs = plan.refresh()->bootstrap.levels() + 1;
        bootstrapping =
            refresh_memory_bytes(ring.log_n, plan.refresh()->bootstrap.literal().log_slots);
    }
    // A second batch is read while one is in use.
    const double read_ahead = plan.batches() > 1 ? static_cast<double>(plan.feature_ciphertexts() +
                                                                       plan.label_ciphertexts() +
                                                                       plan.logit_ciphertexts()) *
                                                       ciphertext_memory_bytes(ring)
                                                 : 0;
    cost.peak_memory_bytes =
        cost.evaluation_key_memory_bytes + bootstrapping + read_ahead +
        (plan.solver() == Solver::primal
             ? server_memory_bytes(plan.layout(), plan.shifts(), ring, 0,
                                   plan.recipe().iterations > 1, plan.class_groups())
             : server_memory_bytes(plan.kernel(), server_chunks(plan), ring, 0));
    return cost;
}

}  // namespace cipherfit
