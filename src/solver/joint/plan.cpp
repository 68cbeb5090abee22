#include "cipherfit/solver/joint/plan.h"

#include "cipherfit/circuit/folds.h"
#include "cipherfit/circuit/memory.h"
#include "cipherfit/circuit/recorder.h"
#include "cipherfit/circuit/symbolic_operations.h"
#include "cipherfit/rlwe/multiparty/flooding.h"
#include "cipherfit/rlwe/security.h"
#include "cipherfit/solver/joint/training.h"
#include "solver/joint/plan_choice.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>

namespace cipherfit {
namespace {

constexpr unsigned release_prime_bits = 45;
constexpr unsigned least_prime_bits = 30;
constexpr unsigned most_prime_bits = 40;
constexpr unsigned smallest_log_n = 12;
constexpr unsigned largest_log_n = 17;
// Bits of the special primes above those of a digit: a key switch then adds next to nothing to its
// rounding.
constexpr double special_margin = 12;
// Bits that the release's modulus keeps above the largest weight.
constexpr double headroom = 6;
// Bits above the least ones from which no larger primes are looked for.
constexpr double comfort = 6;

std::size_t prime_count(const JointTask& task) {
    return 2 * static_cast<std::size_t>(task.iterations);
}

JointLayout layout_of(const JointTask& task, unsigned log_n) {
    const auto padded = static_cast<unsigned>(std::bit_width(task.columns - 1));
    const std::size_t babies = std::size_t{1} << ((padded + 1) / 2);
    return JointLayout::create(std::size_t{1} << (log_n - 1), task.columns, task.classes, babies,
                               std::min<std::size_t>(babies, 4));
}

// Rounded up, so that machines whose square roots differ in the last bit agree.
double rounded_up(double value) {
    int exponent = 0;
    const double fraction = std::frexp(value, &exponent);
    return std::ldexp(std::ceil(fraction * 1024), exponent - 10);
}

// The least digits with which log2(QP) is within the table; nothing where none are.
std::optional<ParametersLiteral> literal_of(const JointTask& task, const JointChoice& choice) {
    ParametersLiteral literal{.log_n = choice.log_n,
                              .q_bits = std::vector<unsigned>(prime_count(task), choice.prime_bits),
                              .p_bits = {},
                              .digits = 0,
                              .insecure_for_tests_only = task.insecure_for_tests_only};
    literal.q_bits[0] = literal.q_bits[1] = release_prime_bits;
    const double log_q = std::accumulate(literal.q_bits.begin(), literal.q_bits.end(), 0.0);
    for (literal.digits = std::min<unsigned>(2, static_cast<unsigned>(literal.q_bits.size()));
         literal.digits <= literal.q_bits.size(); ++literal.digits) {
        const std::size_t size = (literal.q_bits.size() + literal.digits - 1) / literal.digits;
        const double digit = 2.0 * (release_prime_bits - choice.prime_bits) +
                             static_cast<double>(size) * choice.prime_bits + special_margin;
        const auto count = static_cast<std::size_t>(std::ceil(digit / 50));
        const auto bits = static_cast<unsigned>(std::ceil(digit / static_cast<double>(count)));
        const double log_qp = log_q + static_cast<double>(count * bits);
        // What Parameters take.
        if (size > 60 || literal.q_bits.size() + count > 128) {
            continue;
        }
        if (task.insecure_for_tests_only ||
            log_qp <= largest_secure_log_qp(choice.log_n, SecurityLevel::classical_128) - 0.5) {
            literal.p_bits.assign(count, bits);
            return literal;
        }
    }
    return std::nullopt;
}

}  // namespace

Expected<void> check_joint_task(const JointTask& task) {
    const auto refuse = [](std::string_view why) {
        return make_error(ErrorCode::bad_input, "joint training {}", why);
    };
    if (task.columns < 2 || task.columns > 65536 || task.classes < 1 || task.classes > 65536) {
        return refuse("takes 2 to 65536 columns and 1 to 65536 classes");
    }
    if (task.iterations < 2 || task.iterations > 64) {
        return refuse("takes 2 to 64 iterations");
    }
    if (task.threshold < 1 || task.threshold > task.holders || task.holders > most_holders) {
        return refuse("takes 1 to 8 holders and a threshold up to their number");
    }
    if (task.contributors < 1 || task.contributors > 256) {
        return refuse("takes 1 to 256 contributors");
    }
    const double lowest = task.lowest == 0 ? task.ridge : task.lowest;
    if (!(task.ridge > 0 && task.ridge <= lowest && lowest < 1)) {
        return refuse(
            "takes a ridge above 0, and a lowest eigenvalue of at least the ridge and "
            "below 1");
    }
    if (!(task.kappa >= smallest_kappa && task.kappa <= 128)) {
        return refuse("takes a kappa of 30 to 128 bits");
    }
    if (!(task.largest_weight >= 0 && task.largest_weight <= 1e6) ||
        !(task.least_bits >= 0 && task.least_bits <= 60)) {
        return refuse("takes a largest weight of 0 (unknown) to 1e6 and 0 to 60 least bits");
    }
    if (task.log_n && (*task.log_n > largest_log_n ||
                       *task.log_n < (task.insecure_for_tests_only ? 5U : smallest_log_n))) {
        return refuse("takes a ring of log_n 12 to 17");
    }
    return {};
}

JointChoice choice_of(const JointPlan& plan) {
    const Parameters& parameters = plan.parameters();
    return {parameters.log_n(),
            static_cast<unsigned>(std::lround(std::log2(static_cast<double>(parameters.q(2)))))};
}

bool joint_choice_fits(const JointTask& task, const JointChoice& choice) {
    const unsigned smallest = task.insecure_for_tests_only ? 5 : smallest_log_n;
    return choice.log_n >= smallest && choice.log_n <= largest_log_n &&
           (!task.log_n || *task.log_n == choice.log_n) && choice.prime_bits >= least_prime_bits &&
           choice.prime_bits <= most_prime_bits &&
           JointLayout::fits(std::size_t{1} << (choice.log_n - 1), task.columns, task.classes);
}

double expected_largest_weight(const JointTask& task) {
    if (task.largest_weight > 0) {
        return task.largest_weight;
    }
    const double share = 0.35 / std::sqrt(static_cast<double>(task.columns));
    const auto classes = static_cast<double>(task.classes);
    return task.classes > 2 ? std::max(0.5 - 1 / classes, share) : share;
}

JointPlan::JointPlan(const JointTask& task, const Parameters& parameters, const JointLayout& layout,
                     std::vector<JointStep> steps)
    : task_(task), parameters_(parameters), layout_(layout), steps_(std::move(steps)) {
    const std::size_t top = parameters.max_level();
    const double gram = steps_[1].update * static_cast<double>(parameters.q(top)) *
                        static_cast<double>(parameters.q(top - 1));
    upload_scale_ = gram / static_cast<double>(layout.unpacking_factor());
    // A weight is at most the norm of a column of V_T; the states' scales wander a little.
    moments_scale_ = steps_[0].update;
    const double wandered = release_scale();
    const double largest = 0.5 * joint_gains(steps_).model.back() * wandered;
    const double room = parameters.log_q(release_level()) - 1 - headroom - std::log2(largest);
    moments_scale_ *= std::exp2(std::floor(room));
    bound_ = joint_error_bound(error_shape());
    sigma_ = rounded_up(
        flooding_sigma({.kappa = task.kappa, .releases = releases(), .error_norm = bound_.total}));
}

JointErrorShape JointPlan::error_shape() const {
    JointErrorShape shape{.layout = layout_,
                          .steps = steps_,
                          .q = {},
                          .p = {},
                          .digit_size = parameters_.digit_size(),
                          .dealers = task_.threshold,
                          .contributors = task_.contributors,
                          .upload_scale = upload_scale_,
                          .gram_scale = gram_scale(),
                          .moments_scale = moments_scale_,
                          .state_scales = {}};
    for (std::size_t i = 0; i <= parameters_.max_level(); ++i) {
        shape.q.push_back(static_cast<double>(parameters_.q(i)));
    }
    for (std::size_t i = 0; i < parameters_.special_primes(); ++i) {
        shape.p.push_back(static_cast<double>(parameters_.p(i)));
    }
    for (int t = 1; t <= task_.iterations; ++t) {
        shape.state_scales.push_back(state_scale(t));
    }
    return shape;
}

Expected<JointPlan> JointPlan::create(const JointTask& task) {
    if (auto checked = check_joint_task(task); !checked) {
        return tl::unexpected<ErrorInfo>(checked.error());
    }
    std::optional<JointPlan> best;
    const unsigned first = task.log_n.value_or(smallest_log_n);
    const unsigned last = task.log_n.value_or(largest_log_n);
    bool fits = false;
    for (unsigned log_n = first; log_n <= last; ++log_n) {
        if (!JointLayout::fits(std::size_t{1} << (log_n - 1), task.columns, task.classes)) {
            continue;
        }
        fits = true;
        for (unsigned bits = least_prime_bits; bits <= most_prime_bits; ++bits) {
            auto plan = assemble_joint_plan(task, {log_n, bits});
            if (!plan) {
                break;
            }
            if (!best || plan->release_bits() > best->release_bits()) {
                best.emplace(std::move(*plan));
            }
            if (best->release_bits() >= task.least_bits + comfort) {
                return std::move(*best);
            }
        }
        if (best && best->release_bits() >= task.least_bits) {
            return std::move(*best);
        }
    }
    if (!fits) {
        return make_error(ErrorCode::bad_input,
                          "{} columns and {} classes fit no ring: take fewer of either, so that "
                          "their products as powers of two are at most {}",
                          task.columns, task.classes, std::size_t{1} << (last - 1));
    }
    if (!best) {
        return make_error(ErrorCode::bad_input,
                          "{} iterations fit no ring at 128 bits: take fewer, or a larger ring",
                          task.iterations);
    }
    return make_error(
        ErrorCode::bad_input,
        "a release would leave {:.1f} bits of the largest weight, and {:g} are asked for: take "
        "fewer iterations, a larger ridge than {:g}, or a smaller kappa than {:g} (30 at least)",
        best->release_bits(), task.least_bits, task.ridge, task.kappa);
}

std::optional<JointPlan> assemble_joint_plan(const JointTask& task, const JointChoice& choice) {
    const auto literal = literal_of(task, choice);
    if (!literal) {
        return std::nullopt;
    }
    return JointPlan(
        task, Parameters::create(*literal), layout_of(task, choice.log_n),
        chebyshev_steps(task.iterations, task.ridge, task.lowest == 0 ? task.ridge : task.lowest));
}

double JointPlan::gram_scale() const noexcept {
    return upload_scale_ * static_cast<double>(layout_.unpacking_factor());
}

double JointPlan::state_scale(int iteration) const {
    require(iteration >= 1 && iteration <= task_.iterations, ErrorCode::invalid_argument,
            "the plan has iterations 1 to {}, not {}", task_.iterations, iteration);
    // In the order in which the operations do it, to the last bit.
    double scale = moments_scale_ / steps_[0].update;
    for (std::size_t t = 1; t < static_cast<std::size_t>(iteration); ++t) {
        const std::size_t level = parameters_.max_level() - 2 * (t - 1);
        scale = scale * gram_scale() / steps_[t].update;
        scale /= static_cast<double>(parameters_.q(level));
        scale /= static_cast<double>(parameters_.q(level - 1));
    }
    return scale;
}

unsigned JointPlan::releases() const {
    return possible_releases(task_.holders, task_.threshold);
}

ReleaseTerms JointPlan::release_terms(const Digest& charter) const {
    return {.charter = charter,
            .holders = task_.holders,
            .threshold = task_.threshold,
            .level = release_level(),
            .gap = gap(),
            .sigma = sigma_};
}

double JointPlan::bits_of(double weight) const {
    // A slot is a sum of 2 d' c' coefficients times cosines.
    const double deviation = sigma_ * std::sqrt(static_cast<double>(task_.threshold) *
                                                static_cast<double>(layout_.period()));
    return std::log2(weight * release_scale() / deviation);
}

double JointPlan::release_bits() const {
    return bits_of(expected_largest_weight(task_));
}

const Tape& JointPlan::tape() const {
    if (!tape_) {
        SymbolicOperations symbolic(parameters_);
        Recorder recorder(symbolic);
        std::vector<Handle> gram;
        gram.reserve(gram_ciphertexts());
        for (std::size_t i = 0; i < gram_ciphertexts(); ++i) {
            gram.push_back(recorder.input(Handle::symbolic({upload_level(), upload_scale_}, 2)));
        }
        Handle moments = recorder.input(Handle::symbolic({upload_level(), moments_scale_}, 2));
        const Handle model = joint_circuit(*this, recorder, std::move(gram), std::move(moments));
        tape_ = std::make_shared<const Tape>(recorder.tape());
    }
    return *tape_;
}

KeyRequest JointPlan::keys() const {
    return keys_of(tape(), tape().entries, parameters_.slots());
}

std::size_t JointPlan::dealer_upload_bytes() const {
    const KeyRequest request = keys();
    std::size_t bytes = 0;
    for (const auto& [id, level] : request.levels()) {
        // Two polynomials a digit in the first round of relinearisation and one in the second.
        bytes +=
            (id.is_relinearization() ? 3 : 1) * switching_key_packed_bytes(parameters_, level, id);
    }
    // The public key is modulo Q p_0.
    return bytes + static_cast<std::size_t>((parameters_.log_q(parameters_.max_level()) + 50) / 8 *
                                            static_cast<double>(parameters_.n()));
}

std::size_t JointPlan::contributor_upload_bytes() const {
    std::size_t bits = 0;
    for (std::size_t i = 0; i <= upload_level(); ++i) {
        bits += static_cast<std::size_t>(std::bit_width(parameters_.q(i)));
    }
    return 2 * (gram_ciphertexts() + 1) * bits * (parameters_.n() / 8);
}

std::size_t JointPlan::server_memory_bytes() const {
    const RingShape ring{.log_n = parameters_.log_n(),
                         .q_limbs = parameters_.max_level() + 1,
                         .p_limbs = parameters_.special_primes(),
                         .digit_size = parameters_.digit_size()};
    MemoryReplay replay(ring, predicted_threads);
    const KeyRequest request = keys();
    for (const auto& [id, level] : request.levels()) {
        const KeyShape shape = key_shape(parameters_, id, level);
        replay.hold(2 * shape.digits, shape.limbs());
    }
    replay.run(tape(), tape().entries);
    return replay.pooled_bytes();
}

}  // namespace cipherfit
