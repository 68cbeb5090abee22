// Sections of containers that hold ciphertexts and keys, one at a time. All throw Error
// (corrupt_data, or what the container reports).
#pragma once

#include "cipherfit/ckks/ciphertext.h"
#include "cipherfit/io/container.h"
#include "cipherfit/rlwe/evaluation_keys.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

namespace cipherfit {

// SEED: a fresh ciphertext at that level, expanded.
Ciphertext read_seeded_section(ContainerReader& reader, const Parameters& parameters,
                               std::uint32_t index, std::size_t level);
void write_seeded_section(ContainerWriter& writer, const Parameters& parameters,
                          std::uint32_t index, const SeededCiphertext& ciphertext);

// CIPH: a computed ciphertext of two parts, at that level or, if none is given, at any level that
// the parameters have.
Ciphertext read_ciphertext_section(ContainerReader& reader, const Parameters& parameters,
                                   std::uint32_t index,
                                   std::optional<std::size_t> level = std::nullopt);
void write_ciphertext_section(ContainerWriter& writer, const Parameters& parameters,
                              std::uint32_t index, const Ciphertext& ciphertext);

// EKEY: all keys of the request, in its order, and no others. A key may be made for a higher level
// than it is used at: earlier versions made some so. `after_each` is called after every
// key.
EvaluationKeys read_key_sections(ContainerReader& reader, const Parameters& parameters,
                                 const KeyRequest& request,
                                 const std::function<void()>& after_each = {});
void write_key_section(ContainerWriter& writer, const Parameters& parameters, std::uint32_t index,
                       const SeededSwitchingKey& key);

}  // namespace cipherfit
