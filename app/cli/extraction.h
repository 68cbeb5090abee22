// Features of a list of pictures, on the disk as they come, so that an extraction that was stopped
// goes on where it was.
//
//   OUT/features.npy       float32, pictures x features
//   OUT/labels.npy         int64, indices into the class names
//   OUT/class_names.json   a list of strings
//   OUT/thumbnails.npy     uint8, pictures x height x width x channels: small copies, for reports;
//                          readable by the user alone
//   OUT/extraction.json    the network, where the features were taken, what was left out; written
//                          last: its presence says that the others are there
//   OUT/.rows              the rows that are done, of the extraction of OUT/.rows.json: of each the
//                          features and the small copy
#pragma once

#include "backbone/cnn/cnn.h"
#include "backbone/cnn/image_source.h"
#include "cipherfit/io/picture_file.h"
#include "common/progress_line.h"

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {

struct BadImage {
    std::size_t index = 0;  // in the source
    std::string reason;
};

// What the first look at every picture found.
struct CheckedImages {
    std::vector<std::size_t> good;  // indices in the source, ascending
    std::vector<BadImage> bad;      // ascending
    std::string digest;             // SHA-256 of the good ones' pixels, labels and class names
    // The shape of the small copies: that of the pictures where all have the same, else a square.
    PictureShape thumbnail;
};

// Decodes pictures begin..end-1. Throws Error(interrupted) after a signal.
CheckedImages check_images(const ImageSource& source, std::size_t begin, std::size_t end,
                           ProgressLine& line);

// "a/1.png (empty), b/2.png (damaged PNG)": at most so many of them, and how many more there are.
std::string list_of(const ImageSource& source, const std::vector<BadImage>& bad, std::size_t most);

struct Extraction {
    const Cnn& network;
    const ImageSource& source;
    const CheckedImages& images;
    std::filesystem::path out;
    nlohmann::json about;  // goes into extraction.json

    // What decides every byte of the features.
    std::string identity() const;
};

// Whether this very extraction is complete. Throws Error(bad_input) where the directory holds
// another one, or files that are of none, unless `force`; changes nothing.
bool is_complete(const Extraction& extraction, bool force);

// Removes what a process left in the directory of a complete one that was killed at its very end.
void remove_leftovers(const Extraction& extraction);

// Runs what is left of it and writes the results. Throws Error (interrupted, io_failure, busy).
// Returns the number of rows that had been there.
std::size_t run_extraction(const Extraction& extraction, ProgressLine& line);

}  // namespace cipherfit
