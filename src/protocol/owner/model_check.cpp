#include "cipherfit/protocol/owner/model_check.h"

#include "cipherfit/protocol/owner/job_owner.h"
#include "cipherfit/solver/owner/noise.h"
#include "cipherfit/solver/owner/refresh_range.h"
#include "cipherfit/train/owner/twin.h"
#include "protocol/owner/unchecked_access.h"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

// A run whose noise may reach this share of the weights is refused before it starts.
constexpr double largest_relative_error = 0.05;
// A row that is so many times as long as the middle one is named as an outlier.
constexpr double outlier_ratio = 10.0;

// What makes |z| large, where one row or one column does, as the middle of a message.
std::string cause_of(const RowMatrix& xs) {
    Eigen::VectorXd norms = xs.rightCols(xs.cols() - 1).rowwise().norm();
    Eigen::Index row = 0;
    const double longest = norms.maxCoeff(&row);
    std::nth_element(norms.begin(), norms.begin() + norms.size() / 2, norms.end());
    const double median = norms(norms.size() / 2);
    Eigen::Index column = 0;
    if (longest > outlier_ratio * median) {
        xs.row(row).rightCols(xs.cols() - 1).cwiseAbs().maxCoeff(&column);
        return fmt::format(
            " (one row is {:.3g} times as long as the middle one, mostly in feature "
            "{}: an outlier?)",
            longest / median, column);
    }
    const Eigen::RowVectorXd variances = xs.rightCols(xs.cols() - 1).colwise().squaredNorm();
    const double share = variances.maxCoeff(&column) / variances.sum();
    if (xs.cols() > 4 && share > 0.5) {
        return fmt::format(" (feature {} has {:.0f} % of all variance)", column, 100 * share);
    }
    return {};
}

}  // namespace

TwinReference make_twin_reference(const OwnerSetup& setup, const PreparedData& data) {
    return make_twin_reference(setup, plain_runs(setup, borrowed(data)));
}

TwinReference make_twin_reference(const OwnerSetup& setup, const PlainRuns& runs) {
    const Recipe& recipe = setup.plan.recipe();
    const PlainRun& twin = *runs.weights;
    TwinReference reference;
    reference.largest_abs_z = twin.largest_abs_z();
    reference.largest_abs_state = runs.states->max_abs_held();
    // A straight line pulls back wherever it is evaluated: its range is only where it was fitted.
    require(recipe.sigmoid.degree() == 1 || reference.largest_abs_z <= recipe.sigmoid.range,
            ErrorCode::bad_input,
            "training reaches |z| = {:.3g}, outside the sigmoid's range of {:.3g}{}: use a wider "
            "range, a smaller step or fewer iterations{}",
            reference.largest_abs_z, recipe.sigmoid.range, cause_of(runs.data->xs),
            recipe.preset == Preset::chiang2023
                ? ", or features scaled to 0..1"
                : ", or leave features and step to the rehearsal, which standardises columns and "
                  "clips outliers");
    if (const auto& refresh = setup.plan.refresh()) {
        const double coefficient = largest_refreshed_coefficient(setup.plan, *runs.states);
        require(coefficient <= refresh->range(), ErrorCode::bad_input,
                "what is bootstrapped has coefficients up to {:.3g}, more than the {:.3g} that the "
                "plan has room for: plan again from these rows",
                coefficient, refresh->range());
    }
    owner_solver(setup.plan).require_room(setup.plan, *runs.states);
    const double most = setup.plan.state_capacity();
    require(reference.largest_abs_state <= most, ErrorCode::bad_input,
            "the weights grow to {:.3g} in scaled coordinates, more than the {:.3g} that the chain "
            "holds safely: use a smaller step or fewer iterations",
            reference.largest_abs_state, most);
    reference.head = finish_model(twin.model(), setup.preprocessing, recipe, setup.class_names);
    ErrorBounds bounds = error_bounds(setup.plan, *runs.states, setup.preprocessing);
    reference.weight_error_bound = bounds.weights.back();
    reference.state_error_bound = bounds.states.back();
    reference.weight_error_bounds = std::move(bounds.weights);
    reference.state_error_bounds = std::move(bounds.states);
    require(
        reference.state_error_bound <= largest_relative_error * std::max(1.0, twin.max_abs_state()),
        ErrorCode::bad_input,
        "the scheme's noise could change the weights by {:.3g}, too much beside their size of "
        "{:.3g}: use more scale bits, a smaller step or fewer iterations",
        reference.state_error_bound, twin.max_abs_state());
    return reference;
}

std::optional<Head> accepted_model(const UncheckedModel& unchecked, const OwnerSetup& setup,
                                   const TwinReference& reference) {
    const RowMatrix& state = UncheckedAccess::values(unchecked);
    if (!state.allFinite()) {
        return std::nullopt;
    }
    // Where states are no models, they are what the chain holds; the model is only compared.
    const double capacity = 2 * setup.plan.state_capacity();
    if (owner_solver(setup.plan).states_are_models() && state.cwiseAbs().maxCoeff() > capacity) {
        return std::nullopt;
    }
    Head head = finish_model(state, setup.preprocessing, setup.plan.recipe(), setup.class_names);
    // The bias by the bound on all weights, every feature's weights by the states' bound and the
    // feature's own scale.
    const Preprocessing& preprocessing = setup.preprocessing;
    const double share = row_share(setup.plan.shape().heads);
    bool accepted = largest_weight_error(head, reference.head) <= reference.weight_error_bound;
    for (Eigen::Index j = 1; j < head.weights.cols(); ++j) {
        const double error =
            (head.weights.col(j) - reference.head.weights.col(j)).cwiseAbs().maxCoeff();
        accepted = accepted && error <= share * reference.state_error_bound * preprocessing.factor *
                                            preprocessing.column_scale(j);
    }
    return accepted ? std::optional(std::move(head)) : std::nullopt;
}

Head checked_model(const UncheckedModel& state, const OwnerSetup& setup,
                   const TwinReference& reference) {
    std::optional<Head> head = accepted_model(state, setup, reference);
    if (!head) {
        refuse_decrypted();
    }
    return std::move(*head);
}

Head release_model(DecryptionRecord& record, const Job& job, const SecretKey& key,
                   const std::vector<Ciphertext>& model, const RowMatrix& xs,
                   const OwnerSetup& setup, const TwinReference& reference) {
    record.begin(job.identity, job.plan.recipe().iterations, digest_of(model));
    std::optional<Head> head = accepted_model(decrypt_model(job, key, model, xs), setup, reference);
    if (!head) {
        record.refuse();
    }
    record.accept();
    return std::move(*head);
}

std::vector<CheckedModel> release_checkpoints(DecryptionRecord& record, const JobStore& store,
                                              const Job& job, const SecretKey& key,
                                              const RowMatrix& xs, const PreparedData& data,
                                              const OwnerSetup& setup, const TwinReference& last) {
    const auto checkpoints = decrypt_checkpoints(store, job, key, xs, record);
    std::vector<CheckedModel> models;
    try {
        models = checked_models(checkpoints, data, setup, last);
    } catch (const Error& error) {
        if (error.code() != ErrorCode::corrupt_data) {
            throw;
        }
        record.refuse();
    }
    record.accept();
    return models;
}

std::vector<CheckedModel> checked_models(const std::vector<CheckpointModel>& checkpoints,
                                         const PreparedData& data, const OwnerSetup& setup,
                                         const TwinReference& last) {
    std::vector<CheckedModel> models;
    // Every model is checked, whatever came of the others: the time of a refusal must not tell
    // which one was refused.
    bool refused = false;
    auto next = checkpoints.begin();  // ascending, as the twin's iterations are
    visit_twin_models(
        setup.plan.solver().form(), data, setup.plan.recipe(),
        [&](int iteration) { return next != checkpoints.end() && next->iteration == iteration; },
        [&](int iteration, const RowMatrix& twin) {
            const auto index = static_cast<std::size_t>(iteration - 1);
            TwinReference reference = last;
            reference.head =
                finish_model(twin, setup.preprocessing, setup.plan.recipe(), setup.class_names);
            reference.weight_error_bound = last.weight_error_bounds.at(index);
            reference.state_error_bound = last.state_error_bounds.at(index);
            std::optional<Head> head = accepted_model(next->state, setup, reference);
            refused = refused || !head;
            models.push_back(
                {iteration, head ? std::move(*head) : Head{}, std::move(reference.head)});
            ++next;
        });
    if (refused) {
        refuse_decrypted();
    }
    return models;
}

double largest_weight_error(const Head& head, const Head& twin) {
    return (head.weights - twin.weights).cwiseAbs().maxCoeff();
}

std::size_t count_disagreements(const Head& head, const Head& twin, const RowMatrix& raw,
                                double bound) {
    const Eigen::VectorXd margins = twin.margins(raw);
    const std::vector<int> ours = head.predict(raw);
    const std::vector<int> theirs = twin.predict(raw);
    std::size_t count = 0;
    for (Eigen::Index row = 0; row < raw.rows(); ++row) {
        const double most = 2 * bound * (1 + raw.row(row).cwiseAbs().sum());
        const auto i = static_cast<std::size_t>(row);
        count += margins(row) > most && ours[i] != theirs[i] ? 1 : 0;
    }
    return count;
}

}  // namespace cipherfit
