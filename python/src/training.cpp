// The owner's session, and the rows with which it was planned.
#include "bindings.h"
#include "cipherfit/base/parallel.h"
#include "cipherfit/fitting/owner/fit_plan.h"
#include "cipherfit/fitting/owner/plan_figures.h"
#include "cipherfit/fitting/owner/server_process.h"
#include "cipherfit/io/file.h"
#include "cipherfit/train/cost.h"
#include "long_call.h"
#include "model.h"
#include "options.h"

#include <filesystem>
#include <memory>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/unique_ptr.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit::python {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

Eigen::VectorXd vector_of(const std::optional<Numbers>& numbers) {
    if (!numbers) {
        return {};
    }
    return Eigen::Map<const Eigen::VectorXd>(numbers->data(),
                                             static_cast<Eigen::Index>(numbers->size()));
}

// What a training starts from; labels are indices into the class names.
TrainingRows rows_of(const Rows& rows, const Labels& labels,
                     const std::vector<std::string>& class_names,
                     const std::vector<std::string>& columns,
                     const std::optional<std::pair<int, int>>& image) {
    TableEncoding table;
    table.columns.resize(rows.shape(1));
    for (std::size_t j = 0; j < columns.size() && j < table.columns.size(); ++j) {
        table.columns[j].name = columns[j];
    }
    TrainingRows training;
    training.data = value_or_throw(make_dataset(
        "X", matrix_of(rows), std::vector<int>(labels.data(), labels.data() + labels.size()),
        class_names, std::move(table), false));
    if (image) {
        training.image = ImageShape{image->first, image->second};
        require(
            training.image->pixels() == training.data.features.cols(), ErrorCode::invalid_argument,
            "image_shape=({}, {}): X has {} columns, which must be the {} pixels of an image",
            image->first, image->second, training.data.features.cols(), training.image->pixels());
    }
    return training;
}

// A planned training in this process, with its directory once it is kept in one.
struct Planned {
    PlannedTraining training;
    std::optional<DirectoryLock> lock = std::nullopt;
    bool has_key = false;

    OwnerSession& session() { return training.session; }
    // Takes the key that is kept; false where there is none yet.
    bool load_key() {
        if (!has_key && !session().files().directory.empty() && session().has_stored_key()) {
            session().load_key();
            has_key = true;
        }
        return has_key;
    }
    const OwnerState& state() const { return training.session.state(); }
    Model model(Head head) const {
        return {std::move(head), state().columns.extractor, state().calibration};
    }
};

struct PlanInputs {
    TrainingRows rows;
    TrainingRequest request;
    json record;  // what decides the plan, to be compared
};

PlanInputs inputs_of(const Rows& rows, const Labels& labels,
                     const std::vector<std::string>& class_names,
                     const std::vector<std::string>& columns, const nb::dict& options,
                     const std::optional<Numbers>& class_weights,
                     const std::optional<Numbers>& prior,
                     const std::optional<std::pair<int, int>>& image) {
    PlanInputs inputs{rows_of(rows, labels, class_names, columns, image), {}, {}};
    std::tie(inputs.request.recipe, inputs.request.features) = options_of(options);
    inputs.request.class_weights = vector_of(class_weights);
    inputs.request.prior = vector_of(prior);
    // The names that stand for numbers; a file of them is the command line's.
    const auto named = [](const std::string& name, const char* option) {
        require(name.empty() || name == "balanced", ErrorCode::invalid_argument,
                "{}='{}': give 'balanced', or a number for each class", option, name);
        return !name.empty();
    };
    const Dataset& data = inputs.rows.data;
    if (named(inputs.request.recipe.class_weight, "class_weight")) {
        inputs.request.class_weights =
            balanced_class_weights(data.labels, static_cast<int>(data.class_count()));
    }
    if (named(inputs.request.recipe.prior, "prior")) {
        inputs.request.prior = Eigen::VectorXd::Ones(static_cast<Eigen::Index>(data.class_count()));
    }
    const auto list = [](const Eigen::VectorXd& values) {
        return std::vector<double>(values.begin(), values.end());
    };
    json settings = to_json(inputs.request.recipe, inputs.request.features);
    settings["class_weights"] = list(inputs.request.class_weights);
    settings["priors"] = list(inputs.request.prior);
    settings["prefer_accuracy"] = inputs.request.recipe.prefer_accuracy;
    settings["image"] =
        inputs.rows.image ? json{inputs.rows.image->height, inputs.rows.image->width} : json();
    inputs.record = {{"training_sha256", digest_of(inputs.rows.data)}, {"options", settings}};
    return inputs;
}

void require_same(const fs::path& directory, const json& before, const json& now) {
    require(before.is_object() && before.contains("options") && before["options"].is_object(),
            ErrorCode::corrupt_data, "{}: is no record of a training: use another workdir",
            directory.string());
    require(before.value("training_sha256", "") == now["training_sha256"], ErrorCode::bad_input,
            "{}: was made for other rows: give those, or use another workdir", directory.string());
    for (const auto& [name, value] : now["options"].items()) {
        const json earlier = before["options"].value(name, json());
        require(earlier == value, ErrorCode::bad_input,
                "{}: was made with {} = {}, now it is {}: give the same, or use another workdir",
                directory.string(), name, earlier.dump(), value.dump());
    }
}

json read_record(const fs::path& path) {
    constexpr std::size_t largest = std::size_t{1} << 20U;
    const auto bytes = value_or_throw(read_file(path, largest));
    return json::parse(bytes.begin(), bytes.end(), nullptr, false);
}

void write_record(const fs::path& path, const json& record) {
    const std::string text = record.dump(2) + "\n";
    AtomicFileOptions private_file;
    private_file.mode = 0600;
    value_or_throw(write_file(
        path, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}, private_file));
}

std::unique_ptr<Planned> plan(const Rows& rows, const Labels& labels,
                              const std::vector<std::string>& class_names,
                              const std::vector<std::string>& columns, const nb::dict& options,
                              const std::optional<Numbers>& class_weights,
                              const std::optional<Numbers>& prior,
                              const std::optional<std::pair<int, int>>& image,
                              const std::optional<std::string>& directory,
                              const nb::object& report) {
    PlanInputs inputs =
        inputs_of(rows, labels, class_names, columns, options, class_weights, prior, image);
    std::unique_ptr<Planned> planned;
    std::optional<DirectoryLock> lock;
    const fs::path owner(directory.value_or(""));
    run_long(report, [&](Watch& watch) {
        if (directory) {
            lock = value_or_throw(DirectoryLock::acquire(owner));
            if (fs::exists(OwnerFiles{owner}.plan())) {
                require_same(owner, read_record(OwnerFiles{owner}.inputs()), inputs.record);
                OwnerSession session = OwnerSession::open(owner);
                Dataset features =
                    extract(session.state().columns.extractor.get(), std::move(inputs.rows.data));
                session.use_rows(features);
                planned = std::make_unique<Planned>(
                    Planned{{std::move(session), std::move(features), {}}, std::move(lock)});
                return;
            }
        }
        planned = std::make_unique<Planned>(
            Planned{plan_training(std::move(inputs.rows), inputs.request, watch), std::nullopt});
        if (directory) {
            write_record(OwnerFiles{owner}.inputs(), inputs.record);
            planned->session().keep_in(owner);
            planned->lock = std::move(lock);
        }
    });
    return planned;
}

// While it lives, the session's progress goes to the watch.
class Watching {
  public:
    Watching(OwnerSession& session, Watch& watch) : session_(session) {
        session_.watch(&watch, watch.token());
    }
    ~Watching() { session_.watch(nullptr); }
    Watching(const Watching&) = delete;
    Watching& operator=(const Watching&) = delete;

  private:
    OwnerSession& session_;
};

void send(Planned& planned, const std::string& job, const nb::object& report) {
    run_long(report, [&](Watch& watch) {
        OwnerSession& session = planned.session();
        watch.phase("keys");
        if (!planned.load_key()) {
            session.make_key();
            planned.has_key = true;
        }
        const Watching watching(session, watch);
        DirectoryStore store(job);
        session.send(store);
    });
}

Model decrypt(Planned& planned, const std::string& job, const nb::object& report) {
    std::optional<Model> model;
    run_long(report, [&](Watch& watch) {
        OwnerSession& session = planned.session();
        watch.phase("decryption");
        static_cast<void>(planned.load_key());
        const Watching watching(session, watch);
        model = planned.model(session.decrypt(DirectoryStore(job)));
        const TwinReference& twin = session.reference();
        if (count_disagreements(model->head, twin.head, planned.training.rows.features,
                                twin.weight_error_bound) > 0) {
            session.refuse_model();
        }
    });
    return std::move(*model);
}

double run_server_process(const std::string& program, const std::vector<std::string>& arguments,
                          const nb::object& report) {
    double seconds = 0.0;
    run_long(report, [&](Watch& watch) {
        watch.phase("server: starting");
        const ServerRun run =
            run_server({program, arguments},
                       {[&watch](const Progress& progress) { watch.on_progress(progress); }, [] {},
                        [&watch](int process) { watch.process(process); }});
        seconds = run.seconds;
    });
    return seconds;
}

std::string figures_of(const Planned& planned) {
    const OwnerState& state = planned.state();
    json figures = plan_figures(state.setup.plan);
    figures["feature_extractor"] =
        state.columns.extractor ? state.columns.extractor->name() : std::string("raw");
    figures["predicted_weight_error_bound"] = state.reference.weight_error_bound;
    figures["max_abs_z"] = state.reference.largest_abs_z;
    figures["rehearsed_accuracy"] =
        state.setup.rehearsal ? json(state.setup.rehearsal->accuracy) : json();
    figures["calibrated"] = state.calibration.has_value();
    return figures.dump();
}

}  // namespace

void bind_training(nb::module_& module) {
    bind_model(module);
    nb::class_<Planned>(module, "Planned", "An owner's session with the rows it was planned for.")
        .def("figures", &figures_of, "Plan, sizes and predicted costs, as JSON.")
        .def_prop_ro(
            "choice", [](const Planned& planned) { return planned.training.choice; },
            "What the rehearsal chose and why; empty where nothing was open.")
        .def(
            "twin",
            [](const Planned& planned) { return planned.model(planned.state().reference.head); },
            "The model of the same training in the clear.")
        .def(
            "simulate",
            [](Planned& planned, std::uint64_t seed, const nb::object& report) {
                std::optional<Model> model;
                run_long(report, [&](Watch& watch) {
                    watch.phase("simulation");
                    model = planned.model(simulate_training(planned.training, seed, 0).head);
                });
                return std::move(*model);
            },
            nb::arg("seed"), nb::arg("report") = nb::none(),
            "The training in the clear with noise of the predicted size.")
        .def("send", &send, nb::arg("job"), nb::arg("report") = nb::none(),
             "Makes the key if there is none, and writes into the job's directory what the server "
             "gets.")
        .def("decrypt", &decrypt, nb::arg("job"), nb::arg("report") = nb::none(),
             "The server's model, decrypted and held to the twin.")
        .def(
            "weight_error",
            [](const Planned& planned, const Model& model) {
                return largest_weight_error(model.head, planned.state().reference.head);
            },
            nb::arg("model"), "The largest difference of a weight from the twin's.");
    module.def("plan", &plan, nb::arg("rows"), nb::arg("labels"), nb::arg("class_names"),
               nb::arg("columns"), nb::arg("options"), nb::arg("class_weights").none(),
               nb::arg("prior").none(), nb::arg("image").none(), nb::arg("directory").none(),
               nb::arg("report") = nb::none(),
               "Chooses features, recipe and plan, or opens those of a directory.");
    module.def("run_server", &run_server_process, nb::arg("program"), nb::arg("arguments"),
               nb::arg("report") = nb::none(),
               "Runs the server's program as a process of its own and waits; its seconds.");
    module.def("set_threads", &set_thread_count, nb::arg("threads"),
               "Threads that computations of this process may use; 0: all there are.");
    module.def("threads", &thread_count);
}

}  // namespace cipherfit::python
