// cipherfit rehearse: the recipe, tried out in the clear before anything is encrypted.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/train/owner/rehearsal_grid.h"
#include "cli/class_weights.h"
#include "cli/commands.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "cli/recipe_file.h"
#include "cli/rehearse_models.h"
#include "cli/rehearsed_parts.h"
#include "cli/table_options.h"
#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"

#include <algorithm>
#include <limits>
#include <memory>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct RehearseOptions {
    SampleOptions train, open;
    FeatureOptions features;
    std::vector<int> components;
    RehearsalGridOptions grid;
    RecipeOptions recipe;
    RunOptions run;
    std::filesystem::path out, owner, json;
};

std::vector<RehearsedPart> rehearse_parts(const RehearseOptions& options, const Samples& samples,
                                          ProgressLine& line) {
    std::vector<RehearsedPart> parts;
    for (const int components : options.components) {
        line.phase(components > 0 ? fmt::format("rehearsal with {} components", components)
                                  : std::string("rehearsal"));
        FeatureOptions features = options.features;
        features.components = components;
        const auto extractor = fit_extractor(features, samples);
        const Dataset rows = extract(extractor.get(), samples.data);
        parts.push_back({components, extractor ? extractor->name() : "raw",
                         rehearse_grid(rows.features, rows.labels,
                                       static_cast<int>(rows.class_count()), options.grid)});
    }
    line.finish();
    return parts;
}

// The plan of the chosen recipe, kept as `plan --owner` keeps it.
void keep_plan(RehearseOptions& options, Samples samples, std::optional<StopAtOnce>& planning,
               ProgressLine& line, std::optional<ModelChoice> choice = std::nullopt) {
    const OwnerFiles files{options.owner};
    const auto inputs = inputs_record(options.train, samples, options.recipe, options.features);
    if (std::filesystem::exists(files.plan())) {  // the same command was stopped after this
        const nlohmann::json before = read_json(files.inputs());
        require(before.value("options", nlohmann::json()) == inputs.at("options"),
                ErrorCode::bad_input, "{}: holds a plan already: use another directory",
                options.owner.string());
        return;
    }
    PlannedTraining planned =
        make_plan(std::move(samples), options.recipe, options.features, line, std::move(choice));
    planning.reset();
    keep_new_plan(planned.session, options.owner, inputs);
}

// A plan that is there is gone on with where the same command made it. Of other rows it is refused
// before the work.
void require_no_other_plan(const RehearseOptions& options, const Samples& samples) {
    const OwnerFiles files{options.owner};
    require(options.owner.empty() || !std::filesystem::exists(files.plan()) ||
                read_json(files.inputs()).value("training_sha256", "") == digest_of(samples.data),
            ErrorCode::bad_input, "{}: holds a plan already: use another directory",
            options.owner.string());
}

// What the text ends with: where the recipe and the plan are.
std::string kept_lines(const RehearseOptions& options) {
    std::string text;
    if (!options.out.empty()) {
        text += fmt::format("  {:<22}{}: 'cipherfit plan --recipe {}' takes it, so does fit\n",
                            "recipe", options.out.string(), options.out.string());
    }
    if (!options.owner.empty()) {
        text += fmt::format("  {:<22}in {}: next, 'cipherfit keygen'\n", "plan",
                            options.owner.string());
    }
    return text;
}

bool is_only_printed(const RehearseOptions& options) {
    return options.owner.empty() && options.out.empty() && options.json.empty();
}

// Features, their components and the iterations, by search_models().
void rehearse_open_models(RehearseOptions& options, Samples samples,
                          std::optional<StopAtOnce>& planning, ProgressLine& line) {
    options.recipe.tried_iterations = options.grid.iterations;
    options.recipe.tried_decays = options.grid.decays;
    options.recipe.range = options.grid.range.value_or(0.0);
    options.features.tried_components = options.components;
    require(options.grid.degrees.size() == 1, ErrorCode::bad_input,
            "several degrees are tried with --features raw or a --whiten alone: give one "
            "--sigmoid-degree");
    options.recipe.degree = options.grid.degrees.front();
    line.phase("rehearsal");
    const ModelChoice choice = choose_model(
        samples, options.recipe, options.features,
        class_weights_of(options.recipe.class_weight, samples.data), [&line](double share) {
            check_interrupt();
            line.update(share, "features and iterations tried on held-out rows");
        });
    line.finish();
    if (!options.owner.empty()) {
        options.recipe = choice.recipe;
        options.features = choice.features;
        keep_plan(options, std::move(samples), planning, line, choice);
    }
    planning.reset();
    if (!options.out.empty()) {
        write_recipe_file(options.out, choice.recipe, choice.features,
                          figures_of(choice).at("chosen"));
    }
    if (!options.json.empty()) {
        write_named_json(options.json, figures_of(choice));
    }
    write_output(fmt::format("{}\n  {:<22}{}\n{}", describe(choice), "chosen", choice.text,
                             kept_lines(options)),
                 is_only_printed(options));
}

void rehearse_grids(RehearseOptions& options, Samples samples, std::optional<StopAtOnce>& planning,
                    ProgressLine& line) {
    require(!options.features.are_whitened(), ErrorCode::bad_input,
            "--step and --whiten go with --features raw, random-conv or pca and without --ridge: "
            "leave them out, and features and iterations are chosen");
    options.grid.seed = options.features.seed();
    options.grid.plan = setup_options(options.recipe, options.features).plan;
    if (options.components.empty()) {
        options.components = {0};
    }
    const std::vector<RehearsedPart> parts = rehearse_parts(options, samples, line);
    const std::size_t rows = samples.data.size();
    const std::size_t chosen = choose_part(parts, rows, options.grid.prefer_accuracy);
    const RehearsedRun& best = parts[chosen].grid.best();
    pin(best, options.recipe);
    options.features.components = parts[chosen].components;
    options.features.kind = parts[chosen].features;
    if (!options.owner.empty()) {
        keep_plan(options, std::move(samples), planning, line);
    }
    planning.reset();
    if (!options.out.empty()) {
        write_recipe_file(options.out, best, options.features);
    }
    if (!options.json.empty()) {
        write_named_json(options.json, figures_of(parts, chosen, rows));
    }
    const double reach = std::max(best.chosen.max_abs_z, best.chosen.max_abs_z_held_out);
    write_output(
        fmt::format("{}\n  {:<22}{} iterations, step {:.4g}, decay {:.3g}, sigmoid of degree {} on "
                    "[-{:.3g}, "
                    "{:.3g}]\n"
                    "  {:<22}{:.1f} % of {} rows, each held out once\n"
                    "  {:<22}{:.3g}; up to {:.3g} is allowed, 95 % of the sigmoid's range\n{}",
                    describe(parts, chosen), "chosen", best.iterations, best.chosen.step,
                    best.decay, best.degree, best.chosen.range, best.chosen.range, "right",
                    100 * best.chosen.accuracy, format_count(rows), "largest |z|", reach,
                    0.95 * best.chosen.range, kept_lines(options)),
        is_only_printed(options));
}

void rehearse_command(RehearseOptions& options) {
    set_thread_count(options.run.threads);
    const bool is_open = !options.open.file.empty();
    require(is_open != !options.train.file.empty(), ErrorCode::bad_input,
            "give --train FILE, or --public FILE to rehearse on rows that are no secret");
    require(!is_open || options.owner.empty(), ErrorCode::bad_input,
            "--owner keeps a plan of the training rows: give --train, or take the recipe of "
            "--public with 'cipherfit plan --recipe'");
    require(options.recipe.prior.empty() || !options.owner.empty(), ErrorCode::bad_input,
            "--prior shifts the intercepts of a model and chooses nothing: give it with --owner, "
            "or to 'cipherfit plan' and 'cipherfit fit' beside --recipe");
    OutputCheck check;
    check.reads("--train", options.train);
    check.reads("--public", options.open);
    check.reads("--class-weight", options.recipe.class_weight);
    check.reads("--prior", options.recipe.prior);
    check.makes("--owner", options.owner);
    check.writes("--out", options.out);
    check.writes("--json", options.json);
    check.check();
    std::optional<StopAtOnce> planning(std::in_place);
    options.open.table = options.train.table;
    Samples samples = read_samples(is_open ? options.open : options.train);
    require_trainable(samples);
    require_no_other_plan(options, samples);
    ProgressLine line(options.run.quiet);
    options.recipe.step = options.grid.step.value_or(0.0);
    options.recipe.prefer_accuracy = options.grid.prefer_accuracy;
    const bool searches = leaves_model_open(options.recipe, options.features);
    // The grid's own choices where the user made none.
    if (options.grid.degrees.empty()) {
        options.grid.degrees = searches ? std::vector{3} : std::vector{3, 5};
    }
    if (options.grid.iterations.empty()) {
        options.grid.iterations =
            searches ? std::vector{1, 2, 4, 8} : std::vector{1, 2, 3, 4, 6, 8};
    }
    if (options.grid.decays.empty()) {
        options.grid.decays = searches ? std::vector{0.0, 0.02, 0.1} : std::vector{0.0};
    }
    if (searches) {
        rehearse_open_models(options, std::move(samples), planning, line);
    } else {
        rehearse_grids(options, std::move(samples), planning, line);
    }
}

}  // namespace

void add_rehearse_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "rehearse",
        "Try recipes in the clear, on rows held out, and write the one to encrypt with");
    command->footer(
        "Examples:\n"
        "  cipherfit rehearse --train train.csv --out recipe.json\n"
        "  cipherfit rehearse --train train.csv --iterations 2,4,8 --owner private\n"
        "  cipherfit rehearse --train features --pca 32,64,112 --out recipe.json\n"
        "  cipherfit rehearse --public other.csv --out recipe.json   (tells nothing of your "
        "rows)\n\n"
        "Features, their components, ridge, iterations and the sigmoid's range are chosen by "
        "cross-validation:\n"
        "the least loss after two iterations, unless another number of iterations lowers it by "
        "more than\n"
        "one standard error. With --features raw, --whiten or --step, step and range are searched "
        "for each\n"
        "number of iterations, degree and decay, and the cheapest nearly best run is chosen.\n"
        "Runs whose |z| comes within 5 % of the end of the sigmoid's range are refused.");
    auto options = std::make_shared<RehearseOptions>();
    options->grid.iterations.clear();
    options->grid.degrees.clear();
    options->grid.decays.clear();
    add_train_options(*command, options->train, false);
    add_training_table_options(*command, options->train.table);
    const char* open_group = "Public rows, in place of --train";
    command->add_option("--public", options->open.file, "Rows of the same kind that are no secret")
        ->group(open_group)
        ->type_name("FILE");
    command->add_option("--public-labels", options->open.labels, "Labels of --public")
        ->group(open_group)
        ->type_name("FILE");
    command->add_option("--public-rows", options->open.rows, "Use only these rows")
        ->group(open_group)
        ->type_name("FIRST:END");
    const char* grid_group = "Grid";
    command
        ->add_option("--iterations", options->grid.iterations,
                     "Numbers to try: 1,2,4,8 unless given")
        ->group(grid_group)
        ->delimiter(',')
        ->transform(whole_number(1, max_iterations));
    command
        ->add_option("--sigmoid-degree", options->grid.degrees,
                     "Degrees to try, of 1, 3, 5, 7: 3 unless given")
        ->group(grid_group)
        ->delimiter(',')
        ->check(CLI::IsMember({1, 3, 5, 7}));
    command
        ->add_option("--decay", options->grid.decays,
                     "Weight decays to try: the part of the weights that an iteration takes away")
        ->group(grid_group)
        ->delimiter(',')
        ->check(real_number(0, 0.5));
    command
        ->add_option("--pca", options->components,
                     "Numbers of principal components to try, of random-conv or pca")
        ->group(grid_group)
        ->delimiter(',')
        ->transform(whole_number(1, 16384));
    command->add_option("--step", options->grid.step, "Only this step")
        ->group(grid_group)
        ->check(real_number(1e-6, 1e6));
    command->add_option("--sigmoid-range", options->grid.range, "Only this range")
        ->group(grid_group)
        ->check(real_number(0, 64, LeastIs::excluded));
    command
        ->add_flag("--best", options->grid.prefer_accuracy,
                   "Choose the most accurate run, whatever it costs under encryption")
        ->group(grid_group);
    command
        ->add_option("--class-weight", options->recipe.class_weight,
                     "As for fit: balanced, or a file")
        ->type_name("balanced|FILE");
    command
        ->add_option("--prior", options->recipe.prior,
                     "As for fit, for the plan that --owner keeps: balanced, or a file")
        ->type_name("balanced|FILE");
    command->add_option("--features", options->features.kind, "As for fit")
        ->capture_default_str()
        ->check(CLI::IsMember(feature_kinds()));
    command->add_option("--whiten", options->features.whitening, "As for fit")
        ->check(real_number(0, 1))
        ->type_name("A");
    command->add_option("--ridge", options->features.ridge, "As for fit")
        ->check(real_number(0, 1))
        ->type_name("R");
    command->add_option("--rbf-width", options->features.width, "As for fit")
        ->check(real_number(1e-6, 1e3))
        ->type_name("G");
    command->add_option("--conv-threshold", options->features.threshold, "As for fit")
        ->check(real_number(0, 100))
        ->type_name("T");
    command->add_option("--conv-filters", options->features.filters, "As for fit")
        ->capture_default_str()
        ->transform(whole_number(1, most_filters));
    command->add_flag("--conv-normalise", options->features.unit_filters, "As for fit");
    command
        ->add_option("--seed", options->features.given_seed,
                     "Of the folds and the random filters; 1 unless given")
        ->transform(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
    command
        ->add_option("--memory-limit", options->recipe.memory_limit_gb,
                     "Gigabytes that the server may need; larger plans are refused. Unless "
                     "given, 5.5, and 12 where the states are bootstrapped")
        ->check(real_number(0.001, 1e6))
        ->type_name("GB");
    command->add_option("--out", options->out, "Write the recipe to this file")->type_name("FILE");
    command
        ->add_option("--owner", options->owner,
                     "Keep the plan in this private directory, for keygen and encrypt")
        ->type_name("DIR");
    add_json_option(*command, options->json);
    add_run_options(*command, options->run);
    command->callback([options] { rehearse_command(*options); });
}

}  // namespace cipherfit
