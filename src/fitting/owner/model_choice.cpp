#include "cipherfit/fitting/owner/model_choice.h"

#include "cipherfit/backbone/chained_features.h"
#include "cipherfit/backbone/pca_features.h"
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

// Where there are more rows, the search sees a sample of this size. That bounds its time.
constexpr std::size_t most_rows = 8000;
// A fold's decomposition takes the cube of its columns, or of its rows where these are fewer: the
// search sees no more cosines and filters than these, and of wider rows a smaller sample.
constexpr int most_cosines = 2048;
constexpr int most_filters_tried = 128;
constexpr std::size_t widest_rows = 2048;
constexpr std::size_t most_wide_rows = 2560;
constexpr std::size_t most_scores = 40'000'000;  // numbers, of all candidates of a kind
constexpr std::size_t candidates_of_a_kind = 63;
// Runs of many iterations are bootstrapped: more columns than this are left to who asks for them.
constexpr int short_run = 8;
constexpr Eigen::Index most_components_of_long_runs = 255;
constexpr std::array widths{0.03, 0.1, 0.3, 1.0};
// The widths that are tried on components of random convolutions or of a network.
constexpr std::array component_widths{0.06, 0.25};
// Strokes on an even ground, as digits, are told apart best without the faint answers of the
// filters; textures and shades live in these.
constexpr std::array thresholds{0.3, 0.0};

// The server's memory for a value that is encrypted for two iterations on five levels, from
// measured runs, and the limit where none is given.
constexpr double bytes_of_two_iterations = 310.0;
constexpr double default_memory_gb = 12.0;

RowMatrix rows_of(const RowMatrix& all, std::span<const Eigen::Index> rows) {
    RowMatrix part(static_cast<Eigen::Index>(rows.size()), all.cols());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        part.row(static_cast<Eigen::Index>(i)) = all.row(rows[i]);
    }
    return part;
}

const PrincipalComponents& components_of(const FeatureExtractor& extractor) {
    if (const auto* chain = dynamic_cast<const ChainedFeatures*>(&extractor)) {
        return components_of(chain->second());
    }
    if (const auto* pca = dynamic_cast<const PcaFeatures*>(&extractor)) {
        return pca->components();
    }
    return dynamic_cast<const WhitenedFeatures&>(extractor).components();
}

// An extractor of rows that are there, without whitening.
class ExtractorSource final : public FeatureSource {
  public:
    using Factory = std::function<std::unique_ptr<FeatureExtractor>(Eigen::Index most)>;

    ExtractorSource(std::string name, const RowMatrix& rows, const Eigen::VectorXd& weights,
                    Factory make)
        : name_(std::move(name)), rows_(rows), weights_(weights), make_(std::move(make)) {}

    std::string name() const override { return name_; }
    ComponentScores components(std::span<const Eigen::Index> training,
                               std::span<const Eigen::Index> held_out,
                               Eigen::Index most) const override {
        const std::unique_ptr<FeatureExtractor> extractor = make_(most);
        const RowMatrix fitted_on = rows_of(rows_, training);
        Eigen::VectorXd weights;
        if (weights_.size() > 0) {
            weights = weights_(std::vector<Eigen::Index>(training.begin(), training.end()));
        }
        extractor->fit(fitted_on, {}, weights);
        const PrincipalComponents& of = components_of(*extractor);
        return {of.standard_deviation, of.total_variance, extractor->transform(fitted_on),
                extractor->transform(rows_of(rows_, held_out))};
    }

  private:
    std::string name_;
    const RowMatrix& rows_;
    const Eigen::VectorXd& weights_;  // of the rows; empty: all alike
    Factory make_;
};

// What the search goes through: kinds and widths of features, and the rows that they start from.
struct Kind {
    std::string kind;
    double width = 0.0;               // of rbf
    std::optional<double> threshold;  // of random-conv
};

std::vector<Kind> kinds_of(const TrainingRows& training, const FeatureOptions& features) {
    std::vector<std::string> names{features.kind};
    if (features.kind == "auto") {
        if (!training.backbone.empty()) {
            names = {"pca", "pca+rbf"};
        } else if (training.image) {
            names = {"random-conv", "random-conv+rbf"};
        } else {
            names = {"standardised", "rbf"};
        }
    }
    std::vector<Kind> kinds;
    for (const std::string& name : names) {
        if (name.find("rbf") == std::string::npos) {
            kinds.push_back({name, 0.0, {}});
        } else if (features.width) {
            kinds.push_back({name, *features.width, {}});
        } else {
            const std::span<const double> tried = name == "rbf"
                                                      ? std::span<const double>(widths)
                                                      : std::span<const double>(component_widths);
            for (const double width : tried) {
                kinds.push_back({name, width, {}});
            }
        }
    }
    if (!names.front().starts_with("random-conv")) {
        return kinds;
    }
    std::vector<double> tried(thresholds.begin(), thresholds.end());
    if (features.threshold) {
        tried = {*features.threshold};
    }
    std::vector<Kind> with_thresholds;
    for (const double threshold : tried) {
        for (Kind kind : kinds) {
            kind.threshold = threshold;
            with_thresholds.push_back(kind);
        }
    }
    return with_thresholds;
}

std::string describe(const Kind& kind) {
    std::string text = kind.kind;
    if (kind.threshold) {
        text += fmt::format(" above {:.3g}", *kind.threshold);
    }
    if (kind.width > 0) {
        text += fmt::format(" of width {:.3g}", kind.width);
    }
    return text;
}

ExtractorSource::Factory factory_of(const Kind& kind, const FeatureOptions& features,
                                    const TrainingRows& training) {
    FeatureOptions options = features;
    options.kind = kind.kind;
    if (kind.threshold) {  // the rows are pooled already
        options.kind.replace(0, std::string("random-conv").size(), "pca");
    }
    if (kind.width > 0) {
        options.width = kind.width;
    }
    options.cosines = std::min(options.cosines, most_cosines);
    return [options, &training](Eigen::Index most) {
        FeatureOptions unwhitened = options;
        unwhitened.components = static_cast<int>(most);
        return unfitted_components(unwhitened, training, 0.0);
    };
}

double server_memory_gb(const RecipeOptions& recipe) {
    return recipe.memory_limit_gb > 0 ? recipe.memory_limit_gb : default_memory_gb;
}

// Whether two iterations over all rows would not fit the server, so that one is tried alone.
bool two_iterations_exceed(const RecipeOptions& recipe, const std::vector<int>& tried,
                           double values) {
    return recipe.batch == 0 && tried.size() > 1 && std::ranges::count(tried, 1) > 0 &&
           values * bytes_of_two_iterations > 1e9 * server_memory_gb(recipe);
}

}  // namespace

bool leaves_model_open(const RecipeOptions& recipe, const FeatureOptions& features) {
    return recipe.preset == "standard" && recipe.step == 0 && recipe.final_step == 0 &&
           !recipe.no_rehearsal && recipe.file.empty() && features.kind != "raw" &&
           !features.whitening;
}

ModelChoice choose_model(const TrainingRows& training, const RecipeOptions& recipe,
                         const FeatureOptions& features, const Eigen::VectorXd& class_weights,
                         const std::function<void(double)>& progress) {
    const std::size_t classes = training.data.class_count();
    const std::vector<Kind> kinds = kinds_of(training, features);
    // Convolutions are pooled to few columns, whatever the images' size.
    const bool is_wide = !kinds.front().threshold && training.data.feature_count() > widest_rows;
    const std::vector<Eigen::Index> sample =
        sample_rows(training.data.labels,
                    std::clamp<std::size_t>(most_scores / candidates_of_a_kind / classes, 500,
                                            is_wide ? most_wide_rows : most_rows),
                    features.seed());
    std::vector<int> labels;
    labels.reserve(sample.size());
    for (const Eigen::Index row : sample) {
        labels.push_back(training.data.labels[static_cast<std::size_t>(row)]);
    }
    const RowMatrix rows = rows_of(training.data.features, sample);
    // The pooled convolutions are the same for all folds; only their components are fitted.
    std::map<double, RowMatrix> pooled;
    for (const Kind& kind : kinds) {
        if (kind.threshold && !pooled.contains(*kind.threshold)) {
            FeatureOptions filters = features;
            filters.threshold = kind.threshold;
            filters.filters = std::min(filters.filters, most_filters_tried);
            pooled.emplace(*kind.threshold, pooled_convolutions(filters, training, rows));
        }
    }
    ModelSearchOptions options;
    options.row_weights = row_weights(class_weights, labels);
    options.training_rows = training.data.size();
    std::vector<std::unique_ptr<FeatureSource>> sources;
    ModelChoice choice{recipe, features, {}, {}, sample.size(), {}};
    for (const Kind& kind : kinds) {
        sources.push_back(std::make_unique<ExtractorSource>(
            describe(kind), kind.threshold ? pooled.at(*kind.threshold) : rows, options.row_weights,
            factory_of(kind, features, training)));
        choice.sources.push_back(describe(kind));
    }
    options.iterations = recipe.tried_iterations;
    if (recipe.iterations > 0) {
        options.iterations = {recipe.iterations};
    } else if (recipe.epochs > 0) {
        const std::size_t batches =
            (training.data.size() + static_cast<std::size_t>(recipe.batch) - 1) /
            static_cast<std::size_t>(std::max(1, recipe.batch));
        options.iterations = {static_cast<int>(
            std::min<std::size_t>(batches * static_cast<std::size_t>(recipe.epochs), 10'000))};
    }
    if (recipe.batch > 0 || options.iterations.back() > short_run) {
        options.most_components = most_components_of_long_runs;
    }
    const double columns =
        1.0 + (features.components > 0 ? static_cast<double>(features.components)
                                       : static_cast<double>(options.most_components));
    const bool one_alone = two_iterations_exceed(
        recipe, options.iterations, static_cast<double>(training.data.size()) * columns);
    if (one_alone) {
        options.iterations = {1};
    }
    if (const int degree = pinned_degree(recipe); degree > 0) {
        options.degree = degree;
    }
    if (recipe.range > 0) {
        options.range = recipe.range;
    }
    options.decays = recipe.decay ? std::vector{*recipe.decay} : recipe.tried_decays;
    options.momentum = value_or_throw(momentum_from_name(recipe.momentum));
    options.batch = recipe.batch;
    if (features.components > 0) {
        options.components = {features.components};
    } else {
        options.components.assign(features.tried_components.begin(),
                                  features.tried_components.end());
    }
    if (features.ridge) {
        options.ridges = {*features.ridge};
    }
    options.prefer_accuracy = recipe.prefer_accuracy;
    options.seed = features.seed();
    options.progress = progress;
    choice.search = search_models(sources, labels, static_cast<int>(classes), options);
    const ModelCandidate& chosen = choice.search.chosen;
    const ModelCandidate& best = choice.search.best;
    const Kind& kind = kinds[chosen.source];
    choice.features.kind = kind.kind;
    choice.features.width = kind.width > 0 ? std::optional(kind.width) : std::nullopt;
    choice.features.threshold = kind.threshold;
    choice.features.components = static_cast<int>(chosen.components);
    choice.features.ridge = chosen.ridge;
    if (recipe.epochs == 0) {
        choice.recipe.iterations = chosen.iterations;
    }
    choice.recipe.degree = choice.search.recipe.sigmoid.degree();
    choice.recipe.range = chosen.range;
    choice.recipe.step = choice.search.recipe.steps.front();
    choice.recipe.decay = chosen.decay;
    const bool is_best = chosen.loss <= best.loss;
    choice.text = fmt::format(
        "{}, {} components, ridge {:.0e}, {} iteration{}: {:.1f} % of held-out rows right, {}",
        describe(kind), chosen.components, chosen.ridge, chosen.iterations,
        chosen.iterations == 1 ? "" : "s", 100 * chosen.accuracy,
        is_best
            ? std::string("the least loss")
            : fmt::format("the least loss, {:.1f} % right with {}, {} components, {} iteration{}, "
                          "is not lower by more than one standard error",
                          100 * best.accuracy, choice.sources[best.source], best.components,
                          best.iterations, best.iterations == 1 ? "" : "s"));
    if (one_alone) {
        choice.text += fmt::format(
            "; more iterations were not tried, since they might need more than {:.3g} GB of the "
            "server's memory",
            server_memory_gb(recipe));
    }
    return choice;
}

}  // namespace cipherfit
