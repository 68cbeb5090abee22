// Writing and reading the model's directory, and test rows in its terms.
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/io/npy.h"
#include "cli/owner_steps.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr const char* usage =
    "import numpy as np; W = np.load('weights.npy'); "
    "predictions = np.array(class_names)[(X @ W[:, 1:].T + W[:, 0]).argmax(axis=1)]";

}  // namespace

void write_model(const fs::path& directory, const ModelHeads& heads, const OwnerState& state) {
    const Head& head = heads.head;
    make_directory(directory);
    if (state.columns.extractor) {
        save_feature_extractor(*state.columns.extractor, directory / "features.json");
    }
    value_or_throw(write_npy(directory / "weights.npy", head.weights, 0600));
    value_or_throw(write_npy(directory / "twin_weights.npy", heads.twin.weights, 0600));
    const auto* whitened = dynamic_cast<const WhitenedFeatures*>(state.columns.extractor.get());
    const fs::path by_column = directory / "column_weights.npy";
    if (whitened != nullptr && whitened->name() == WhitenedFeatures::standardised) {
        value_or_throw(write_npy(by_column, whitened->column_weights(head.weights), 0600));
    } else {
        fs::remove(by_column);  // of an earlier model
    }
    nlohmann::json json{{"format", 1},
                        {"classes", head.classes()},
                        {"features", head.features()},
                        {"class_names", head.class_names},
                        {"feature_extractor", nullptr},
                        {"backbone", state.columns.backbone},
                        {"table", to_json(state.columns.table)},
                        {"calibration", calibration_json(state.calibration)},
                        {"preprocessing", to_json(state.setup.preprocessing)},
                        {"preprocessing_is_in_the_weights", true},
                        {"recipe", to_json(state.setup.plan.recipe())},
                        {"usage", usage}};
    if (state.columns.extractor) {
        json["feature_extractor"] = "features.json";
    }
    write_json(directory / "model.json", json);  // last: the others are there with it
}

SavedModel read_model_directory(const fs::path& directory) {
    // What 'cipherfit export' wrote will do as well.
    const bool exported =
        !fs::exists(directory / "model.json") && fs::exists(directory / "card.json");
    const fs::path path = directory / (exported ? "card.json" : "model.json");
    require(fs::exists(path), ErrorCode::io_failure,
            "{}: there is no model; 'cipherfit fit' and 'cipherfit decrypt' write one",
            path.string());
    const nlohmann::json json = read_json(path);
    SavedModel model;
    bool has_extractor = false;
    try {
        model.head.class_names = json.at("class_names").get<std::vector<std::string>>();
        model.backbone = json.value("backbone", "");
        // Cards and the models of earlier versions have neither.
        if (const auto table = json.find("table"); table != json.end()) {
            model.table = value_or_throw(table_encoding_from_json(*table));
        }
        if (const auto calibration = json.find("calibration"); calibration != json.end()) {
            model.calibration = read_calibration(*calibration, path, model.head.class_names.size());
        }
        has_extractor = !json.at("feature_extractor").is_null();
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::corrupt_data,
                    fmt::format("{}: a member is missing or of a wrong type: decrypt the model "
                                "again",
                                path.string()));
    }
    model.head.weights = value_or_throw(read_npy_matrix(directory / "weights.npy"));
    require(static_cast<std::size_t>(model.head.classes()) == model.head.class_names.size() &&
                model.head.classes() >= 2 && model.head.features() >= 1,
            ErrorCode::corrupt_data, "{}: {} x {} weights do not fit {} class names",
            (directory / "weights.npy").string(), model.head.weights.rows(),
            model.head.weights.cols(), model.head.class_names.size());
    if (has_extractor) {
        model.extractor = value_or_throw(load_feature_extractor(directory / "features.json"));
    }
    return model;
}

TestRows test_rows(Samples samples, const FeatureExtractor* extractor, const Head& head,
                   const std::string& file, UnknownClasses unknown, bool keep_columns) {
    const auto columns = static_cast<Eigen::Index>(samples.data.feature_count());
    const Eigen::Index expected =
        extractor != nullptr ? extractor->input_dimension() : head.features();
    require(columns == expected, ErrorCode::bad_input,
            "{}: has {} features, the model was trained on {}: give data of the same kind", file,
            columns, expected);
    auto labels = map_labels(samples.data, head.class_names, unknown != UnknownClasses::refuse);
    if (!labels) {
        throw Error(labels.error().code, fmt::format("{}: {}", file, labels.error().message));
    }
    TestRows result;
    result.unknown_rows = static_cast<std::size_t>(std::ranges::count(*labels, -1));
    if (unknown == UnknownClasses::leave_out && result.unknown_rows > 0) {
        require(result.unknown_rows < labels->size(), ErrorCode::bad_input,
                "{}: every row is of a class that the model was not trained with ({})", file,
                fmt::join(head.class_names, ", "));
        for (std::size_t i = 0; i < labels->size(); ++i) {
            if ((*labels)[i] >= 0) {
                result.kept.push_back(i);
            }
        }
        samples.data = select_rows(samples.data, result.kept);
        std::erase(*labels, -1);
    }
    result.labels = std::move(*labels);
    if (keep_columns) {
        result.columns = samples.data.features;
    }
    result.features = extract(extractor, std::move(samples.data)).features;
    return result;
}

}  // namespace cipherfit
