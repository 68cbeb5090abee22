#include "cli/owner_steps.h"

#include "cli/class_weights.h"
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

// Shows the planning on the line; a signal ends it.
class ShownPlanning final : public PlanObserver {
  public:
    explicit ShownPlanning(ProgressLine& line) : line_(line) {}
    void phase(const std::string& name) override {
        check_interrupt();
        line_.phase("owner: " + name);
    }
    void progress(double share, const std::string& detail) override {
        check_interrupt();
        line_.update(share, detail);
    }

  private:
    ProgressLine& line_;
};

}  // namespace

PlannedTraining make_plan(Samples training, const RecipeOptions& recipe,
                          const FeatureOptions& features, ProgressLine& line,
                          std::optional<ModelChoice> choice) {
    const TrainingRequest options{recipe, features,
                                  class_weights_of(recipe.class_weight, training.data),
                                  class_shares_of(recipe.prior, training.data)};
    ShownPlanning shown(line);
    PlannedTraining planned = plan_training(std::move(training), options, shown, std::move(choice));
    line.finish();
    check_interrupt();
    return planned;
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
