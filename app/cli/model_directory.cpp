// Writing and reading the model's directory, and test rows in its terms.
#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/io/npy.h"
#include "cli/owner_steps.h"

#include <array>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr const char* usage =
    "import numpy as np; W = np.load('weights.npy'); "
    "predictions = np.array(class_names)[(X @ W[:, 1:].T + W[:, 0]).argmax(axis=1)]";

}  // namespace

void write_model(const fs::path& directory, const Head& head, const OwnerState& state) {
    make_directory(directory);
    if (state.extractor) {
        save_feature_extractor(*state.extractor, directory / "features.json");
    }
    value_or_throw(write_npy(directory / "weights.npy", head.weights, 0600));
    const auto* whitened = dynamic_cast<const WhitenedFeatures*>(state.extractor.get());
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
                        {"backbone", state.backbone},
                        {"preprocessing", to_json(state.setup.preprocessing)},
                        {"preprocessing_is_in_the_weights", true},
                        {"recipe", to_json(state.setup.plan.recipe())},
                        {"usage", usage}};
    if (state.extractor) {
        json["feature_extractor"] = "features.json";
    }
    write_json(directory / "model.json", json, true);  // last: the others are there with it
}

SavedModel read_model_directory(const fs::path& directory) {
    const fs::path path = directory / "model.json";
    require(fs::exists(path), ErrorCode::io_failure,
            "{}: there is no model; 'cipherfit fit' and 'cipherfit decrypt' write one",
            path.string());
    const nlohmann::json json = read_json(path);
    SavedModel model;
    bool has_extractor = false;
    try {
        model.head.class_names = json.at("class_names").get<std::vector<std::string>>();
        model.backbone = json.value("backbone", "");
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
                   const std::string& file) {
    const auto columns = static_cast<Eigen::Index>(samples.data.feature_count());
    const Eigen::Index expected =
        extractor != nullptr ? extractor->input_dimension() : head.features();
    require(columns == expected, ErrorCode::bad_input,
            "{}: has {} features, the model was trained on {}: give data of the same kind", file,
            columns, expected);
    auto labels = map_labels(samples.data, head.class_names);
    if (!labels) {
        throw Error(labels.error().code, fmt::format("{}: {}", file, labels.error().message));
    }
    Dataset rows = extract(extractor, std::move(samples.data));
    return {std::move(rows.features), std::move(*labels)};
}

}  // namespace cipherfit
