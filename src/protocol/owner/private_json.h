// JSON files of the owner's: whole or not at all, readable by the user alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

namespace cipherfit {

// Errors: io_failure, corrupt_data for what is no JSON object.
void write_json(const std::filesystem::path& path, const nlohmann::json& json);
nlohmann::json read_json(const std::filesystem::path& path);

// The same with a digest of the rest in the member "checksum": damage must show as such, and not as
// a result that seems wrong. What earlier versions wrote has none.
void write_sealed_json(const std::filesystem::path& path, nlohmann::json json);
nlohmann::json read_sealed_json(const std::filesystem::path& path);

// Digests of the files beside it that a sealed file vouches for, by name, and their check. Throws
// Error(corrupt_data) for a file that was changed.
nlohmann::json digests_of(const std::vector<std::filesystem::path>& paths);
void require_digests(const nlohmann::json& digests, const std::filesystem::path& directory);

// Hexadecimal digits of exactly that many bytes; throws Error(corrupt_data), naming the file.
void parse_fingerprint(std::string_view text, std::span<std::uint8_t> out,
                       const std::filesystem::path& path);

// Throws Error(corrupt_data) with what is wrong in the file, and the way out.
[[noreturn]] void damaged_record(const std::filesystem::path& path, const std::string& what);

}  // namespace cipherfit
