#include "cipherfit/train/owner/model_search.h"

#include "cipherfit/base/parallel.h"
#include "train/owner/judged_candidate.h"
#include "train/owner/model_search_folds.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <tuple>
#include <utility>

namespace cipherfit {
namespace {

constexpr double one_step_range = 16.0;
constexpr std::size_t kept_sources = 3;
// Features that are tried with two iterations, of each source kept, and with more, of all.
constexpr std::size_t finalists_of_source = 4;
constexpr std::size_t long_finalists = 3;
// With more values than this to encrypt, training takes a minute and the cheapest will do.
constexpr double values_of_large_runs = 4e6;

// One source, fitted on the folds, with its one-step candidates.
struct Screened {
    std::size_t source = 0;
    FoldComponents components;
    std::vector<Judged> candidates;
};

class Search {
  public:
    Search(std::span<const std::unique_ptr<FeatureSource>> sources, std::span<const int> labels,
           int classes, const ModelSearchOptions& options)
        : sources_(sources),
          options_(options),
          degree_(options.degree.value_or(3)),
          stops_(options.iterations),
          training_rows_(static_cast<double>(options.training_rows > 0 ? options.training_rows
                                                                       : labels.size())),
          rows_(deal_search_rows(labels, classes, options)) {
        std::sort(stops_.begin(), stops_.end());
        stops_.erase(std::unique(stops_.begin(), stops_.end()), stops_.end());
        total_ = static_cast<double>(sources.size()) + 4.0;
    }

    ModelSearch run() {
        screen_all();
        run_finalists();
        ModelSearch result;
        const Judged& best =
            options_.prefer_accuracy ? most_accurate(judged_) : least_loss(judged_);
        // A decay of a tenth is among what is tried unless a smaller one was given.
        const bool decays = *std::ranges::max_element(options_.decays) >= 0.1;
        require(usable(best), ErrorCode::bad_input,
                "|z| leaves the sigmoid's range in every run of {} iterations that was tried: use "
                "fewer iterations, {}or a wider range of the sigmoid",
                stops_.back(), decays ? "" : "a decay of 0.1 ");
        const Judged& chosen = options_.prefer_accuracy ? best : choose(best);
        result.best = best.candidate;
        result.chosen = chosen.candidate;
        result.recipe = recipe_of(chosen.candidate);
        result.held_out.labels = rows_.held_labels;
        result.held_out.scores = scores_of(chosen.candidate);
        result.held_out.weights = rows_.held_weights;
        for (Judged& tried : judged_) {
            const PairedDifference difference =
                paired_difference(tried.held_out.loss, best.held_out.loss, rows_.held_weights);
            tried.candidate.difference = difference.mean;
            tried.candidate.standard_error = difference.standard_error;
            if (usable(tried)) {
                result.candidates.push_back(tried.candidate);
            }
        }
        std::stable_sort(result.candidates.begin(), result.candidates.end(),
                         [](const auto& a, const auto& b) { return a.loss < b.loss; });
        return result;
    }

  private:
    void advance(double work) {
        done_ += work;
        if (options_.progress) {
            options_.progress(std::min(1.0, done_ / total_));
        }
    }

    Judged judged(const ModelCandidate& candidate, const RowMatrix& scores) const {
        return judge(candidate, scores, rows_.held_labels, rows_.held_weights, degree_);
    }

    Eigen::Index most_tried() const {
        return options_.components.empty()
                   ? options_.most_components
                   : *std::max_element(options_.components.begin(), options_.components.end());
    }

    ModelCandidate one_step(std::size_t source, Eigen::Index components, double ridge) const {
        ModelCandidate candidate;
        candidate.source = source;
        candidate.components = components;
        candidate.ridge = ridge;
        candidate.range = options_.range.value_or(one_step_range);
        candidate.decay = options_.decays.front();
        return candidate;
    }

    Screened screen(std::size_t source) const {
        Screened screened;
        screened.source = source;
        screened.components.resize(rows_.folds.size());
        parallel_for(0, rows_.folds.size(), [&](std::size_t f) {
            screened.components[f] = sources_[source]->components(
                rows_.folds[f].training, rows_.folds[f].held_out, most_tried());
        });
        Eigen::Index most = most_tried();
        for (const ComponentScores& of : screened.components) {
            most = std::min(most, of.deviation.size());
        }
        const std::vector<Eigen::Index> tried = numbers_to_try(options_, most);
        const std::vector<double> tried_ridges = ridges_to_try(options_);
        const std::vector<RowMatrix> scores =
            one_step_scores(rows_, screened.components, tried, tried_ridges);
        screened.candidates.resize(scores.size());
        parallel_for(0, scores.size(), [&](std::size_t i) {
            screened.candidates[i] = judged(one_step(source, tried[i / tried_ridges.size()],
                                                     tried_ridges[i % tried_ridges.size()]),
                                            scores[i]);
        });
        return screened;
    }

    // One iteration of every source; the components of the most promising ones stay.
    void screen_all() {
        for (std::size_t s = 0; s < sources_.size(); ++s) {
            Screened screened = screen(s);
            advance(1.0);
            kept_.push_back(std::move(screened));
            if (kept_.size() > kept_sources) {
                drop_worst();
            }
        }
        for (const Screened& screened : kept_) {
            judged_.insert(judged_.end(), screened.candidates.begin(), screened.candidates.end());
        }
    }

    // Neither the best loss nor the best accuracy is dropped.
    void drop_worst() {
        const auto loss = [](const Screened& of) {
            return least_loss(of.candidates).candidate.loss;
        };
        const auto accuracy = [](const Screened& of) {
            return most_accurate(of.candidates).candidate.accuracy;
        };
        const auto most = std::max_element(
            kept_.begin(), kept_.end(),
            [&](const auto& a, const auto& b) { return accuracy(a) < accuracy(b); });
        auto worst = kept_.end();
        for (auto at = kept_.begin(); at != kept_.end(); ++at) {
            if (at != most && (worst == kept_.end() || loss(*at) > loss(*worst))) {
                worst = at;
            }
        }
        kept_.erase(worst);
    }

    bool is_large(const Judged& best) const {
        const auto columns = static_cast<double>(best.candidate.components + 1);
        return training_rows_ * columns > values_of_large_runs;
    }

    const Judged& choose(const Judged& best) const {
        if (is_large(best)) {
            return cheapest_good(judged_, best, rows_.held_weights);
        }
        const auto usual = std::ranges::find_if(stops_, [](int stop) { return stop >= 2; });
        return best_of_usual_length(judged_, usual == stops_.end() ? 1 : *usual,
                                    rows_.held_weights);
    }

    // The best features of each source after one iteration, the cheapest that are nearly as good,
    // and the most accurate of all.
    std::vector<ModelCandidate> finalists(std::size_t of_each) const {
        std::vector<ModelCandidate> chosen;
        for (const Screened& screened : kept_) {
            const std::vector<Judged>& of = screened.candidates;
            add_best_features(of, of_each, chosen);
            add_features(cheapest_good(of, least_loss(of), rows_.held_weights), chosen);
        }
        add_features(most_accurate(judged_), chosen);
        return chosen;
    }

    Recipe recipe_of(const ModelCandidate& candidate) const {
        Recipe recipe = unit_step_recipe(candidate.iterations,
                                         fit_sigmoid(degree_, candidate.range), options_.momentum);
        if (candidate.step > 0.0) {
            std::fill(recipe.steps.begin(), recipe.steps.end(), candidate.step);
        }
        recipe.decay = candidate.decay;
        recipe.batch = options_.batch;
        return recipe;
    }

    const FoldComponents& components_of(std::size_t source) const {
        return std::find_if(
                   kept_.begin(), kept_.end(),
                   [source](const Screened& screened) { return screened.source == source; })
            ->components;
    }

    // Steps to try, as shares of the unit step: a batch's curvature varies about its mean.
    std::vector<double> step_shares() const {
        return options_.batch == 0 ? std::vector{1.0} : std::vector{1.0, 0.5, 0.25, 0.125};
    }

    // Runs of these numbers of iterations, ascending, for each (finalist, range, decay, step).
    void run_all(const std::vector<ModelCandidate>& starts, const std::vector<int>& stops) {
        const std::size_t folds = rows_.folds.size();
        std::vector<std::vector<RunScores>> runs(starts.size() * folds);
        parallel_for(0, runs.size(), [&](std::size_t i) {
            const ModelCandidate& start = starts[i / folds];
            runs[i] = run_fold(rows_.folds[i % folds], rows_.classes,
                               components_of(start.source)[i % folds], start.components,
                               start.ridge, recipe_of(start), stops);
        });
        for (std::size_t i = 0; i < starts.size(); ++i) {
            for (std::size_t stop = 0; stop < stops.size(); ++stop) {
                ModelCandidate candidate = starts[i];
                candidate.iterations = stops[stop];
                RowMatrix scores(static_cast<Eigen::Index>(rows_.held_labels.size()),
                                 rows_.classes);
                Eigen::Index next = 0;
                for (std::size_t f = 0; f < folds; ++f) {
                    const RunScores& run = runs[i * folds + f][stop];
                    scores.middleRows(next, run.scores.rows()) = run.scores;
                    next += run.scores.rows();
                    candidate.max_abs_z = std::isnan(run.max_abs_z)
                                              ? run.max_abs_z
                                              : std::max(candidate.max_abs_z, run.max_abs_z);
                }
                judged_.push_back(judged(candidate, scores));
            }
        }
    }

    // Two iterations for all finalists; more, which cost more here too, for the best of these.
    void run_finalists() {
        std::vector<int> stops = stops_;
        const bool is_full = options_.batch == 0;
        const bool one_step_wanted = is_full && stops.front() == 1;
        if (one_step_wanted) {
            stops.erase(stops.begin());  // judged in closed form
        }
        const bool starts_with_two = is_full && !stops.empty() && stops.front() == 2;
        std::vector<ModelCandidate> features = finalists(starts_with_two ? finalists_of_source : 1);
        if (!one_step_wanted) {
            judged_.clear();
        }
        if (starts_with_two && stops.size() > 1) {
            run_features(features, {2}, 1.0);
            stops.erase(stops.begin());
            features.clear();
            add_best_features(judged_, long_finalists, features);
        }
        if (!stops.empty()) {
            run_features(features, stops, 2.0);
            run_decays();
        }
        advance(total_);
    }

    void run_features(const std::vector<ModelCandidate>& features, const std::vector<int>& stops,
                      double work) {
        // Polynomials of one degree have nearly the same shape on every range, and unit steps are
        // in proportion to it: of two iterations the range changes nothing but the size of z.
        std::vector<double> ranges{8.0, 16.0, 32.0};
        if (options_.batch == 0) {
            ranges.resize(stops.back() <= 2 ? 1 : stops.back() <= 8 ? 2 : 3);
        }
        if (options_.range) {
            ranges = {*options_.range};
        }
        for (const ModelCandidate& finalist : features) {
            std::vector<ModelCandidate> starts;
            for (const double range : ranges) {
                for (const double share : step_shares()) {
                    ModelCandidate start = finalist;
                    start.iterations = stops.back();
                    start.range = range;
                    start.step = share / (4.0 * fit_sigmoid(degree_, range).derivative(0.0));
                    starts.push_back(start);
                }
            }
            run_all(starts, stops);
            advance(work / static_cast<double>(features.size()));
        }
    }

    // Other decays for the best run; for all runs where none stays in range, as long runs do
    // without a decay.
    void run_decays() {
        std::vector<ModelCandidate> bases;
        if (const Judged& best = least_loss(judged_); usable(best)) {
            bases.push_back(best.candidate);
        } else {
            for (const Judged& tried : judged_) {
                if (tried.candidate.iterations == stops_.back()) {
                    bases.push_back(tried.candidate);
                }
            }
        }
        std::vector<ModelCandidate> starts;
        for (const double decay : std::span(options_.decays).subspan(1)) {
            for (const ModelCandidate& base : bases) {
                ModelCandidate start = base;
                start.iterations = stops_.back();
                start.max_abs_z = 0.0;
                start.decay = decay;
                starts.push_back(start);
            }
        }
        std::vector<int> stops = stops_;
        if (stops.size() > 1 && stops.front() == 1 && options_.batch == 0) {
            stops.erase(stops.begin());
        }
        run_all(starts, stops);
    }

    RowMatrix scores_of(const ModelCandidate& candidate) const {
        RowMatrix scores(static_cast<Eigen::Index>(rows_.held_labels.size()), rows_.classes);
        std::vector<RowMatrix> parts(rows_.folds.size());
        const Recipe recipe = recipe_of(candidate);
        parallel_for(0, parts.size(), [&](std::size_t f) {
            parts[f] =
                run_fold(rows_.folds[f], rows_.classes, components_of(candidate.source)[f],
                         candidate.components, candidate.ridge, recipe, {candidate.iterations})
                    .front()
                    .scores;
        });
        Eigen::Index next = 0;
        for (const RowMatrix& part : parts) {
            scores.middleRows(next, part.rows()) = part;
            next += part.rows();
        }
        return scores;
    }

    std::span<const std::unique_ptr<FeatureSource>> sources_;
    const ModelSearchOptions& options_;
    int degree_;
    std::vector<int> stops_;
    double training_rows_;
    SearchRows rows_;
    std::vector<Screened> kept_;
    std::vector<Judged> judged_;
    double done_ = 0.0, total_ = 1.0;
};

}  // namespace

RehearsalCandidate ModelSearch::rehearsed() const {
    RehearsalCandidate candidate;
    candidate.step = recipe.steps.front();
    candidate.degree = recipe.sigmoid.degree();
    candidate.range = recipe.sigmoid.range;
    candidate.accuracy = chosen.accuracy;
    candidate.loss = chosen.loss;
    candidate.max_abs_z = chosen.max_abs_z;
    candidate.stability = 4.0 * candidate.step * recipe.sigmoid.derivative(0.0);
    candidate.in_range = true;
    candidate.stable = true;
    return candidate;
}

ModelSearch search_models(std::span<const std::unique_ptr<FeatureSource>> sources,
                          std::span<const int> labels, int classes,
                          const ModelSearchOptions& options) {
    require(!sources.empty() && !options.iterations.empty() && !options.decays.empty(),
            ErrorCode::invalid_argument,
            "a search needs features, a number of iterations and a decay to try");
    require(options.folds >= 2, ErrorCode::bad_input,
            "{} folds of cross-validation; at least 2 are needed", options.folds);
    require(
        labels.size() >= 4, ErrorCode::bad_input,
        "{} training rows are too few to rehearse on: give 4 or more, or train without a rehearsal",
        labels.size());
    one_hot(labels, classes);  // refuses labels out of range before any work is done
    return Search(sources, labels, classes, options).run();
}

Recipe unit_step_recipe(int iterations, SigmoidPolynomial sigmoid, Momentum momentum) {
    const double step = 1.0 / (4.0 * sigmoid.derivative(0.0));
    return standard_recipe(iterations, step, std::move(sigmoid), momentum);
}

}  // namespace cipherfit
