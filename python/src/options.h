// Options of a training as Python passes them: a dictionary by the names of the fields.
#pragma once

#include "bindings.h"
#include "cipherfit/fitting/owner/fit_options.h"

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace cipherfit::python {

using OptionSetters =
    std::map<std::string, std::function<void(const std::string&, const nb::handle&)>>;

// A setter of a field, or of what an optional field holds. `kind` says what a value must be.
template <class T, class Field>
auto into(Field& field, const char* kind) {
    return [&field, kind](const std::string& option, const nb::handle& value) {
        T given{};
        require(nb::try_cast<T>(value, given), ErrorCode::invalid_argument, "{}={}: give {}",
                option, nb::repr(value).c_str(), kind);
        field = static_cast<T>(given);
    };
}

// A setter of a whole number that is not negative.
template <class Field>
auto count_into(Field& field) {
    return [&field](const std::string& option, const nb::handle& value) {
        int given = 0;
        require(nb::try_cast<int>(value, given) && given >= 0, ErrorCode::invalid_argument,
                "{}={}: give a whole number, 0 or more", option, nb::repr(value).c_str());
        field = static_cast<Field>(given);
    };
}

// Members that are None stay as they are. Throws Error(invalid_argument) for a name that has no
// setter and for values of a wrong type.
void set_options(const nb::dict& given, const OptionSetters& setters);

// Members that are None or missing stay open. Throws Error(invalid_argument) for a name that is no
// option and for values of a wrong type.
std::pair<RecipeOptions, FeatureOptions> options_of(const nb::dict& given);

}  // namespace cipherfit::python
