// NumPy's .npy files, format versions 1 and 2: numbers of either byte order, in C or Fortran order,
// one or two dimensions. Pickled objects are refused. Rows and columns count from 1 in messages.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"
#include "cipherfit/io/file.h"
#include "cipherfit/io/matrix.h"

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

namespace cipherfit {

// float16 to float64, bool, int8 to int64 and uint8 to uint64, as doubles (integers beyond 2^53 are
// rounded). A vector of n values gives an n x 1 matrix. bad_input for what is no such file, for a
// size that does not fit the shape, and for values that are not finite; NaN passes where missing
// values are allowed.
Expected<RowMatrix> read_npy_matrix(const std::filesystem::path& path);
Expected<RowMatrix> read_npy_matrix(ByteSource& source, bool allow_missing = false);

// A vector, or a matrix of one column, of integers; floats are accepted where every value is an
// integer of magnitude below 2^53.
Expected<std::vector<std::int64_t>> read_npy_integers(const std::filesystem::path& path);
Expected<std::vector<std::int64_t>> read_npy_integers(ByteSource& source);

// Labels of one class each, as indices of the classes' names in ascending order.
struct NpyLabels {
    std::vector<int> labels;
    std::vector<std::string> classes;
};
// A vector, or a matrix of one column, of integers (see read_npy_integers), of booleans, which are
// called False and True, or of strings of at most 256 bytes; or rows with one 1 among zeros, whose
// classes are called by the column, from 0. bad_input otherwise, and for strings that are empty or
// no text.
Expected<NpyLabels> read_npy_labels(ByteSource& source);

// Writes float64, float32 or int64, in C order, atomically (cipherfit/io/file.h). `mode`:
// permission bits; 0600 for what is the owner's alone.
Expected<void> write_npy(const std::filesystem::path& path, const RowMatrix& values,
                         unsigned mode = 0644);
Expected<void> write_npy(const std::filesystem::path& path, const RowMatrix& values,
                         const AtomicFileOptions& options);
Expected<void> write_npy(const std::filesystem::path& path, const RowMatrixF32& values);
Expected<void> write_npy(const std::filesystem::path& path, const RowMatrixI64& values);
Expected<void> write_npy(const std::filesystem::path& path, std::span<const double> values);
Expected<void> write_npy(const std::filesystem::path& path, std::span<const std::int64_t> values);

}  // namespace cipherfit
