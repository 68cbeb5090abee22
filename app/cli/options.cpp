#include "cli/options.h"

#include "common/number_option.h"

#include <charconv>
#include <limits>

#include <nlohmann/json.hpp>

namespace cipherfit {
namespace {

constexpr const char* input_group = "Input";
constexpr const char* recipe_group = "Recipe";
constexpr const char* plan_group = "Encryption";

std::optional<std::size_t> parse_index(std::string_view text) {
    std::size_t value = 0;
    const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
    const bool whole = result.ec == std::errc{} && result.ptr == text.data() + text.size();
    return whole ? std::optional(value) : std::nullopt;
}

CLI::Validator scale_bits() {
    const CLI::Validator in_range = whole_number(32, 45);
    return CLI::Validator(
        [in_range](std::string& text) { return text == "0" ? std::string() : in_range(text); },
        "0 or [32..45]");
}

}  // namespace

RowRange parse_rows(const std::string& text) {
    RowRange range;
    if (text.empty()) {
        return range;
    }
    const std::size_t colon = text.find(':');
    const std::string first = text.substr(0, colon);
    const std::string last = colon == std::string::npos ? "" : text.substr(colon + 1);
    const auto begin = first.empty() ? std::optional<std::size_t>(0) : parse_index(first);
    range.end = parse_index(last);
    if (colon == std::string::npos || !begin || (!last.empty() && !range.end) ||
        (range.end && *begin >= *range.end)) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("rows '{}' are no range: write FIRST:END, for example 0:128 for "
                                "the first 128 rows",
                                text));
    }
    range.begin = *begin;
    return range;
}

void add_train_options(CLI::App& app, SampleOptions& samples, bool required) {
    app.add_option(
           "--train", samples.file,
           "Training data: CSV (label first, or see --label), .npy, IDX or CIFAR-10's binary "
           "version, told apart by content; or a folder with such a file")
        ->group(input_group)
        ->required(required)
        ->type_name("PATH");
    app.add_option("--labels", samples.labels,
                   "Labels of --train, where they are in a file of their own that is not found "
                   "beside it")
        ->group(input_group)
        ->type_name("FILE");
    app.add_option("--train-rows", samples.rows, "Use only these rows, e.g. 0:512")
        ->group(input_group)
        ->type_name("FIRST:END");
}

void add_test_options(CLI::App& app, SampleOptions& samples, bool required) {
    samples.part = DatasetPart::test;
    app.add_option("--test", samples.file, "Test data; used after training only")
        ->group(input_group)
        ->required(required)
        ->type_name("PATH");
    app.add_option("--test-labels", samples.labels, "Labels of --test")
        ->group(input_group)
        ->type_name("FILE");
    app.add_option("--test-rows", samples.rows, "Use only these rows, e.g. 128:256")
        ->group(input_group)
        ->type_name("FIRST:END");
    app.add_flag("--count-unknown", samples.count_unknown_classes,
                 "Leave test rows of classes that were not trained out of the figures, and say how "
                 "many there are; otherwise they are refused")
        ->group(input_group);
}

void add_feature_options(CLI::App& app, FeatureOptions& features) {
    app.add_option("--features", features.kind,
                   "standardised: the columns, standardised and whitened; rbf: random Fourier "
                   "features of them, for what no line separates; random-conv: image features "
                   "fitted on the training images; pca: principal components of the columns; "
                   "random-conv+rbf, pca+rbf: random Fourier features of these; raw: the columns "
                   "as they are; auto: chosen on the training rows")
        ->group(input_group)
        ->capture_default_str()
        ->check(CLI::IsMember(feature_kinds()));
    app.add_option("--pca", features.components,
                   "Principal components of the features to keep; 0: chosen on the training rows")
        ->group(input_group)
        ->capture_default_str()
        ->transform(whole_number(0, 16384));
    app.add_option("--whiten", features.whitening,
                   "Divide the components of random-conv or pca by std^A, 0 to 1, and take steps "
                   "by the quadratic gradient, in place of --ridge")
        ->group(input_group)
        ->check(real_number(0, 1))
        ->type_name("A");
    app.add_option("--ridge", features.ridge,
                   "Divide the components by sqrt(std^2 + R T), T their total variance, and take "
                   "unit steps; chosen on the training rows unless given")
        ->group(input_group)
        ->check(real_number(0, 1))
        ->type_name("R");
    app.add_option("--rbf-width", features.width,
                   "Width G of rbf: the kernel exp(-(G / d) |x - y|^2) of d standardised columns; "
                   "chosen on the training rows unless given")
        ->group(input_group)
        ->check(real_number(1e-6, 1e3))
        ->type_name("G");
    app.add_option("--rbf-cosines", features.cosines,
                   "Random Fourier features of rbf, of which components are taken")
        ->group(input_group)
        ->capture_default_str()
        ->transform(whole_number(16, 16384));
    app.add_option("--conv-threshold", features.threshold,
                   "What random-conv's rectifier takes off, in units of a white pixel: 0.3 suits "
                   "strokes, 0 textures; chosen on the training rows unless given")
        ->group(input_group)
        ->check(real_number(0, 100))
        ->type_name("T");
    app.add_option("--conv-filters", features.filters,
                   "Random filters of random-conv; more of them cost the owner time alone")
        ->group(input_group)
        ->capture_default_str()
        ->transform(whole_number(1, most_filters));
    app.add_flag("--conv-normalise", features.unit_filters,
                 "Divide the pooled answers of random-conv's filters to an image by their norm, "
                 "so that brightness and thickness of strokes drop out")
        ->group(input_group);
    app.add_option("--seed", features.given_seed,
                   "Seed of the random filters and of the rehearsal's folds, 1 unless given; keys "
                   "and encryption never use it")
        ->group(input_group)
        ->transform(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
}

void add_recipe_options(CLI::App& app, RecipeOptions& recipe) {
    CLI::Option* file =
        app.add_option("--recipe", recipe.file,
                       "The recipe that 'cipherfit rehearse' wrote, in place of the options below")
            ->group(recipe_group)
            ->type_name("FILE");
    CLI::Option* iterations =
        app.add_option("--iterations", recipe.iterations,
                       "Training iterations under encryption; of 1, 2, 4 and 8 chosen on the "
                       "training rows unless given (8 where features or step are pinned)")
            ->group(recipe_group)
            ->excludes(file)
            ->transform(whole_number(1, max_iterations));
    CLI::Option* batch =
        app.add_option(
               "--batch", recipe.batch,
               "Samples an iteration, in an order shuffled by --seed; 0: all. Step and range "
               "are then not rehearsed")
            ->group(recipe_group)
            ->excludes(file)
            ->capture_default_str()
            ->transform(whole_number(0, largest_batch));
    app.add_option("--parts", recipe.parts,
                   "Files in which all samples are sent, read by the server one at a time: less "
                   "memory, the same model. More than one for one or two iterations over much "
                   "data unless given")
        ->group(recipe_group)
        ->excludes(batch)
        ->transform(whole_number(1, most_parts));
    app.add_option("--epochs", recipe.epochs,
                   "Passes over all mini-batches, in place of --iterations")
        ->group(recipe_group)
        ->excludes(iterations)
        ->needs(batch)
        ->transform(whole_number(1, max_iterations));
    app.add_option("--momentum", recipe.momentum,
                   "nesterov, or none: plain gradient descent, which keeps half as much to "
                   "bootstrap and forgets its errors")
        ->group(recipe_group)
        ->excludes(file)
        ->capture_default_str()
        ->check(CLI::IsMember({"nesterov", "none"}));
    app.add_option("--decay", recipe.decay,
                   "Decoupled weight decay: the part of the weights that an iteration takes away")
        ->group(recipe_group)
        ->excludes(file)
        ->check(real_number(0, 0.5));
    app.add_option("--class-weight", recipe.class_weight,
                   "Weights of the classes' rows: balanced, which gives every class the same "
                   "share, or a file with a line CLASS,WEIGHT for each; all rows count alike "
                   "unless given")
        ->group(recipe_group)
        ->type_name("balanced|FILE");
    app.add_option("--prior", recipe.prior,
                   "Shares of the classes where the model will be used: balanced, or a file with "
                   "a line CLASS,SHARE for each. The decrypted intercepts are shifted from the "
                   "shares that were trained on")
        ->group(recipe_group)
        ->type_name("balanced|FILE");
    app.add_option("--preset", recipe.preset,
                   "standard: centred features, zero start, step and range rehearsed on the "
                   "training rows; chiang2023: the recipe of arXiv 2304.03807 to the letter, in "
                   "at most 6 ciphertexts")
        ->group(recipe_group)
        ->excludes(file)
        ->capture_default_str()
        ->type_name("NAME");
    app.add_option("--sigmoid-degree", recipe.degree,
                   "Degree of the polynomial sigmoid: 1, 3, 5 or 7; 3 unless given")
        ->group(recipe_group)
        ->excludes(file)
        ->check(CLI::IsMember({1, 3, 5, 7}));
    app.add_option("--sigmoid-range", recipe.range,
                   "The sigmoid is fitted on [-RANGE, RANGE]; rehearsed unless given")
        ->group(recipe_group)
        ->excludes(file)
        ->check(real_number(0, 64, LeastIs::excluded))
        ->type_name("RANGE");
    app.add_option("--step", recipe.step, "Step size; rehearsed unless given")
        ->group(recipe_group)
        ->excludes(file)
        ->check(real_number(1e-6, 1e6));
    app.add_option("--final-step", recipe.final_step,
                   "What the step falls to over the run, by equal ratios; it stays unless given")
        ->group(recipe_group)
        ->excludes(file)
        ->check(real_number(1e-6, 1e6));
    app.add_flag("--no-rehearsal", recipe.no_rehearsal,
                 "Take step and range from norms of the features instead of trying them out in "
                 "the clear")
        ->group(recipe_group)
        ->excludes(file);
    app.add_option("--log-n", recipe.log_n, "Ring of 2^LOG_N coefficients, 12 to 17; 0: planned")
        ->group(plan_group)
        ->capture_default_str()
        ->check(CLI::IsMember({0U, 12U, 13U, 14U, 15U, 16U, 17U}))
        ->type_name("LOG_N");
    app.add_option("--scale-bits", recipe.scale_bits,
                   "Bits of a scale and of a prime, 32 to 45; 0: planned")
        ->group(plan_group)
        ->capture_default_str()
        ->transform(scale_bits());
    app.add_option("--memory-limit", recipe.memory_limit_gb,
                   "Gigabytes that the server may need; larger plans are not chosen. Unless given, "
                   "5.5, and 12 where the states are bootstrapped or the features whitened")
        ->group(plan_group)
        ->check(real_number(0.001, 1e6))
        ->type_name("GB");
    app.add_option("--most-ciphertexts", recipe.most_ciphertexts,
                   "Most ciphertexts to upload; 0: any number (6 with the preset chiang2023)")
        ->group(plan_group)
        ->transform(whole_number(0, 1'000'000))
        ->type_name("COUNT");
    std::string solvers = "What the server trains: ";
    std::vector<std::string> names{"auto"};
    for (const SolverKind* kind : solver_kinds()) {
        solvers += fmt::format("{}, {}; ", kind->name(), kind->about());
        names.emplace_back(kind->name());
    }
    app.add_option("--solver", recipe.solver,
                   solvers + "auto: planned (primal with the preset chiang2023)")
        ->group(plan_group)
        ->capture_default_str()
        ->check(CLI::IsMember(names));
    app.add_option("--models-every", recipe.models_every,
                   "Iterations after which a dual run with bootstrappings has a model to review "
                   "or to draw in a curve; 0: none but the last. Planned unless given; other runs "
                   "have one after every iteration")
        ->group(plan_group)
        ->transform(whole_number(0, max_iterations))
        ->type_name("EVERY");
    app.add_option("--security", recipe.security,
                   "Bits of security of the ring and its modulus: 128, 192 or 256 by the published "
                   "tables, or 128q: 128 against quantum computers too. Runs that need "
                   "bootstrappings have 128")
        ->group(plan_group)
        ->capture_default_str()
        ->check(CLI::IsMember({"128", "192", "256", "128q"}))
        ->type_name("BITS");
    app.add_option("--gram,--kernel", recipe.gram,
                   "Who computes the dual solver's Gram matrix: owner, in the clear; server, from "
                   "the encrypted features, which takes longer and sends more")
        ->group(plan_group)
        ->capture_default_str()
        ->check(CLI::IsMember({"owner", "server"}));
}

void add_json_option(CLI::App& app, std::filesystem::path& file) {
    app.add_option("--json", file, "Also write the figures to this file, as one JSON object")
        ->type_name("FILE");
}

}  // namespace cipherfit
