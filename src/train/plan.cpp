#include "cipherfit/train/plan.h"

#include "train/refresh.h"
#include "train/training_trace.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace cipherfit {

std::string_view name(GramSource source) noexcept {
    return source == GramSource::owner ? "owner" : "server";
}

Expected<GramSource> gram_source_from_name(std::string_view name) {
    for (const GramSource source : {GramSource::owner, GramSource::server}) {
        if (name == cipherfit::name(source)) {
            return source;
        }
    }
    return make_error(ErrorCode::bad_input,
                      "nobody called '{}' computes the Gram matrix: choose owner or server", name);
}

double RefreshPlan::range() const {
    return std::ldexp(1.0, range_bits);
}

TrainingPlan::TrainingPlan(const TrainingShape& shape, Recipe recipe, Parameters parameters,
                           std::shared_ptr<const Solver> solver, unsigned scale_bits,
                           unsigned state_bits, std::optional<RefreshPlan> refresh,
                           SecurityLevel security)
    : shape_(shape),
      recipe_(std::move(recipe)),
      parameters_(std::move(parameters)),
      solver_(std::move(solver)),
      scale_bits_(scale_bits),
      state_bits_(state_bits),
      refresh_(std::move(refresh)),
      security_(security),
      levels_(solver_->kind().levels(recipe_, refresh_ ? refresh_->bootstrap.levels() : 0)) {
    require(
        shape_.samples >= 1 && (shape_.features >= 1 || !tells_features()) && shape_.classes >= 1,
        ErrorCode::invalid_argument,
        "need at least one sample, feature and class, got {} x {} and {} classes", shape_.samples,
        shape_.features, shape_.classes);
    require(
        shape_.heads == shape_.classes || shape_.heads == trained_heads(shape_.classes, recipe_),
        ErrorCode::invalid_argument, "{} heads for {} classes; there must be {}", shape_.heads,
        shape_.classes, trained_heads(shape_.classes, recipe_));
    require(batch_count(recipe_, shape_.samples) <= static_cast<std::size_t>(recipe_.iterations),
            ErrorCode::invalid_argument, "{} iterations do not reach all {} mini-batches",
            recipe_.iterations, row_files());
    check_security();
    solver_->check(*this);
    if (refresh_) {
        check_refresh(*refresh_);
    } else {
        const std::size_t needed =
            static_cast<std::size_t>(levels_.front().start) + solver_->extra_levels();
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
    const SolverKind& kind = solver_->kind();
    const std::size_t depth = kind.iteration_depth(recipe_) + kind.spare_levels(bootstrap.levels());
    require(bootstrap.levels() >= depth, ErrorCode::invalid_argument,
            "a bootstrapping that leaves {} levels is too short for an iteration of {}: ask for "
            "more levels or a lower degree of the sigmoid",
            bootstrap.levels(), depth);
    const std::size_t period = solver_->state_period();
    const std::size_t most =
        blocks_together(recipe_, state_ciphertexts(), period, parameters_.slots());
    require(bootstrap.slots() % period == 0 && bootstrap.slots() / period <= most,
            ErrorCode::invalid_argument,
            "the bootstrapping is for {} slots, the states repeat after {} and have {} blocks",
            bootstrap.slots(), period, state_ciphertexts());
    require(refresh.models_every == 0 || (solver_->joins_models() && refresh.models_every > 0 &&
                                          refresh.models_every < recipe_.iterations),
            ErrorCode::bad_input,
            "a model after every {} iterations of a run of {}: ask for fewer than there are, in a "
            "dual run",
            refresh.models_every, recipe_.iterations);
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

std::size_t bootstraps_of(const Recipe& recipe, std::size_t state_blocks) noexcept {
    return has_momentum(recipe) ? state_blocks : (state_blocks + 1) / 2;
}

std::size_t TrainingPlan::bootstraps_per_refresh() const noexcept {
    const std::size_t alone = bootstraps_of(recipe_, state_ciphertexts());
    const std::size_t together =
        refresh_ ? refresh_->bootstrap.slots() / solver_->state_period() : 1;
    return (alone + together - 1) / together;
}

std::size_t TrainingPlan::refresh_count() const noexcept {
    return static_cast<std::size_t>(std::count_if(
        levels_.begin(), levels_.end(), [](const IterationLevels& at) { return at.refresh; }));
}

TrainingPlan::Files TrainingPlan::files_of(int t) const noexcept {
    if (recipe_.batch == 0) {
        return {0, row_files()};
    }
    return {static_cast<std::size_t>(t) % row_files(), 1};
}

double TrainingPlan::state_scale() const noexcept {
    return std::ldexp(1.0, static_cast<int>(state_bits_));
}

// The other sequence's scale is up to twice the plan's (1 - eta is at most 2), and the sign takes
// half of the modulus.
double TrainingPlan::lowest_capacity() const noexcept {
    return static_cast<double>(parameters_.q(0)) / (4 * state_scale());
}

std::size_t TrainingPlan::first_iteration_levels() const noexcept {
    return static_cast<std::size_t>(levels_.front().start - levels_.front().end);
}

TrainingPlan TrainingPlan::least() const {
    TrainingPlan least = *this;
    least.solver_ = solver_->least(least.shape_);
    return least;
}

KeyRequest TrainingPlan::keys() const {
    const TrainingTrace trace = trace_training(least());
    KeyRequest request = keys_of(trace.tape, trace.tape.entries, parameters_.slots());
    if (refresh_ && refresh_count() > 0) {
        request.merge(refresh_->bootstrap.keys());
    }
    return request;
}

TrainingPlan TrainingPlan::with_features(std::size_t features) const {
    TrainingPlan plan = *this;
    plan.shape_.features = features;
    return plan;
}

std::vector<SequenceShape> TrainingPlan::state(int iteration) const {
    return iteration == 0 ? std::vector<SequenceShape>{} : solver_->state(*this, iteration);
}

std::size_t TrainingPlan::upload_ciphertexts() const {
    std::size_t count = 0;
    for (std::size_t batch = 0; batch < row_files(); ++batch) {
        for (const SequenceShape& sequence : messages(batch)) {
            count += sequence.count;
        }
    }
    return count;
}

}  // namespace cipherfit
