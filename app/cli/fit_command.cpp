// cipherfit fit: the owner's and the server's work in a row, as two processes.
#include "cipherfit/base/parallel.h"
#include "cli/commands.h"
#include "cli/fit_report.h"
#include "cli/named_output.h"
#include "cli/output_check.h"
#include "cli/output_directory.h"
#include "cli/owner_steps.h"
#include "cli/recipe_file.h"
#include "cli/remote_steps.h"
#include "cli/report_steps.h"
#include "cli/server_process.h"
#include "cli/table_options.h"
#include "common/number_option.h"
#include "common/server_progress.h"
#include "common/signals.h"
#include "common/streams.h"
#include "common/system_info.h"

#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

struct FitOptions {
    SampleOptions train, test;
    FeatureOptions features;
    RecipeOptions recipe;
    RunOptions run;
    fs::path out, json, report;
    std::string fhe = "execute";
    bool force = false, no_curve = false;
    int checkpoint_every = 1;
    double test_share = 0.2;
    Passphrase passphrase;
    RemoteOptions remote;
};

// Seconds of the phases, kept in the owner's directory, so that a run that goes on after a stop can
// still name them.
class Timings {
  public:
    explicit Timings(fs::path file) : file_(std::move(file)) {
        if (fs::exists(file_)) {
            values_ = read_json(file_);
        }
    }
    // Runs the phase; its seconds count unless it had been done before.
    template <class F>
    void measure(const char* name, bool done_before, F&& phase) {
        const auto start = std::chrono::steady_clock::now();
        phase();
        if (!done_before) {
            const auto spent = std::chrono::steady_clock::now() - start;
            set(name, std::chrono::duration<double>(spent).count());
        }
    }
    void set(const char* name, double seconds) {
        values_[name] = seconds;
        write_json(file_, values_);
    }
    bool has(const char* name) const { return values_.contains(name); }
    const nlohmann::json& values() const { return values_; }

  private:
    fs::path file_;
    nlohmann::json values_ = nlohmann::json::object();
};

// Without a curve nobody asks for models in between.
RecipeOptions planned_recipe(const FitOptions& options) {
    RecipeOptions recipe = options.recipe;
    if (options.no_curve && !recipe.models_every) {
        recipe.models_every = 0;
    }
    return recipe;
}

// The state of an earlier run of the same inputs, or a new one.
PlannedTraining plan_or_resume(const FitOptions& options, const OwnerFiles& files,
                               const nlohmann::json& inputs, Samples training, ProgressLine& line) {
    if (options.force || !fs::exists(files.plan())) {
        return make_plan(std::move(training), planned_recipe(options), options.features, line);
    }
    require_same_inputs(files.inputs(), inputs);
    OwnerSession session = OwnerSession::open(files.directory);
    Dataset rows = extract(session.state().columns.extractor.get(), std::move(training.data));
    session.use_rows(rows);
    return {std::move(session), std::move(rows), {}};
}

void print_choice(const PlannedTraining& planned) {
    if (!planned.choice.empty()) {
        print_summary("  {:<22}{}\n", "chosen", planned.choice);
    }
}

// Checkpoints after so many iterations that a curve has about as many points.
constexpr int curve_points = 20;

int iterations_per_point(const OwnerSetup& setup) {
    if (setup.plan.solver().joins_models()) {
        return setup.plan.models_every();
    }
    return (setup.plan.recipe().iterations + curve_points - 1) / curve_points;
}

// After how many iterations the server keeps a checkpoint for the curve; 0: none.
int kept_every(const FitOptions& options, const OwnerSetup& setup) {
    return !options.no_curve && setup.plan.has_intermediate_models() ? iterations_per_point(setup)
                                                                     : 0;
}

std::vector<std::string> server_arguments(const FitOptions& options, const OwnerSetup& setup) {
    std::vector<std::string> arguments{"--checkpoint-every",
                                       std::to_string(options.checkpoint_every)};
    if (const int every = kept_every(options, setup); every > 0) {
        arguments.insert(arguments.end(), {"--keep-checkpoints", std::to_string(every)});
    }
    return arguments;
}

// A service that has the job.
struct AtService {
    AtService(const RemoteOptions& options, const JobFiles& files, ProgressLine& line)
        : run(options, line), job(run.client(), files.directory) {}
    RemoteRun run;
    JobExchange job;
};

// Returns the service, which has the job still; none if the model was there already.
std::unique_ptr<AtService> train_at_service(const FitOptions& options, const OwnerSetup& setup,
                                            const JobFiles& job, Timings& timings,
                                            ProgressLine& line) {
    if (fs::exists(job.model()) && timings.has("train_seconds")) {
        return nullptr;
    }
    line.phase("service: connecting");
    auto service = std::make_unique<AtService>(options.remote, job, line);
    const RemoteTraining training{
        .keep_every = static_cast<unsigned>(kept_every(options, setup)),
        .checkpoint_every = static_cast<unsigned>(options.checkpoint_every)};
    const RemoteResult result = run_at_service(service->run, service->job, job.directory, training);
    line.finish();
    timings.set("train_seconds", result.seconds);
    return service;
}

void train_in_other_process(const FitOptions& options, const OwnerSetup& setup, const JobFiles& job,
                            Timings& timings, ProgressLine& line) {
    if (fs::exists(job.model()) && timings.has("train_seconds")) {
        return;
    }
    line.phase("server: starting");
    ServerProgressView view(line);
    const ServerRun run = run_server(
        job.directory, options.run.threads, server_arguments(options, setup),
        [&view](const Progress& progress) { view.show(progress); }, [&line] { line.tick(); });
    line.finish();
    timings.set("train_seconds", run.seconds);
}

void finish(const FitOptions& options, const FitResult& result, const nlohmann::json& figures,
            const fs::path& report, const ReportParts& parts) {
    std::string ending = fmt::format("{}\n  {:<22}{}\n", fit_ending(figures), "model",
                                     (options.out / "model" / "weights.npy").string());
    if (!report.empty()) {
        write_report(report, result, figures, parts);
        ending += fmt::format("  {:<22}{}\n", "report, private", report.string());
    }
    print_summary("{}", ending);
    if (!options.json.empty()) {  // last: where it cannot be written the rest is there
        write_named_json(options.json, figures);
    }
}

void execute(FitOptions& options, const OutputDirectory& out, Samples training, Samples test,
             std::optional<StopAtOnce>& planning, ProgressLine& line) {
    const OwnerFiles files{out.owner()};
    const JobFiles job{out.job()};
    const auto inputs = inputs_record(options.train, training, options.recipe, options.features);
    PlannedTraining planned = plan_or_resume(options, files, inputs, std::move(training), line);
    OwnerSession& session = planned.session;
    const OwnerState& state = session.state();
    print_choice(planned);
    const Pictures pictures(test);
    // The test rows must fit before hours of work; they are used after it.
    const TestRows test_of =
        test_rows(std::move(test), state.columns.extractor.get(), state.reference.head,
                  options.test.file.string(), unknown_classes(options.test));

    planning.reset();
    if (options.force) {
        out.clear();
    }
    const auto lock = out.claim();
    if (session.files().directory.empty()) {
        keep_plan(session, files.directory, inputs);
    }
    write_json(files.test_source(), to_json(options.test, "test"));
    Timings timings(files.timings());
    const OwnerSetup& setup = state.setup;
    timings.measure("keygen_seconds", fs::exists(job.evaluation_keys()),
                    [&] { make_keys(session, job, options.passphrase, line); });
    timings.measure("encrypt_seconds", fs::exists(job.plan()),
                    [&] { encrypt_job(session, job, line); });
    std::unique_ptr<AtService> service;
    if (options.remote.given()) {
        service = train_at_service(options, setup, job, timings, line);
    } else {
        train_in_other_process(options, setup, job, timings, line);
    }
    std::optional<Head> decrypted;
    timings.measure("decrypt_seconds", false,
                    [&] { decrypted = session.decrypt(DirectoryStore(job.directory)); });
    const Head& head = *decrypted;
    FitResult result{state, head, planned.rows, test_of};
    result.timings = timings.values();
    result.held_out_share = options.test.hold_out;
    result.job = job;
    result.server = read_server_report(job);
    const nlohmann::json figures = fit_figures(result);
    require_agreement(figures, session);
    if (service) {  // all of it is here
        forget_at_service(service->job);
    }
    write_model(out.model(), {head, state.reference.head}, state);
    const auto models = decrypted_models(session, job, head);
    finish(options, result, figures, options.report.empty() ? out.report() : options.report,
           {models, pictures});
}

void simulate(const FitOptions& options, const OutputDirectory& out, Samples training, Samples test,
              std::optional<StopAtOnce>& planning, ProgressLine& line) {
    const auto inputs = inputs_record(options.train, training, options.recipe, options.features);
    const PlannedTraining planned =
        make_plan(std::move(training), planned_recipe(options), options.features, line);
    const OwnerState& state = planned.session.state();
    print_choice(planned);
    const Pictures pictures(test);
    const TestRows test_of =
        test_rows(std::move(test), state.columns.extractor.get(), state.reference.head,
                  options.test.file.string(), unknown_classes(options.test));
    // The models of an encrypted run's curve, and the last one.
    const SimulatedTraining simulated =
        simulate_training(planned, options.features.seed(), iterations_per_point(state.setup));
    std::vector<ReportModel> models;
    models.reserve(simulated.models.size());
    for (const SimulatedModel& model : simulated.models) {
        models.push_back({model.iteration, model.head});
    }
    const Head& head = simulated.head;
    planning.reset();
    if (options.force) {
        out.clear();
    }
    out.claim_for_model(inputs);
    write_model(out.model(), {head, state.reference.head}, state);
    FitResult result{state, head, planned.rows, test_of};
    result.simulated = true;
    result.held_out_share = options.test.hold_out;
    finish(options, result, fit_figures(result), options.report, {models, pictures});
}

// Where no test rows are given, a share of every class is held out of the training rows.
void choose_test_rows(FitOptions& options) {
    options.test.table = options.train.table;
    if (!options.test.file.empty()) {
        return;
    }
    require(options.test.labels.empty() && options.test.rows.empty(), ErrorCode::bad_input,
            "--test-labels and --test-rows go with --test FILE");
    options.train.hold_out = options.test_share;
    options.train.hold_out_seed = options.features.seed();
    const bool count_unknown = options.test.count_unknown_classes;
    options.test = options.train;
    options.test.is_held_out = true;
    options.test.count_unknown_classes = count_unknown;
}

void check_outputs(const FitOptions& options, const OutputDirectory& out, bool simulated) {
    OutputCheck check;
    check.reads("--train", options.train);
    check.reads("--test", options.test);
    check.reads("--recipe", options.recipe.file);
    check.reads("--class-weight", options.recipe.class_weight);
    check.reads("--prior", options.recipe.prior);
    check.reads("--passphrase-file", options.passphrase.file());
    check.keeps("--identity", options.remote.identity);
    check.makes("--out", options.out);
    for (const fs::path& directory : {out.owner(), out.job(), out.model()}) {
        check.keeps("--out", directory);
    }
    check.sends("--out", out.job());
    check.writes("--json", options.json);
    if (options.report.empty() && !simulated) {
        check.writes("the report", out.report());
    }
    check.writes("--report", options.report);
    check.check();
}

void fit(FitOptions& options) {
    set_thread_count(options.run.threads);
    choose_test_rows(options);
    static_cast<void>(isa());  // a wrong CIPHERFIT_ISA shows here
    take_recipe_file(options.recipe, options.features);
    static_cast<void>(setup_options(options.recipe, options.features));
    const bool simulated = options.fhe == "simulate";
    const OutputDirectory out(options.out, {options.json, options.report});
    out.check(options.force, simulated);
    check_outputs(options, out, simulated);
    if (options.remote.given()) {
        require(!simulated, ErrorCode::bad_input,
                "--server goes with an encrypted run, and this one is simulated: leave one out");
        static_cast<void>(read_identity(options.remote.identity));
    } else if (!simulated) {
        static_cast<void>(server_program());
    }
    std::optional<StopAtOnce> planning(std::in_place);
    Samples training = read_samples(options.train);
    require_trainable(training);
    Samples test = read_samples(options.test, &training.data.table);
    require_backbone(test, training.backbone, options.test.file.string());
    ProgressLine line(options.run.quiet);
    if (simulated) {
        simulate(options, out, std::move(training), std::move(test), planning, line);
    } else {
        execute(options, out, std::move(training), std::move(test), planning, line);
    }
}

}  // namespace

void add_fit_command(CLI::App& app) {
    CLI::App* command = app.add_subcommand(
        "fit", "Encrypt, train in a separate server process, decrypt and test: all in one");
    command->footer(
        "Examples:\n"
        "  cipherfit fit --train train.csv --test test.csv --out run\n"
        "  cipherfit fit --train all.csv --label species --one-hot --impute median --out run\n"
        "  cipherfit fit --train all.csv --train-rows 0:128 --test all.csv --test-rows 128:256 \\\n"
        "                --iterations 2 --out run --json run.json\n"
        "  cipherfit fit --train train-images-idx3-ubyte --train-rows 0:512 \\\n"
        "                --test t10k-images-idx3-ubyte --out run\n"
        "  cipherfit fit --train train.csv --out run --server train.example:7443 --identity me\n\n"
        "Leaves OUT/owner (private: the secret key), OUT/job (all that the server gets),\n"
        "OUT/model (weights.npy, model.json) and OUT/report.html. A run that was stopped or killed "
        "goes on where it\n"
        "was when the same command is given again.");
    auto options = std::make_shared<FitOptions>();
    add_train_options(*command, options->train, true);
    add_test_options(*command, options->test, false);
    command
        ->add_option("--test-share", options->test_share,
                     "Without --test: the share of every class that is held out of the training "
                     "rows, chosen by --seed, and tested on")
        ->capture_default_str()
        ->check(real_number(0.01, 0.9));
    add_training_table_options(*command, options->train.table);
    add_feature_options(*command, options->features);
    add_recipe_options(*command, options->recipe);
    command->add_option("--out", options->out, "Directory for keys, ciphertexts and model")
        ->required()
        ->type_name("DIR");
    command
        ->add_option("--fhe", options->fhe,
                     "execute: encrypt and train on ciphertexts; simulate: the same recipe in "
                     "the clear with modelled noise, in a moment")
        ->capture_default_str()
        ->check(CLI::IsMember({"execute", "simulate"}));
    command->add_flag("--force", options->force,
                      "Remove what an earlier run left in --out, its keys included");
    command
        ->add_option("--report", options->report,
                     "The report: one HTML file, private as the model is; report.html in --out "
                     "unless given. A simulated run writes it only where it is given")
        ->type_name("FILE");
    command->add_flag("--no-curve", options->no_curve,
                      "Have the server keep no checkpoints for the report's learning curve");
    command
        ->add_option("--checkpoint-every", options->checkpoint_every,
                     "Iterations after which the server writes a checkpoint to go on from")
        ->capture_default_str()
        ->transform(whole_number(1, max_iterations));
    options->passphrase.add_options(*command);
    add_json_option(*command, options->json);
    add_run_options(*command, options->run);
    add_remote_options(*command, options->remote);
    command->callback([options] { fit(*options); });
}

}  // namespace cipherfit
