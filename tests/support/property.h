// rapidcheck with a number of cases of one's own: homomorphic cases are dear.
#pragma once

#include <string>
#include <utility>

#include <rapidcheck.h>

namespace cipherfit::test {

// Whether the property holds for `cases` random cases. Failures print the seed; RC_PARAMS with that
// seed repeats them.
template <class Property>
bool holds(const std::string& description, int cases, Property&& property) {
    rc::detail::TestParams parameters = rc::detail::configuration().testParams;
    parameters.maxSuccess = cases;
    rc::detail::TestMetadata metadata;
    metadata.id = description;
    metadata.description = description;
    const auto result =
        rc::detail::checkTestable(std::forward<Property>(property), metadata, parameters);
    if (!result.template is<rc::detail::SuccessResult>()) {
        rc::detail::printResultMessage(result, std::cerr);
        std::cerr << '\n';
        return false;
    }
    return true;
}

// A random number of [low, high), uniform from the first case on (inRange alone starts with cases
// near `low` and widens slowly).
template <class T>
T pick(T low, T high) {
    return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<T>(low, high));
}

}  // namespace cipherfit::test
