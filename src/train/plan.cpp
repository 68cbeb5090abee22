#include "cipherfit/train/plan.h"

#include "cipherfit/linalg/kernel_from_features.h"
#include "cipherfit/linalg/kernel_product.h"
#include "cipherfit/linalg/odd_polynomial.h"
#include "train/refresh.h"
#include "train/training_trace.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {

std::string_view name(Solver solver) noexcept {
    return solver == Solver::primal ? "primal" : "dual";
}

std::string_view name(KernelSource source) noexcept {
    return source == KernelSource::owner ? "owner" : "server";
}

Expected<KernelSource> kernel_source_from_name(std::string_view name) {
    for (const KernelSource source : {KernelSource::owner, KernelSource::server}) {
        if (name == cipherfit::name(source)) {
            return source;
        }
    }
    return make_error(ErrorCode::bad_input, "no kernel of '{}': choose owner or server", name);
}

Expected<Solver> solver_from_name(std::string_view name) {
    for (const Solver solver : {Solver::primal, Solver::dual}) {
        if (name == cipherfit::name(solver)) {
            return solver;
        }
    }
    return make_error(ErrorCode::bad_input, "no solver '{}': choose primal or dual", name);
}

std::size_t state_period(const TrainingPlan& plan) {
    return plan.solver() == Solver::primal ? plan.layout().model_period()
                                           : plan.parameters().slots();
}

std::size_t least_padded_heads(KernelSource source) noexcept {
    return source == KernelSource::server ? 2 : 1;
}

KernelLayout kernel_layout(std::size_t slots, const TrainingShape& shape, std::size_t babies,
                           KernelSource source) {
    return KernelLayout::create(slots, shape.samples, shape.heads, babies,
                                least_padded_heads(source));
}

double RefreshPlan::range() const {
    return std::ldexp(1.0, range_bits);
}

TrainingPlan::TrainingPlan(const TrainingShape& shape, Recipe recipe, Parameters parameters,
                           const Products& products, unsigned scale_bits, unsigned state_bits,
                           std::optional<RefreshPlan> refresh, SecurityLevel security)
    : shape_(shape),
      recipe_(std::move(recipe)),
      parameters_(std::move(parameters)),
      products_(products),
      scale_bits_(scale_bits),
      state_bits_(state_bits),
      refresh_(std::move(refresh)),
      security_(security),
      levels_(iteration_levels(recipe_, solver(), refresh_ ? refresh_->bootstrap.levels() : 0)) {
    require(
        shape_.samples >= 1 && (shape_.features >= 1 || !tells_features()) && shape_.classes >= 1,
        ErrorCode::invalid_argument,
        "need at least one sample, feature and class, got {} x {} and {} classes", shape_.samples,
        shape_.features, shape_.classes);
    require(
        shape_.heads == shape_.classes || shape_.heads == trained_heads(shape_.classes, recipe_),
        ErrorCode::invalid_argument, "{} heads for {} classes; there must be {}", shape_.heads,
        shape_.classes, trained_heads(shape_.classes, recipe_));
    require(solver() == Solver::primal || recipe_.iterations >= 2, ErrorCode::invalid_argument,
            "the dual solver takes 2 iterations or more: use the primal one for a single step");
    require(solver() == Solver::primal || batches() == 1, ErrorCode::invalid_argument,
            "the dual solver takes all samples in every iteration: use the primal one for "
            "mini-batches");
    require(batches() <= static_cast<std::size_t>(recipe_.iterations), ErrorCode::invalid_argument,
            "{} iterations do not reach all {} mini-batches", recipe_.iterations, batches());
    check_security();
    if (refresh_) {
        check_refresh(*refresh_);
    } else {
        const std::size_t needed = static_cast<std::size_t>(levels_.front().start) +
                                   (server_makes_kernel() ? kernel_levels : 0);
        require(parameters_.max_level() == needed, ErrorCode::invalid_argument,
                "the chain has {} levels, the recipe needs {}", parameters_.max_level(), needed);
    }
    for (int t = 0; t < recipe_.iterations; ++t) {
        // 1 - eta goes into a scale and must not ruin it.
        const double eta = recipe_.etas[static_cast<std::size_t>(t)];
        require(1.0 - eta >= 0x1p-8, ErrorCode::invalid_argument,
                "under encryption eta must be at most 1 - 2^-8, iteration {} has {}", t + 1, eta);
    }
    // What labels_minus_odd_polynomial asks for, before it is too late.
    const std::vector<double>& odd = recipe_.sigmoid.odd;
    require(odd.back() != 0.0 && (odd.size() < 4 || odd[1] != 0.0), ErrorCode::invalid_argument,
            "a sigmoid of degree {} needs leading and cubic coefficients other than 0 under "
            "encryption: use a lower degree or another fit",
            recipe_.sigmoid.degree());
}

void TrainingPlan::check_security() const {
    require(security_ == SecurityLevel::classical_128 || !refresh_, ErrorCode::insecure_parameters,
            "runs with bootstrappings have 128-bit security, not {}: use fewer iterations or a "
            "lower level",
            describe(security_));
    if (parameters_.insecure_for_tests_only()) {
        return;
    }
    const double most = largest_secure_log_qp(parameters_.log_n(), security_);
    require(parameters_.log_qp() <= most, ErrorCode::insecure_parameters,
            "log2(QP) = {:.2f} is above {:.0f}, the limit for {} security at log_n = {}",
            parameters_.log_qp(), most, describe(security_), parameters_.log_n());
}

void TrainingPlan::check_refresh(const RefreshPlan& refresh) const {
    const BootstrapPlan& bootstrap = refresh.bootstrap;
    const std::size_t depth =
        iteration_depth(recipe_, solver()) + spare_levels(solver(), bootstrap.levels());
    require(bootstrap.levels() >= depth, ErrorCode::invalid_argument,
            "a bootstrapping that leaves {} levels is too short for an iteration of {}: ask for "
            "more levels or a lower degree of the sigmoid",
            bootstrap.levels(), depth);
    const std::size_t period = state_period(*this);
    const std::size_t most =
        blocks_together(recipe_, state_ciphertexts(), period, parameters_.slots());
    require(bootstrap.slots() % period == 0 && bootstrap.slots() / period <= most,
            ErrorCode::invalid_argument,
            "the bootstrapping is for {} slots, the states repeat after {} and have {} blocks",
            bootstrap.slots(), period, state_ciphertexts());
    require(refresh.models_every == 0 || (solver() == Solver::dual && refresh.models_every > 0 &&
                                          refresh.models_every < recipe_.iterations),
            ErrorCode::bad_input,
            "a model after every {} iterations of a run of {}: ask for fewer than there are, in a "
            "dual run",
            refresh.models_every, recipe_.iterations);
    require(!server_makes_kernel(), ErrorCode::invalid_argument,
            "a run with bootstrappings takes its kernel from the owner");
    require(refresh.range_bits >= least_range_bits && refresh.range_bits <= most_range_bits,
            ErrorCode::invalid_argument,
            "a range of 2^{} for the coefficients; it must be 2^{} to 2^{}", refresh.range_bits,
            least_range_bits, most_range_bits);
    // At the lowest level the message is scaled by a whole number, which must not be 0.
    require(state_scale() * refresh.range() <= bootstrap.largest_message(),
            ErrorCode::invalid_argument,
            "states below 2^{} at the scale 2^{} leave no room for a bootstrapping",
            refresh.range_bits, state_bits_);
}

std::size_t TrainingPlan::class_groups() const noexcept {
    const auto* lanes = std::get_if<LaneProducts>(&products_);
    return lanes == nullptr
               ? 1
               : (shape_.heads + lanes->layout.classes() - 1) / lanes->layout.classes();
}

std::size_t bootstraps_of(const Recipe& recipe, std::size_t state_blocks) noexcept {
    return has_momentum(recipe) ? state_blocks : (state_blocks + 1) / 2;
}

std::size_t TrainingPlan::bootstraps_per_refresh() const noexcept {
    const std::size_t alone = bootstraps_of(recipe_, state_ciphertexts());
    const std::size_t together = refresh_ ? refresh_->bootstrap.slots() / state_period(*this) : 1;
    return (alone + together - 1) / together;
}

std::size_t TrainingPlan::refresh_count() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        levels_.begin(), levels_.end(), [](const IterationLevels& at) { return at.refresh; }));
}

std::size_t TrainingPlan::segment_ciphertexts(int iteration) const noexcept {
    const int every = segment_length();
    // Iteration t, from 1, ends in the segment of (t - 1) / every, from 0.
    if (every == 0 || iteration == 0 ||
        (iteration - 1) / every == (recipe_.iterations - 1) / every) {
        return 0;
    }
    return has_momentum(recipe_) ? 2 : 1;
}

double TrainingPlan::state_scale() const noexcept {
    return std::ldexp(1.0, static_cast<int>(state_bits_));
}

// The other sequence's scale is up to twice the plan's (1 - eta is at most 2), and the sign takes
// half of the modulus.
double TrainingPlan::state_capacity() const noexcept {
    const double lowest = static_cast<double>(parameters_.q(0)) / (4 * state_scale());
    if (solver() == Solver::dual) {
        // Coefficients that are added up end a level above.
        return adds_up_errors() ? lowest * static_cast<double>(parameters_.q(1)) : lowest;
    }
    // What is bootstrapped is held to its range as a polynomial, and no entry is larger than the
    // sum of its 2 n coefficients.
    return refresh_count() > 0 ? 2 * static_cast<double>(state_period(*this)) * refresh_->range()
                               : lowest;
}

// The owner reads two limbs, and the sign takes half of the modulus; half of that is room.
double TrainingPlan::segment_capacity() const noexcept {
    return static_cast<double>(parameters_.q(0)) * static_cast<double>(parameters_.q(1)) /
           (4 * coefficient_scale());
}

// With the states at scale 2^b and rescaling by about 2^b, the leading term c_k z^k of the errors
// arrives at the scale it must have for the next state when features have the scale
// 2^b (c_k f)^(1/(k+1)), f being the update's factor: then the plaintext that carries mask,
// coefficient and correction has a scale near 2^b, and no factor loses precision. In the dual the
// errors are not multiplied again, and the root is the k-th.
double TrainingPlan::product_scale() const noexcept {
    const int degree = recipe_.sigmoid.degree();
    double log_factor = 0;
    for (int t = 0; t < recipe_.iterations; ++t) {
        log_factor += std::log2(gradient_factor(t)) / recipe_.iterations;
    }
    const double log_lead = std::log2(std::abs(recipe_.sigmoid.odd.back()));
    const double shift = (log_lead + log_factor) / (ends_with_product() ? degree + 1 : degree);
    return std::exp2(static_cast<double>(scale_bits_) + std::min(1.0, std::max(-6.0, shift)));
}

// Features of which a kernel is made are multiplied with each other and rescaled.
double TrainingPlan::feature_scale() const noexcept {
    return server_makes_kernel() ? std::exp2(static_cast<double>(scale_bits_)) : product_scale();
}

bool TrainingPlan::server_makes_kernel() const noexcept {
    const auto* kernel = std::get_if<KernelProducts>(&products_);
    return kernel != nullptr && kernel->source == KernelSource::server;
}

// Primal: so that the first state of a run from zero has the scale of all later ones.
double TrainingPlan::label_scale() const noexcept {
    return solver() == Solver::dual ? std::exp2(static_cast<double>(scale_bits_)) : error_scale(0);
}

double TrainingPlan::coefficient_scale() const noexcept {
    return state_scale() * static_cast<double>(parameters_.q(coefficient_level));
}

double TrainingPlan::start_scale() const {
    return error_scale(0);
}

double TrainingPlan::error_scale(int t) const {
    const double scale = state_scale() * gradient_factor(t);
    if (!ends_with_product()) {
        return scale;
    }
    // E X factor has the state's scale after one rescaling.
    const int level = levels_[static_cast<std::size_t>(t)].backward;
    return scale * static_cast<double>(parameters_.q(static_cast<std::size_t>(level))) /
           product_scale();
}

// What multiply_model would have given, before its rescaling, had there been a state.
double TrainingPlan::logit_scale() const noexcept {
    return product_scale();
}

double TrainingPlan::gradient_factor(int t) const {
    const auto i = static_cast<std::size_t>(t);
    return recipe_.gradient_at == ModelSequence::main ? recipe_.steps[i]
                                                      : recipe_.steps[i] * (1.0 - recipe_.etas[i]);
}

// The highest level of a batch's iterations.
template <class Level>
std::size_t TrainingPlan::highest(std::size_t batch, const Level& level) const noexcept {
    int highest = 0;
    for (std::size_t t = batch; t < levels_.size(); t += batches()) {
        highest = std::max(highest, level(levels_[t]));
    }
    return static_cast<std::size_t>(highest);
}

std::size_t TrainingPlan::feature_level(std::size_t batch) const noexcept {
    if (server_makes_kernel()) {
        return parameters_.max_level();
    }
    return highest(batch,
                   [](const IterationLevels& at) { return std::max(at.forward, at.backward); });
}

// Z_0 joins the product, or the logits from the level above; the labels join the sigmoid, or are
// the first errors.
std::size_t TrainingPlan::label_level(std::size_t batch) const noexcept {
    const bool joins_logits = initial_logits() && solver() == Solver::dual && refresh_;
    return highest(batch, [&](const IterationLevels& at) {
        return std::max({initial_logits() ? at.forward : -1,
                         joins_logits ? at.sigmoid + 1 : at.sigmoid, at.backward});
    });
}

std::size_t TrainingPlan::start_level() const noexcept {
    return static_cast<std::size_t>(levels_.front().backward);
}

std::size_t TrainingPlan::levels_per_iteration() const noexcept {
    return iteration_depth(recipe_, solver());
}

std::size_t TrainingPlan::first_iteration_levels() const noexcept {
    return static_cast<std::size_t>(levels_.front().start - levels_.front().end);
}

// Of one block of samples and features, one group of classes, one chunk: more of them are treated
// alike.
TrainingPlan TrainingPlan::least_blocks() const {
    TrainingPlan least = *this;
    if (auto* lanes = std::get_if<LaneProducts>(&least.products_)) {
        const LaneLayout& layout = lanes->layout;
        lanes->layout = LaneLayout::create(
            layout.slots(), layout.lane(), std::min(layout.samples(), layout.rows()),
            std::min(layout.features(), layout.features_per_block()), layout.classes());
        least.shape_.classes = layout.classes();
        least.shape_.heads = layout.classes();
    } else {
        least.shape_.features = 1;
    }
    return least;
}

KeyRequest TrainingPlan::keys() const {
    const TrainingTrace trace = trace_training(least_blocks());
    KeyRequest request = keys_of(trace.tape, trace.tape.entries, parameters_.slots());
    if (refresh_ && refresh_count() > 0) {
        request.merge(refresh_->bootstrap.keys());
    }
    return request;
}

bool TrainingPlan::tells_features() const noexcept {
    return names_features_ || solver() == Solver::primal || server_makes_kernel();
}

TrainingPlan TrainingPlan::with_features(std::size_t features) const {
    TrainingPlan plan = *this;
    plan.shape_.features = features;
    return plan;
}

std::size_t TrainingPlan::feature_ciphertexts() const noexcept {
    if (const auto* lanes = std::get_if<LaneProducts>(&products_)) {
        return lanes->layout.sample_blocks() * lanes->layout.feature_blocks();
    }
    const KernelProducts& kernel = *std::get_if<KernelProducts>(&products_);
    return kernel.source == KernelSource::owner ? kernel.layout.kernel_blocks()
                                                : 2 * kernel.layout.feature_chunks(shape_.features);
}

std::size_t TrainingPlan::label_ciphertexts() const noexcept {
    const auto* lanes = std::get_if<LaneProducts>(&products_);
    return lanes != nullptr ? class_groups() * lanes->layout.sample_blocks() : 1;
}

std::size_t TrainingPlan::state_ciphertexts() const noexcept {
    const auto* lanes = std::get_if<LaneProducts>(&products_);
    return lanes != nullptr ? class_groups() * lanes->layout.feature_blocks() : 1;
}

std::size_t TrainingPlan::upload_ciphertexts() const noexcept {
    return batches() * (feature_ciphertexts() + label_ciphertexts() + logit_ciphertexts()) +
           start_ciphertexts();
}

}  // namespace cipherfit
