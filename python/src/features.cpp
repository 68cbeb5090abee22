// The features that are made in the clear, as transformers.
#include "bindings.h"
#include "cipherfit/fitting/owner/training_rows.h"
#include "long_call.h"
#include "options.h"

#include <memory>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/pair.h>
#include <nanobind/stl/string.h>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

namespace cipherfit::python {
namespace {

// A fitted extractor.
struct Features {
    std::unique_ptr<FeatureExtractor> extractor;
};

Features fit_features(const Rows& rows, const nb::dict& options,
                      const std::optional<std::pair<int, int>>& image, const nb::object& report) {
    const FeatureOptions features = options_of(options).second;
    TrainingRows training;
    training.data.features = matrix_of(rows);
    if (image) {
        training.image = ImageShape{image->first, image->second};
    }
    Features result;
    run_long(report, [&](Watch& watch) {
        watch.phase("features");
        result.extractor =
            fit_extractor(features, training, [&watch](Eigen::Index done, Eigen::Index total) {
                watch.progress(static_cast<double>(done) / static_cast<double>(total), "");
            });
    });
    require(result.extractor != nullptr, ErrorCode::invalid_argument,
            "features='{}': these have nothing to fit", features.kind);
    return result;
}

OutRows transform(const Features& features, const Rows& rows, const nb::object& report) {
    RowMatrix matrix = matrix_of(rows);
    run_long(report, [&](Watch& watch) {
        matrix =
            features.extractor->transform(matrix, [&watch](Eigen::Index done, Eigen::Index total) {
                watch.progress(static_cast<double>(done) / static_cast<double>(total), "");
            });
    });
    return to_numpy(std::move(matrix));
}

Features from_state(const std::string& state) {
    const nlohmann::json parsed = nlohmann::json::parse(state, nullptr, false);
    return {value_or_throw(feature_extractor_from_json(parsed))};
}

}  // namespace

void bind_features(nb::module_& module) {
    nb::class_<Features>(module, "Features", "A fitted feature extractor.")
        .def("transform", &transform, nb::arg("rows"), nb::arg("report") = nb::none())
        .def_prop_ro("name", [](const Features& f) { return f.extractor->name(); })
        .def_prop_ro("input_dimension",
                     [](const Features& f) { return f.extractor->input_dimension(); })
        .def_prop_ro("output_dimension",
                     [](const Features& f) { return f.extractor->output_dimension(); })
        .def(
            "state", [](const Features& f) { return f.extractor->state().dump(); },
            "All constants as JSON; a program's features.json holds the same.")
        .def_static("from_state", &from_state, nb::arg("state"))
        .def("__getstate__", [](const Features& f) { return f.extractor->state().dump(); })
        .def("__setstate__", [](Features& features, const std::string& state) {
            new (&features) Features(from_state(state));
        });
    module.def("fit_features", &fit_features, nb::arg("rows"), nb::arg("options"),
               nb::arg("image").none(), nb::arg("report") = nb::none(),
               "The extractor that the options name, fitted on the rows.");
}

}  // namespace cipherfit::python
