#include "cli/model_card.h"

#include "base/json_integers.h"
#include "cipherfit/backbone/pca_features.h"
#include "cipherfit/backbone/random_conv.h"
#include "cipherfit/backbone/whitened_features.h"
#include "cli/owner_files.h"

#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr const char* card_usage =
    "import numpy as np; W = np.load('weights.npy'); "
    "predictions = np.array(class_names)[(X @ W[:, 1:].T + W[:, 0]).argmax(axis=1)]";

// Multiplies the components of an extractor's state into the weights.
RowMatrix without_components(const RowMatrix& weights, const nlohmann::json& state) {
    const auto mean = state.at("mean").get<std::vector<double>>();
    const auto projection = state.at("projection").get<std::vector<double>>();
    const auto inputs = static_cast<Eigen::Index>(mean.size());
    const Eigen::Index components = weights.cols() - 1;
    require(static_cast<Eigen::Index>(projection.size()) == inputs * components,
            ErrorCode::corrupt_data,
            "features.json does not fit the weights: have the model written again");
    const Eigen::Map<const RowMatrix> p(projection.data(), inputs, components);
    const Eigen::Map<const Eigen::VectorXd> m(mean.data(), inputs);
    RowMatrix result(weights.rows(), inputs + 1);
    result.rightCols(inputs) = weights.rightCols(components) * p.transpose();
    result.col(0) = weights.col(0) - result.rightCols(inputs) * m;
    return result;
}

// Random-conv's filters alone: its state with components that change nothing.
nlohmann::json filters_of(nlohmann::json state) {
    const std::size_t features = state.at("mean").size();
    std::vector<double> unit(features * features, 0.0);
    for (std::size_t i = 0; i < features; ++i) {
        unit[i * features + i] = 1.0;
    }
    state["mean"] = std::vector<double>(features, 0.0);
    state["standard_deviation"] = std::vector<double>(features, 1.0);
    state["projection"] = std::move(unit);
    state["options"]["components"] = features;
    state["options"]["whitening"] = 0.0;
    return state;
}

}  // namespace

PublicModel public_model(const RowMatrix& weights, const SavedModel& model, Fitted fitted) {
    PublicModel result{weights, nullptr, nullptr};
    std::string inputs = "the columns of the rows";
    if (model.extractor) {
        const std::string kind = model.extractor->name();
        const nlohmann::json state = model.extractor->state();
        const auto* whitened = dynamic_cast<const WhitenedFeatures*>(model.extractor.get());
        if (whitened != nullptr && kind == WhitenedFeatures::standardised) {
            result.weights = whitened->column_weights(weights);
        } else if (kind == PcaFeatures::kind) {
            result.weights = without_components(weights, state);
        } else if (kind == RandomConvFeatures::kind) {
            result.weights = without_components(weights, state);
            result.extractor = filters_of(state);
            inputs = "what features.json makes of the images";
        } else {
            require(fitted == Fitted::publish, ErrorCode::bad_input,
                    "the features of '{}' cannot be separated from means, deviations and "
                    "components of the training rows, without which the weights are of use to "
                    "nobody: give --with-fitted-features to publish these as well",
                    kind);
            result.extractor = state;
            inputs = "what features.json makes of the rows";
        }
    }
    const std::vector<std::string> names = model.table.feature_names();
    nlohmann::json& card = result.card;
    card = {{"format", 1},
            {"classes", result.weights.rows()},
            {"features", result.weights.cols() - 1},
            {"class_names", model.head.class_names},
            {"feature_extractor", nullptr},
            {"backbone", model.backbone},
            {"weights", "weights.npy: classes x (1 + features), bias first; X: " + inputs},
            {"usage", card_usage}};
    if (!result.extractor.is_null()) {
        card["feature_extractor"] = "features.json";
    }
    if (!names.empty() && (!result.extractor.is_null() ||
                           names.size() + 1 == static_cast<std::size_t>(result.weights.cols()))) {
        card["feature_names"] = names;
    }
    return result;
}

SavedModel read_model_card(const fs::path& directory) {
    const fs::path card = directory / "card.json";
    const fs::path path = fs::exists(card) ? card : directory / "model.json";
    require(fs::exists(path), ErrorCode::io_failure,
            "{}: there is no card of a model: its owner gets one by 'cipherfit export'",
            card.string());
    const nlohmann::json json = read_json(path);
    SavedModel model;
    try {
        model.head.class_names = json.at("class_names").get<std::vector<std::string>>();
        model.backbone = json.value("backbone", "");
        // Columns alone, to know the width by; the weights stay the server's.
        const auto features = whole_number<std::uint32_t>(json.at("features"));
        model.head.weights.resize(0, Eigen::Index{features} + 1);
        if (const auto calibration = json.find("calibration"); calibration != json.end()) {
            model.calibration = read_calibration(*calibration, path, model.head.class_names.size());
        }
        if (const auto table = json.find("table"); table != json.end()) {
            model.table = value_or_throw(table_encoding_from_json(*table));
        }
        if (!json.at("feature_extractor").is_null()) {
            model.extractor = value_or_throw(load_feature_extractor(directory / "features.json"));
        }
    } catch (const nlohmann::json::exception&) {
        throw Error(ErrorCode::corrupt_data,
                    fmt::format("{}: has no class_names, features and feature_extractor: ask the "
                                "model's owner for the card again",
                                path.string()));
    }
    return model;
}

}  // namespace cipherfit
