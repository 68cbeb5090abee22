// From the user's files to rows of features.
#pragma once

#include "cipherfit/fitting/owner/training_rows.h"
#include "cli/options.h"

#include <cstddef>
#include <filesystem>
#include <string>

namespace cipherfit {

struct Samples : TrainingRows {
    // Small copies of the pictures whose features `cipherfit extract` wrote; empty where there are
    // none. Row i is picture first_row + i of the file, which should have `file_rows` of them.
    std::filesystem::path thumbnails;
    std::size_t first_row = 0, file_rows = 0;
    // Where the rows are a held-out share, or what it leaves: row i is the row picked[i] from
    // first_row on.
    std::vector<std::size_t> picked;
    // Values of text columns that the training rows did not have, by column; see encode_table().
    std::vector<std::size_t> unknown_text;
};

// The rows that the options name, with every column a number: by the encoding of a model, or by one
// that is fitted on these rows (samples.data.table). Throws Error (bad_input, io_failure).
Samples read_samples(const SampleOptions& options, const TableEncoding* model = nullptr);

// A line for every text column with unknown values; empty where there are none.
std::string describe_unknown_text(const Samples& samples);

// Throws Error(bad_input), with the file, where nothing can be trained on the rows; see
// check_trainable().
void require_trainable(const Samples& samples);

// Throws Error(bad_input) where both are known and differ: features of one network tell a head of
// another nothing. `file` opens the message.
void require_backbone(const Samples& samples, const std::string& backbone, const std::string& file);

}  // namespace cipherfit
