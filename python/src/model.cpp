#include "model.h"

#include "cipherfit/backbone/whitened_features.h"
#include "cipherfit/train/owner/importance.h"

#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit::python {
namespace {

using nlohmann::json;

constexpr int state_format = 1;
using State = std::tuple<int, Rows, std::vector<std::string>, std::string, std::string>;

json parse(const std::string& text) {
    json parsed = json::parse(text, nullptr, false);
    require(!parsed.is_discarded(), ErrorCode::corrupt_data,
            "the state of a model is damaged: fit it again");
    return parsed;
}

nb::tuple state_of(const Model& model) {
    return nb::make_tuple(
        state_format, to_numpy(model.head.weights), model.head.class_names,
        model.extractor ? model.extractor->state().dump() : std::string("null"),
        model.calibration ? to_json(*model.calibration).dump() : std::string("null"));
}

Model model_of(const State& state) {
    const auto& [format, weights, class_names, extractor, calibration] = state;
    require(format == state_format, ErrorCode::unsupported_version,
            "the model was pickled by another version (format {}, known is {}): fit it again",
            format, state_format);
    Model model{{matrix_of(weights), class_names}, nullptr, std::nullopt};
    if (const json parsed = parse(extractor); !parsed.is_null()) {
        model.extractor = value_or_throw(feature_extractor_from_json(parsed));
    }
    if (const json parsed = parse(calibration); !parsed.is_null()) {
        model.calibration = value_or_throw(calibration_from_json(parsed));
    }
    return model;
}

// Mean accuracy lost and its standard error, of every column.
OutRows importances_of(const Model& model, const Rows& rows, const Labels& labels, int shuffles,
                       std::uint64_t seed) {
    const RowMatrix matrix = matrix_of(rows);
    std::vector<ColumnGroup> groups;
    for (Eigen::Index j = 0; j < matrix.cols(); ++j) {
        groups.push_back({std::to_string(j), j, 1});
    }
    std::vector<GroupImportance> lost;
    {
        const nb::gil_scoped_release released;
        const Calibration calibration = model.calibration.value_or(Calibration{});
        lost = permutation_importance(
            {[&](const RowMatrix& x) { return calibration.probabilities(model.scores(x)); },
             [&](const RowMatrix& x) {
                 return model.head.predict(model.extractor ? model.extractor->transform(x) : x);
             }},
            matrix, {labels.data(), labels.size()}, groups, shuffles, seed);
    }
    RowMatrix result(static_cast<Eigen::Index>(lost.size()), 2);
    for (std::size_t j = 0; j < lost.size(); ++j) {
        result(static_cast<Eigen::Index>(j), 0) = lost[j].accuracy_lost;
        result(static_cast<Eigen::Index>(j), 1) = lost[j].accuracy_error;
    }
    return to_numpy(std::move(result));
}

}  // namespace

std::optional<RowMatrix> Model::column_weights() const {
    if (!extractor) {
        return head.weights;
    }
    const auto* whitened = dynamic_cast<const WhitenedFeatures*>(extractor.get());
    if (whitened == nullptr || whitened->name() != WhitenedFeatures::standardised) {
        return std::nullopt;
    }
    return whitened->column_weights(head.weights);
}

void bind_model(nb::module_& module) {
    nb::class_<Model>(module, "Model", "All that scores new rows; it holds no key.")
        .def(
            "scores",
            [](const Model& model, const Rows& rows) {
                RowMatrix matrix = matrix_of(rows);
                {
                    const nb::gil_scoped_release released;
                    matrix = model.scores(matrix);
                }
                return to_numpy(std::move(matrix));
            },
            nb::arg("rows"), "One score a row and class; the largest is the predicted class.")
        .def(
            "probabilities",
            [](const Model& model, const Rows& scores) {
                return to_numpy(
                    model.calibration.value_or(Calibration{}).probabilities(matrix_of(scores)));
            },
            nb::arg("scores"),
            "Probabilities of scores, calibrated on held-out rows if there were any.")
        .def("importances", &importances_of, nb::arg("rows"), nb::arg("labels"),
             nb::arg("shuffles"), nb::arg("seed"),
             "Accuracy lost where a column is shuffled, and the standard error, of every column.")
        .def_prop_ro(
            "weights", [](const Model& model) { return to_numpy(model.head.weights); },
            nb::rv_policy::automatic, "Weights of the features, a row a class, the bias first.")
        .def(
            "column_weights",
            [](const Model& model) -> std::optional<OutRows> {
                auto weights = model.column_weights();
                if (!weights) {
                    return std::nullopt;
                }
                return to_numpy(std::move(*weights));
            },
            "The same of the columns as they are; None where the features are not linear in them.")
        .def_prop_ro("class_names", [](const Model& model) { return model.head.class_names; })
        .def_prop_ro(
            "extractor",
            [](const Model& model) {
                return model.extractor ? model.extractor->name() : std::string("raw");
            },
            "The kind of features, by the command line's names.")
        .def("extractor_state",
             [](const Model& model) {
                 return model.extractor ? model.extractor->state().dump() : std::string("null");
             })
        .def("__getstate__", &state_of)
        .def("__setstate__",
             [](Model& model, const State& state) { new (&model) Model(model_of(state)); });
}

}  // namespace cipherfit::python
