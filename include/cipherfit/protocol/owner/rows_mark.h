// By what an owner's rows are known again, whatever machine and number of threads computed their
// features: sums that depend on every value and on its place.
#pragma once

#include "cipherfit/io/dataset.h"

#include <optional>

#include <nlohmann/json_fwd.hpp>

namespace cipherfit {

struct RowsMark {
    double features = 0;   // sum of every value, each times 1 + its place's share of all places
    double magnitude = 0;  // the same of absolute values
    double labels = 0;     // sum of every label times its row's number, exact

    // Whether they are those of the same rows, with room for rounding.
    bool is_of(const RowsMark& other) const noexcept;
};

RowsMark mark_of(const Dataset& rows);

// null without one; doubles survive bit for bit.
nlohmann::json to_json(const std::optional<RowsMark>& mark);
// Throws nlohmann::json::exception.
std::optional<RowsMark> rows_mark_from_json(const nlohmann::json& json);

}  // namespace cipherfit
