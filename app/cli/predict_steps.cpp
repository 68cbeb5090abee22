#include "cli/predict_steps.h"

#include "base/json_integers.h"
#include "cipherfit/io/npy.h"
#include "cli/model_card.h"
#include "cli/owner_files.h"
#include "cli/owner_steps.h"
#include "cli/table_options.h"

#include <utility>

namespace cipherfit {

namespace fs = std::filesystem;

void add_predict_source_options(CLI::App& app, PredictSource& source) {
    const char* group = "Input";
    app.add_option("--model", source.model,
                   "Your model, to be encrypted too: the directory that fit or decrypt wrote")
        ->group(group)
        ->type_name("DIR");
    app.add_option("--server-model", source.server_model,
                   "A model of the server's instead: a directory with its card.json")
        ->group(group)
        ->type_name("DIR");
    app.add_option("--data", source.data.file, "The rows to score: as --test of fit")
        ->group(group)
        ->required()
        ->type_name("FILE");
    app.add_option("--data-labels", source.data.labels, "Labels of --data")
        ->group(group)
        ->type_name("FILE");
    app.add_option("--data-rows", source.data.rows, "Use only these rows")
        ->group(group)
        ->type_name("FIRST:END");
    app.add_flag("--no-labels", source.data.unlabelled,
                 "The rows have no labels: CSV of features alone, .npy, IDX, or what 'cipherfit "
                 "extract' wrote")
        ->group(group);
    app.add_flag("--count-unknown", source.data.count_unknown_classes,
                 "Leave rows of classes that were not trained out of the accuracy; otherwise they "
                 "are refused")
        ->group(group);
    add_table_options(app, source.data.table);
    source.data.part = DatasetPart::test;
}

RowsToScore read_rows_to_score(const PredictSource& source) {
    const bool own = !source.model.empty();
    require(own != !source.server_model.empty(), ErrorCode::bad_input,
            "give --model DIR for a model of your own, or --server-model DIR for one of the "
            "server's");
    const SavedModel model =
        own ? read_model_directory(source.model) : read_model_card(source.server_model);
    require(!source.data.unlabelled || source.data.labels.empty(), ErrorCode::bad_input,
            "--data-labels and --no-labels exclude each other");
    RowsToScore rows;
    // A card without columns says nothing of them but their number.
    Samples samples = read_samples(source.data, &model.table);
    rows.notes = describe_unknown_text(samples);
    const std::string file = source.data.file.string();
    require_backbone(samples, model.backbone, file);
    RowMatrix features;
    if (source.data.unlabelled) {
        const auto columns = static_cast<Eigen::Index>(samples.data.feature_count());
        const Eigen::Index expected =
            model.extractor ? model.extractor->input_dimension() : model.head.features();
        require(columns == expected, ErrorCode::bad_input,
                "{}: has {} features, the model was trained on {}: {}", file, columns, expected,
                columns == expected + 1 ? "leave out --no-labels where the first is the label"
                                        : "give data of the same kind");
        features = extract(model.extractor.get(), std::move(samples.data)).features;
    } else {
        TestRows labelled = test_rows(
            std::move(samples), model.extractor.get(), model.head, file,
            source.data.count_unknown_classes ? UnknownClasses::keep : UnknownClasses::refuse);
        features = std::move(labelled.features);
        rows.labels = std::move(labelled.labels);
    }
    rows.class_names = model.head.class_names;
    rows.calibration = model.calibration;
    if (own) {
        rows.inputs = prediction_inputs(features, model.head);
        rows.expected = scores_in_the_clear(rows.inputs);
    } else {
        rows.inputs = prediction_inputs(features);
    }
    return rows;
}

PredictionPlan plan_prediction(const RowsToScore& rows) {
    return PredictionPlan::create({.samples = static_cast<std::size_t>(rows.inputs.rows.rows()),
                                   .features = static_cast<std::size_t>(rows.inputs.rows.cols()),
                                   .classes = rows.class_names.size(),
                                   .encrypted_model = rows.expected.has_value()});
}

void write_prediction_job(const PredictionFiles& files, const PredictionJob& job,
                          const SecretKey& key, const RowsToScore& rows, ProgressLine& line) {
    const SharedFiles shared;
    line.phase("owner: encryption");
    DirectoryStore store(files.directory);
    send_prediction(store, job, key, rows.inputs);
    line.finish();
}

PredictionRecord record_of(const PredictionJob& job, const RowsToScore& rows) {
    return {job,         rows.inputs.factor, rows.class_names,
            rows.labels, rows.expected,      rows.calibration};
}

void write_prediction_record(const fs::path& owner, const PredictionRecord& record) {
    nlohmann::json digests = nlohmann::json::object();
    if (record.expected) {
        const fs::path expected = owner / "expected_scores.npy";
        value_or_throw(write_npy(expected, *record.expected, 0600));
        digests = digests_of({expected});
    }
    write_sealed_json(owner / "prediction.json",
                      {{"format", 1},
                       {"plan", record.job.plan.to_json()},
                       {"key", to_hex(record.job.identity.key)},
                       {"nonce", to_hex(record.job.identity.nonce)},
                       {"factor", record.factor},
                       {"class_names", record.class_names},
                       {"labels", record.labels},
                       {"calibration", calibration_json(record.calibration)},
                       {"digests", digests}});
}

PredictionRecord read_prediction_record(const fs::path& owner) {
    const fs::path path = owner / "prediction.json";
    require(fs::exists(path), ErrorCode::io_failure,
            "{}: nothing was encrypted yet; use 'cipherfit encrypt-rows' first", path.string());
    const nlohmann::json json = read_sealed_json(path);
    require_digests(json.value("digests", nlohmann::json::object()), owner);
    try {
        const PredictionPlan plan = value_or_throw(PredictionPlan::from_json(json.at("plan")));
        refuse_test_parameters(plan.parameters(), TestParameters::refuse, path.string());
        Digest key{};
        Nonce nonce{};
        parse_fingerprint(json.at("key").get<std::string>(), key, path);
        parse_fingerprint(json.at("nonce").get<std::string>(), nonce, path);
        PredictionRecord record{{plan, prediction_identity(plan, key, nonce)},
                                json.at("factor").get<double>(),
                                json.at("class_names").get<std::vector<std::string>>(),
                                whole_numbers<int>(json.at("labels")),
                                std::nullopt};
        record.calibration = read_calibration(json.value("calibration", nlohmann::json()), path,
                                              record.class_names.size());
        require(record.class_names.size() == plan.shape().classes &&
                    (record.labels.empty() || record.labels.size() == plan.shape().samples),
                ErrorCode::corrupt_data, "{}: its lists do not fit its plan", path.string());
        if (plan.shape().encrypted_model) {
            record.expected = value_or_throw(read_npy_matrix(owner / "expected_scores.npy"));
            require(static_cast<std::size_t>(record.expected->rows()) == plan.shape().samples &&
                        static_cast<std::size_t>(record.expected->cols()) == plan.shape().classes,
                    ErrorCode::corrupt_data, "{}: do not fit the plan",
                    (owner / "expected_scores.npy").string());
        }
        return record;
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::corrupt_data,
                    fmt::format("{}: a member is missing or of a wrong type: encrypt the rows "
                                "again",
                                path.string()));
    }
}

}  // namespace cipherfit
