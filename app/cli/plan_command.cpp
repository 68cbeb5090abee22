// cipherfit plan: what a run needs, before anything is encrypted; the first step of the owner's.
#include "cipherfit/base/parallel.h"
#include "cipherfit/io/file.h"
#include "cli/commands.h"
#include "cli/fit_report.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/owner_steps.h"
#include "cli/recipe_file.h"
#include "cli/table_options.h"
#include "common/number_option.h"
#include "common/signals.h"
#include "common/streams.h"

#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

struct PlanCommandOptions {
    SampleOptions train;
    FeatureOptions features;
    RecipeOptions recipe;
    RunOptions run;
    std::size_t samples = 0, feature_count = 0, classes = 0;
    std::filesystem::path owner, json;
};

// Iterations that are listed one by one.
constexpr int most_rows = 20;

std::string describe(const nlohmann::json& f) {
    const auto number = [&f](const char* name) {
        return format_count(f.at(name).get<std::uint64_t>());
    };
    const auto size = [&f](const char* name) { return format_bytes(f.at(name).get<double>()); };
    std::string text;
    const auto line = [&text](const std::string& head, const std::string& body) {
        text += fmt::format("  {:<22}{}\n", head, body);
    };
    line("data", fmt::format("{} rows, {} features, {} classes", number("samples"),
                             number("features"), number("classes")));
    const double decay = f.at("decay").get<double>();
    line("recipe", fmt::format("{}, {} iterations, step {:.4g}, sigmoid of degree {} on "
                               "[-{:.3g}, {:.3g}]{}{}",
                               f.at("preset").get<std::string>(), number("iterations"),
                               f.at("step").get<double>(), f.at("sigmoid_degree").get<int>(),
                               f.at("sigmoid").at("range").get<double>(),
                               f.at("sigmoid").at("range").get<double>(),
                               f.at("momentum") == "none" ? ", no momentum" : "",
                               decay > 0 ? fmt::format(", decay {:.3g}", decay) : ""));
    line("ring",
         fmt::format("N = 2^{}, {} slots, log2(QP) = {:.1f} of {:.0f}, {} security",
                     f.at("log_n").get<unsigned>(), number("slots"), f.at("log_qp").get<double>(),
                     f.at("largest_secure_log_qp").get<double>(),
                     describe(value_or_throw(
                         security_level_from_name(f.at("security").get<std::string>())))));
    line("solver", f.at("solver").get<std::string>());
    line("levels",
         fmt::format("{} in all: {} in the first iteration, {} in every other", number("levels"),
                     number("first_iteration_levels"), number("levels_per_iteration")));
    if (f.at("batches").get<std::uint64_t>() > 1) {
        line("mini-batches", fmt::format("{} of {} rows", number("batches"), number("batch")));
    }
    if (f.at("parts").get<std::uint64_t>() > 1) {
        line("rows", fmt::format("in {} files, one read after the other", number("parts")));
    }
    if (f.at("bootstraps").get<std::uint64_t>() > 0) {
        line("bootstrappings", number("bootstraps"));
    }
    if (const int every = f.at("models_every").get<int>(); every != 1) {
        line("models in between",
             every == 0 ? std::string("none") : fmt::format("after every {} iterations", every));
    }
    line("key switches", number("key_switches"));
    for (const auto& row : f.at("spending")) {
        if (row.at("iteration") == most_rows) {
            line("  ...", fmt::format("{} iterations in all", number("iterations")));
        }
        if (row.at("iteration") < most_rows &&
            row.at("products").get<std::size_t>() + row.at("key_switches").get<std::size_t>() > 0) {
            line(row.at("iteration") == 0
                     ? std::string("  preparation")
                     : fmt::format("  iteration {}", row.at("iteration").get<int>()),
                 fmt::format("{}{} products, {} key switches after {} decompositions{}",
                             row.value("bootstraps", 0) > 0 ? "bootstrapping, " : "",
                             row.at("products").get<std::size_t>(),
                             row.at("key_switches").get<std::size_t>(),
                             row.at("decompositions").get<std::size_t>(),
                             row.contains("from_level")
                                 ? fmt::format("; level {} to {}", row.at("from_level").get<int>(),
                                               row.at("to_level").get<int>())
                                 : ""));
        }
    }
    line("evaluation keys",
         fmt::format("{}, {}", number("evaluation_keys"), size("predicted_evaluation_key_bytes")));
    line("up", fmt::format("{} ciphertexts, {}", number("upload_ciphertexts"),
                           size("predicted_upload_bytes")));
    line("down", fmt::format("{} ciphertexts, {}", number("download_ciphertexts"),
                             size("predicted_download_bytes")));
    line("server's peak memory",
         fmt::format("{}, on up to {} threads", size("predicted_server_peak_bytes"),
                     number("predicted_server_threads")));
    return text;
}

void print_plan(const PlanCommandOptions& options, const TrainingPlan& plan,
                const OwnerState* state, const std::string& choice = {}) {
    nlohmann::json figures = plan_figures(plan);
    std::string text = describe(figures);
    if (state != nullptr) {
        figures["predicted_weight_error_bound"] = state->reference.weight_error_bound;
        figures["max_abs_z"] = state->reference.largest_abs_z;
        text += fmt::format("  {:<22}below {:.1e} in every weight\n", "predicted error",
                            state->reference.weight_error_bound);
        if (state->setup.rehearsal) {
            figures["rehearsed_accuracy"] = state->setup.rehearsal->accuracy;
            text += fmt::format("  {:<22}{:.1f} % of held-out training rows\n", "rehearsal",
                                100 * state->setup.rehearsal->accuracy);
        }
    }
    if (!choice.empty()) {
        text += fmt::format("  {:<22}{}\n", "chosen", choice);
    }
    if (!options.json.empty()) {
        write_named_json(options.json, figures);
    }
    write_output(text, options.owner.empty() && options.json.empty());
}

void plan_from_sizes(const PlanCommandOptions& options) {
    require(options.samples >= 1 && options.feature_count >= 1 && options.classes >= 2,
            ErrorCode::bad_input,
            "a plan needs --train FILE, or all of --samples, --feature-count and --classes (2 at "
            "least)");
    require(options.owner.empty(), ErrorCode::bad_input,
            "--owner needs the training rows: give --train FILE");
    const SetupOptions setup = setup_options(options.recipe, options.features);
    const TrainingShape shape{options.samples, options.feature_count + 1, options.classes};
    std::optional<StopAtOnce> planning(std::in_place);
    const TrainingPlan plan =
        TrainingPlan::create(shape, recipe_without_data(setup, options.samples), setup.plan);
    planning.reset();
    print_plan(options, plan, nullptr);
}

void plan_from_rows(const PlanCommandOptions& options) {
    require(options.samples == 0 && options.feature_count == 0 && options.classes == 0,
            ErrorCode::bad_input,
            "--train says how many rows, features and classes there are: leave out --samples, "
            "--feature-count and --classes");
    const OwnerFiles files{options.owner};
    std::optional<StopAtOnce> planning(std::in_place);
    Samples training = read_samples(options.train);
    const auto inputs = inputs_record(options.train, training, options.recipe, options.features);
    const bool keep = !options.owner.empty();
    if (keep && std::filesystem::exists(files.plan())) {
        require_same_inputs(files.inputs(), inputs);
        const OwnerState state = read_owner_state(files);
        planning.reset();
        print_plan(options, state.setup.plan, &state);
        return;
    }
    ProgressLine line(options.run.quiet);
    PlannedTraining planned =
        make_plan(std::move(training), options.recipe, options.features, line);
    planning.reset();
    if (keep) {
        keep_new_plan(planned.session, options.owner, inputs);
    }
    print_plan(options, planned.session.plan(), &planned.session.state(), planned.choice);
}

void check_outputs(const PlanCommandOptions& options) {
    OutputCheck check;
    check.reads("--train", options.train);
    check.reads("--recipe", options.recipe.file);
    check.reads("--class-weight", options.recipe.class_weight);
    check.reads("--prior", options.recipe.prior);
    check.makes("--owner", options.owner);
    check.writes("--json", options.json);
    check.check();
}

}  // namespace

void add_plan_command(CLI::App& app) {
    CLI::App* command =
        app.add_subcommand("plan", "Say what training needs before anything is encrypted");
    command->footer(
        "Examples:\n"
        "  cipherfit plan --train train.csv --iterations 8\n"
        "  cipherfit plan --samples 1000 --feature-count 400 --classes 10 --iterations 2\n"
        "  cipherfit plan --train train.csv --owner private    (first step: keeps the plan)");
    auto options = std::make_shared<PlanCommandOptions>();
    add_train_options(*command, options->train, false);
    add_training_table_options(*command, options->train.table);
    const char* sizes = "Sizes, in place of --train";
    command->add_option("--samples", options->samples, "Training rows")
        ->group(sizes)
        ->transform(whole_number(1, 1'000'000'000));
    command->add_option("--feature-count", options->feature_count, "Features of a row")
        ->group(sizes)
        ->transform(whole_number(1, 1'048'575));
    command->add_option("--classes", options->classes, "Classes")
        ->group(sizes)
        ->transform(whole_number(2, 100'000));
    add_feature_options(*command, options->features);
    add_recipe_options(*command, options->recipe);
    command
        ->add_option("--owner", options->owner,
                     "Keep the plan in this private directory, for keygen and encrypt")
        ->type_name("DIR");
    add_json_option(*command, options->json);
    add_run_options(*command, options->run);
    command->callback([options] {
        set_thread_count(options->run.threads);
        take_recipe_file(options->recipe, options->features);
        check_outputs(*options);
        if (options->train.file.empty()) {
            plan_from_sizes(*options);
        } else {
            plan_from_rows(*options);
        }
    });
}

}  // namespace cipherfit
