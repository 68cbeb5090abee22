// cipherfit rehearse: the recipe, tried out in the clear before anything is encrypted.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cipherfit/train/rehearsal_grid.h"
#include "cli/commands.h"
#include "cli/owner_steps.h"
#include "cli/recipe_file.h"

#include <algorithm>
#include <array>
#include <cstdio>
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

// One grid, of the features with that many principal components (0: the extractor's own choice).
struct Part {
    int components = 0;
    std::string features;  // the kind that they are of
    RehearsalGrid grid;
};

// Heights of the curve's accuracies between the two bounds, as block characters.
std::string sparkline(const std::vector<HeldOutPoint>& curve, double low, double high) {
    constexpr std::array blocks{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    std::string text;
    for (const HeldOutPoint& point : curve) {
        const double share = high > low ? (point.accuracy - low) / (high - low) : 1.0;
        text += blocks.at(static_cast<std::size_t>(std::clamp(share * 7.999, 0.0, 7.0)));
    }
    return text;
}

std::string describe(const std::vector<Part>& parts, std::size_t chosen) {
    double low = 1;
    double high = 0;
    for (const Part& part : parts) {
        for (const RehearsedRun& run : part.grid.runs) {
            for (const HeldOutPoint& point : run.curve) {
                low = std::min(low, point.accuracy);
                high = std::max(high, point.accuracy);
            }
        }
    }
    std::string text = fmt::format(
        "\n    {:>10} {:>6} {:>6} {:>5} {:>5} {:>6} {:>6} {:>9} {:>6} {:>5} {:>6} {:>9}  {}\n",
        "iterations", "degree", "decay", "pca", "step", "range", "|z|", "held out", "loss", "ring",
        "levels", "keys", "after each iteration");
    for (std::size_t p = 0; p < parts.size(); ++p) {
        const Part& part = parts[p];
        const std::string pca = part.components > 0 ? std::to_string(part.components) : "-";
        for (const RehearsedRun& run : part.grid.runs) {
            const char* mark = p == chosen && &run == &part.grid.best() ? "  > " : "    ";
            text += fmt::format("{}{:>10} {:>6} {:>6.3g} {:>5} ", mark, run.iterations, run.degree,
                                run.decay, pca);
            if (run.usable()) {
                text += fmt::format(
                    "{:>5.3g} {:>6.3g} {:>6.3g} {:>7.1f} % {:>6.3f} {:>5} {:>6} {:>9}  {}\n",
                    run.chosen.step, run.chosen.range,
                    std::max(run.chosen.max_abs_z, run.chosen.max_abs_z_held_out),
                    100 * run.chosen.accuracy, run.chosen.loss, fmt::format("2^{}", run.cost.log_n),
                    run.cost.levels, format_bytes(run.cost.key_bytes),
                    sparkline(run.curve, low, high));
            } else {
                text += fmt::format("refused: {}\n", run.refusal);
            }
        }
    }
    return text;
}

// Between the parts' choices as rehearse_grid() chooses within one: the most accurate grid where
// accuracy decides, else the cheapest of those within one standard error of it.
std::size_t choose_part(const std::vector<Part>& parts, std::size_t rows, bool prefer_accuracy) {
    double best = 0;
    for (const Part& part : parts) {
        best = std::max(best, part.grid.best().chosen.accuracy);
    }
    const double slack =
        prefer_accuracy ? 0 : std::sqrt(best * (1 - best) / static_cast<double>(rows));
    std::size_t chosen = parts.size();
    const auto key = [&](const Part& part) {
        const RehearsedRun& run = part.grid.best();
        return std::pair(prefer_accuracy ? 0.0 : run.cost.limb_transforms, run.chosen.loss);
    };
    for (std::size_t i = 0; i < parts.size(); ++i) {
        if (parts[i].grid.best().chosen.accuracy >= best - slack - 1e-9 &&
            (chosen == parts.size() || key(parts[i]) < key(parts[chosen]))) {
            chosen = i;
        }
    }
    return chosen;
}

std::vector<Part> rehearse_parts(const RehearseOptions& options, const Samples& samples,
                                 ProgressLine& line) {
    std::vector<Part> parts;
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

nlohmann::json figures_of(const std::vector<Part>& parts, std::size_t chosen, std::size_t rows) {
    nlohmann::json runs = nlohmann::json::array();
    for (const Part& part : parts) {
        for (const RehearsedRun& run : part.grid.runs) {
            runs.push_back(to_json(run));
            runs.back()["pca"] = part.components;
        }
    }
    nlohmann::json best = to_json(parts[chosen].grid.best());
    best["pca"] = parts[chosen].components;
    return {{"rows", rows}, {"runs", runs}, {"chosen", best}};
}

// The plan of the chosen recipe, kept as `plan --owner` keeps it.
void keep_plan(RehearseOptions& options, Samples samples, ProgressLine& line) {
    const OwnerFiles files{options.owner};
    const auto inputs = inputs_record(options.train, samples, options.recipe, options.features);
    const PlannedTraining planned =
        make_plan(std::move(samples), options.recipe, options.features, line);
    keep_new_plan(files, planned.state, inputs);
}

void rehearse_command(RehearseOptions& options) {
    set_thread_count(options.run.threads);
    const bool is_open = !options.open.file.empty();
    require(is_open != !options.train.file.empty(), ErrorCode::bad_input,
            "give --train FILE, or --public FILE to rehearse on rows that are no secret");
    require(!is_open || options.owner.empty(), ErrorCode::bad_input,
            "--owner keeps a plan of the training rows: give --train, or take the recipe of "
            "--public with 'cipherfit plan --recipe'");
    require(options.owner.empty() || !std::filesystem::exists(OwnerFiles{options.owner}.plan()),
            ErrorCode::bad_input, "{}: holds a plan already: use another directory",
            options.owner.string());
    Samples samples = read_samples(is_open ? options.open : options.train);
    require_trainable(samples);
    options.grid.seed = options.features.seed();
    options.grid.plan = setup_options(options.recipe, options.features).plan;
    if (options.components.empty()) {
        options.components = {0};
    }
    ProgressLine line(options.run.quiet);
    const std::vector<Part> parts = rehearse_parts(options, samples, line);
    const std::size_t rows = samples.data.size();
    const std::size_t chosen = choose_part(parts, rows, options.grid.prefer_accuracy);
    const RehearsedRun& best = parts[chosen].grid.best();
    pin(best, options.recipe);
    options.features.components = parts[chosen].components;
    options.features.kind = parts[chosen].features;
    if (!options.owner.empty()) {
        keep_plan(options, std::move(samples), line);
    }
    if (!options.out.empty()) {
        write_recipe_file(options.out, best, options.features);
    }
    if (!options.json.empty()) {
        write_json(options.json, figures_of(parts, chosen, rows), true);
    }
    const double reach = std::max(best.chosen.max_abs_z, best.chosen.max_abs_z_held_out);
    std::string text = fmt::format(
        "{}\n  {:<22}{} iterations, step {:.4g}, decay {:.3g}, sigmoid of degree {} on [-{:.3g}, "
        "{:.3g}]\n"
        "  {:<22}{:.1f} % of {} rows, each held out once\n"
        "  {:<22}{:.3g}; up to {:.3g} is allowed, 95 % of the sigmoid's range\n",
        describe(parts, chosen), "chosen", best.iterations, best.chosen.step, best.decay,
        best.degree, best.chosen.range, best.chosen.range, "right", 100 * best.chosen.accuracy,
        format_count(rows), "largest |z|", reach, 0.95 * best.chosen.range);
    if (!options.out.empty()) {
        text += fmt::format("  {:<22}{}: 'cipherfit plan --recipe {}' takes it, so does fit\n",
                            "recipe", options.out.string(), options.out.string());
    }
    if (!options.owner.empty()) {
        text += fmt::format("  {:<22}in {}: next, 'cipherfit keygen'\n", "plan",
                            options.owner.string());
    }
    fmt::print("{}", text);
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
        "For each number of iterations, degree and decay, step and range of the sigmoid are "
        "searched by\n"
        "cross-validation. Chosen is the cheapest run within one standard error of the best.\n"
        "Runs whose |z| comes within 5 % of the end of the sigmoid's range are refused.");
    auto options = std::make_shared<RehearseOptions>();
    add_train_options(*command, options->train, false);
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
    command->add_option("--iterations", options->grid.iterations, "Numbers to try")
        ->group(grid_group)
        ->delimiter(',')
        ->capture_default_str()
        ->check(CLI::Range(1, max_iterations));
    command->add_option("--sigmoid-degree", options->grid.degrees, "Degrees to try: of 1, 3, 5, 7")
        ->group(grid_group)
        ->delimiter(',')
        ->capture_default_str()
        ->check(CLI::IsMember({1, 3, 5, 7}));
    command
        ->add_option("--decay", options->grid.decays,
                     "Weight decays to try: the part of the weights that an iteration takes away")
        ->group(grid_group)
        ->delimiter(',')
        ->capture_default_str()
        ->check(CLI::Range(0.0, 0.5));
    command
        ->add_option("--pca", options->components,
                     "Numbers of principal components to try, of random-conv or pca")
        ->group(grid_group)
        ->delimiter(',')
        ->check(CLI::Range(1, 16384));
    command->add_option("--step", options->grid.step, "Only this step")
        ->group(grid_group)
        ->check(CLI::Range(1e-6, 1e6));
    command->add_option("--sigmoid-range", options->grid.range, "Only this range")
        ->group(grid_group)
        ->check(CLI::Range(0.0, 64.0));
    command
        ->add_flag("--best", options->grid.prefer_accuracy,
                   "Choose the most accurate run, whatever it costs under encryption")
        ->group(grid_group);
    command->add_option("--features", options->features.kind, "As for fit")
        ->capture_default_str()
        ->check(CLI::IsMember({"auto", "raw", "random-conv", "pca"}));
    command->add_option("--seed", options->features.given_seed,
                        "Of the folds and the random filters; 1 unless given");
    command
        ->add_option("--memory-limit", options->recipe.memory_limit_gb,
                     "Gigabytes that the server may need; larger plans are refused. Unless "
                     "given, 5.5, and 12 where the states are bootstrapped")
        ->check(CLI::Range(0.001, 1e6))
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
