#include "options.h"

#include <algorithm>
#include <nanobind/stl/string.h>
#include <string>

namespace cipherfit::python {

void set_options(const nb::dict& given, const OptionSetters& setters) {
    for (const auto& [key, value] : given) {
        const std::string option = nb::cast<std::string>(key);
        const auto setter = setters.find(option);
        require(setter != setters.end(), ErrorCode::invalid_argument, "there is no option '{}'",
                option);
        if (!value.is_none()) {
            setter->second(option, value);
        }
    }
}

std::pair<RecipeOptions, FeatureOptions> options_of(const nb::dict& given) {
    std::pair<RecipeOptions, FeatureOptions> options;
    auto& [recipe, features] = options;
    const char* whole = "a whole number";
    const char* number = "a number";
    const OptionSetters setters{
        {"preset", into<std::string>(recipe.preset, "a name")},
        {"iterations", count_into(recipe.iterations)},
        {"epochs", count_into(recipe.epochs)},
        {"batch", count_into(recipe.batch)},
        {"parts", count_into(recipe.parts)},
        {"decay", into<double>(recipe.decay, number)},
        {"momentum", into<std::string>(recipe.momentum, "a name")},
        {"sigmoid_degree", count_into(recipe.degree)},
        {"sigmoid_range", into<double>(recipe.range, number)},
        {"step", into<double>(recipe.step, number)},
        {"final_step", into<double>(recipe.final_step, number)},
        {"rehearse",
         [&recipe = recipe](const std::string& option, const nb::handle& value) {
             bool rehearse = true;
             into<bool>(rehearse, "True or False")(option, value);
             recipe.no_rehearsal = !rehearse;
         }},
        {"prefer_accuracy", into<bool>(recipe.prefer_accuracy, "True or False")},
        {"log_n", count_into(recipe.log_n)},
        {"scale_bits", count_into(recipe.scale_bits)},
        {"memory_limit_gb", into<double>(recipe.memory_limit_gb, number)},
        {"most_ciphertexts", count_into(recipe.most_ciphertexts)},
        {"models_every", into<int>(recipe.models_every, whole)},
        {"solver", into<std::string>(recipe.solver, "a name")},
        {"gram", into<std::string>(recipe.gram, "a name")},
        {"security", into<std::string>(recipe.security, "a name")},
        {"features", into<std::string>(features.kind, "a name")},
        {"components", count_into(features.components)},
        {"whitening", into<double>(features.whitening, number)},
        {"ridge", into<double>(features.ridge, number)},
        {"rbf_width", into<double>(features.width, number)},
        {"rbf_cosines", count_into(features.cosines)},
        {"conv_threshold", into<double>(features.threshold, number)},
        {"conv_filters", count_into(features.filters)},
        {"conv_normalise", into<bool>(features.unit_filters, "True or False")},
        {"class_weight", into<std::string>(recipe.class_weight, "a name")},
        {"prior", into<std::string>(recipe.prior, "a name")},
        {"seed", into<std::uint64_t>(features.given_seed, whole)},
    };
    set_options(given, setters);
    const auto& kinds = feature_kinds();
    require(std::find(kinds.begin(), kinds.end(), features.kind) != kinds.end(),
            ErrorCode::invalid_argument, "features='{}': give one of {}", features.kind,
            fmt::join(kinds, ", "));
    return options;
}

}  // namespace cipherfit::python
