// The header of a .npy file.
#pragma once

#include "cipherfit/base/error.h"
#include "cipherfit/io/byte_stream.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cipherfit {

// Strings are of fixed length: UCS-4 characters (unicode) or bytes, zeros behind the last.
enum class NpyType { boolean, signed_integer, unsigned_integer, floating, unicode, bytes };

struct NpyHeader {
    NpyType type = NpyType::floating;
    unsigned item_bytes = 8;
    bool big_endian = false;
    bool fortran_order = false;
    std::uint64_t rows = 0;
    std::uint64_t columns = 1;         // the product of the other dimensions
    std::vector<std::uint64_t> shape;  // all of them
    std::uint64_t data_offset = 0;
};

// Reads and validates it; strings are refused unless they are allowed: afterwards the file has
// exactly rows * columns items behind the header, rows and columns are below 2^31, and there are
// one to `most_dimensions` dimensions. bad_input otherwise.
Expected<NpyHeader> read_npy_header(ByteSource& source, std::size_t most_dimensions = 2,
                                    bool allow_strings = false);

// Magic, version 1.0 and the dictionary, padded to a multiple of 64 bytes as NumPy does it.
std::string npy_header_bytes(std::string_view descr, std::string_view shape);

}  // namespace cipherfit
