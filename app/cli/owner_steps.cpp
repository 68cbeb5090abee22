#include "cli/owner_steps.h"

#include "cli/class_weights.h"
#include "cli/model_choice.h"
#include "common/signals.h"

#include <set>
#include <string>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

// While it lives, the session's progress is shown on the line, and a signal stops the session.
class Watched final : public Observer {
  public:
    Watched(OwnerSession& session, ProgressLine& line) : session_(session), line_(line) {
        session_.watch(this, stop_on_signal());
    }
    ~Watched() override { session_.watch(nullptr); }
    void on_progress(const Progress& progress) override {
        const auto done = static_cast<double>(progress.done);
        line_.update(progress.total == 0 ? -1.0 : done / static_cast<double>(progress.total),
                     format_bytes(done) + " written");
    }

  private:
    OwnerSession& session_;
    ProgressLine& line_;
};

// Shows rows on the line, as the half of a phase that begins at `start`, and stops the work where a
// signal asked for that.
FeatureProgress show_rows(ProgressLine& line, const char* what, double start) {
    return [&line, what, start](Eigen::Index done, Eigen::Index total) {
        check_interrupt();
        line.update(start + 0.5 * static_cast<double>(done) / static_cast<double>(total),
                    fmt::format("{} of {} rows {}", format_count(static_cast<std::uint64_t>(done)),
                                format_count(static_cast<std::uint64_t>(total)), what));
    };
}

}  // namespace

PlannedTraining make_plan(Samples training, const RecipeOptions& recipe,
                          const FeatureOptions& features, ProgressLine& line) {
    return make_plan(std::move(training), recipe, features, line, std::nullopt);
}

PlannedTraining make_plan(Samples training, const RecipeOptions& given_recipe,
                          const FeatureOptions& given_features, ProgressLine& line,
                          std::optional<ModelChoice> choice) {
    static_cast<void>(setup_options(given_recipe, given_features));
    require_trainable(training);
    RecipeOptions recipe = given_recipe;
    FeatureOptions features = given_features;
    const Eigen::VectorXd class_weights = class_weights_of(recipe.class_weight, training.data);
    const Eigen::VectorXd prior = class_shares_of(recipe.prior, training.data);
    if (!choice && leaves_model_open(recipe, features)) {
        line.phase("owner: rehearsal");
        choice = choose_model(training, recipe, features, class_weights, [&line](double share) {
            check_interrupt();
            line.update(share, "features and iterations tried on held-out rows");
        });
        line.finish();
    }
    if (choice) {
        recipe = choice->recipe;
        features = choice->features;
    }
    SetupOptions options = setup_options(recipe, features);
    options.class_weights = class_weights;
    options.prior = prior;
    if (choice) {
        options.searched = choice->search.rehearsed();
        options.held_out = std::move(choice->search.held_out);
    }
    line.phase("owner: features");
    const std::string backbone = training.backbone;
    TableEncoding table = training.data.table;
    std::unique_ptr<FeatureExtractor> extractor;
    Dataset rows;
    try {
        extractor = fit_extractor(features, training, show_rows(line, "seen", 0.0),
                                  row_weights(class_weights, training.data.labels));
        rows =
            extract(extractor.get(), std::move(training.data), show_rows(line, "transformed", 0.5));
    } catch (const Error& error) {
        if (error.code() != ErrorCode::bad_input) {
            throw;
        }
        throw Error(error.code(), fmt::format("{}: {}", training.file, error.what()));
    }
    check_interrupt();
    line.phase(choice ? "owner: plan" : "owner: rehearsal and plan");
    OwnerSession session =
        OwnerSession::prepare(rows, options, {std::move(extractor), backbone, std::move(table)});
    line.finish();
    check_interrupt();
    return {std::move(session), std::move(rows), choice ? std::move(choice->text) : std::string()};
}

nlohmann::json inputs_record(const SampleOptions& source, const Samples& training,
                             const RecipeOptions& recipe, const FeatureOptions& features) {
    return {{"training_sha256", digest_of(training.data)},
            {"options", to_json(recipe, features)},
            {"source", to_json(source, "train")}};
}

nlohmann::json to_json(const SampleOptions& source, const char* file_member) {
    const auto absolute = [](const fs::path& path) {
        return path.empty() ? std::string() : fs::absolute(path).string();
    };
    return {{file_member, absolute(source.file)},
            {"labels", absolute(source.labels)},
            {"rows", source.rows},
            {"table", to_json(source.table)},
            {"hold_out", source.hold_out},
            {"hold_out_seed", source.hold_out_seed},
            {"is_held_out", source.is_held_out},
            {"count_unknown_classes", source.count_unknown_classes},
            {"part", source.part == DatasetPart::train ? "train" : "test"}};
}

SampleOptions source_from_json(const nlohmann::json& json, const char* file_member) {
    SampleOptions source;
    source.file = json.value(file_member, "");
    source.labels = json.value("labels", "");
    source.rows = json.value("rows", "");
    if (json.contains("table")) {
        source.table = value_or_throw(table_options_from_json(json["table"]));
    }
    source.hold_out = json.value("hold_out", 0.0);
    source.hold_out_seed = json.value("hold_out_seed", std::uint64_t{1});
    source.is_held_out = json.value("is_held_out", false);
    source.count_unknown_classes = json.value("count_unknown_classes", false);
    source.part = json.value("part", "train") == "test" ? DatasetPart::test : DatasetPart::train;
    return source;
}

Samples read_planned_rows(const OwnerFiles& files, const SampleOptions& given) {
    const nlohmann::json inputs = read_json(files.inputs());
    require(!given.file.empty() || (given.labels.empty() && given.rows.empty()),
            ErrorCode::bad_input, "--labels and --train-rows go with --train FILE");
    SampleOptions source =
        source_from_json(inputs.value("source", nlohmann::json::object()), "train");
    if (!given.file.empty()) {
        source.file = given.file;
        source.labels = given.labels;
        source.rows = given.rows;
    }
    Samples training = read_samples(source);
    require_backbone(training, read_json(files.plan()).value("backbone", ""), source.file.string());
    require(digest_of(training.data) == inputs.value("training_sha256", ""), ErrorCode::bad_input,
            "{}: these are not the rows that the plan in {} was made for: give those, or plan anew "
            "in another directory",
            source.file.string(), files.directory.string());
    return training;
}

void require_same_inputs(const fs::path& record, const nlohmann::json& now) {
    const std::string directory = record.parent_path().string();
    const nlohmann::json before = read_json(record);
    require(before.contains("options") && before["options"].is_object() &&
                before.contains("training_sha256"),
            ErrorCode::corrupt_data, "{}: is no record of inputs", record.string());
    require(before["training_sha256"] == now["training_sha256"], ErrorCode::bad_input,
            "{} was planned for other training rows: give those, or use another directory",
            directory);
    for (const auto& [name, value] : now["options"].items()) {
        const auto& earlier = before["options"];
        require(earlier.contains(name) && earlier[name] == value, ErrorCode::bad_input,
                "{} was planned with another {} ({} there, {} now): give the same options, or use "
                "another directory",
                directory, name, earlier.contains(name) ? earlier[name].dump() : "none",
                value.dump());
    }
    // Recorded only if it was given.
    const auto security = [](const nlohmann::json& inputs) {
        return inputs["options"].value("security", nlohmann::json("128")).dump();
    };
    if (security(before) != security(now)) {
        throw Error(ErrorCode::bad_input,
                    fmt::format("{} was planned with another security ({} there, {} now): give the "
                                "same options, or use another directory",
                                directory, security(before), security(now)));
    }
}

void load_key(OwnerSession& session, Passphrase& passphrase) {
    session.load_key(passphrase.for_key(session.files().secret_key()));
}

void make_keys(OwnerSession& session, const JobFiles& job, Passphrase& passphrase,
               ProgressLine& line) {
    line.phase("owner: keys");
    if (session.has_stored_key()) {
        load_key(session, passphrase);
    } else {
        session.make_key(passphrase.for_new_key());
    }
    const Watched watched(session, line);
    const SharedFiles shared;
    DirectoryStore store(job.directory);
    session.write_keys(store);
    line.finish();
    check_interrupt();
}

void encrypt_job(OwnerSession& session, const JobFiles& job, ProgressLine& line) {
    line.phase("owner: encryption");
    const Watched watched(session, line);
    const SharedFiles shared;
    DirectoryStore store(job.directory);
    session.encrypt(store);
    line.finish();
    check_interrupt();
}

}  // namespace cipherfit
