#include "protocol/owner/private_json.h"

#include "base/hex.h"
#include "cipherfit/base/secure.h"
#include "cipherfit/io/file.h"

#include <algorithm>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_json = std::size_t{1} << 28U;

// Names of files and classes may be in any encoding.
std::string text_of(const nlohmann::json& json, int indent) {
    return json.dump(indent, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string checksum_of(const nlohmann::json& json) {
    const std::string text = text_of(json, -1);
    return to_hex(sha256({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()}));
}

std::string digest_of_file(const fs::path& path) {
    constexpr std::size_t piece = std::size_t{1} << 20U;
    const auto source = value_or_throw(FileSource::open(path));
    Sha256 hash;
    std::vector<std::uint8_t> buffer(piece);
    for (std::uint64_t at = 0; at < source->size(); at += piece) {
        const auto part = std::span(buffer).first(
            static_cast<std::size_t>(std::min<std::uint64_t>(piece, source->size() - at)));
        value_or_throw(source->read_at(at, part));
        hash.update(part);
    }
    return to_hex(hash.finish());
}

[[noreturn]] void changed(const fs::path& path) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: was damaged or changed since it was written: restore it from a "
                            "copy, or begin anew in a new directory",
                            path.string()));
}

}  // namespace

void write_json(const fs::path& path, const nlohmann::json& json) {
    const std::string text = text_of(json, 2) + "\n";
    value_or_throw(write_file(path,
                              {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()},
                              {.exclusive = false, .mode = 0600}));
}

void write_sealed_json(const fs::path& path, nlohmann::json json) {
    json["checksum"] = checksum_of(json);
    write_json(path, json);
}

nlohmann::json read_sealed_json(const fs::path& path) {
    nlohmann::json json = read_json(path);
    if (const auto found = json.find("checksum"); found != json.end()) {
        const nlohmann::json checksum = std::move(*found);
        json.erase(found);
        if (checksum != checksum_of(json)) {
            changed(path);
        }
    }
    return json;
}

nlohmann::json digests_of(const std::vector<fs::path>& paths) {
    nlohmann::json digests = nlohmann::json::object();
    for (const fs::path& path : paths) {
        digests[path.filename().string()] = digest_of_file(path);
    }
    return digests;
}

void require_digests(const nlohmann::json& digests, const fs::path& directory) {
    for (const auto& [name, digest] : digests.items()) {
        if (digest != digest_of_file(directory / name)) {
            changed(directory / name);
        }
    }
}

nlohmann::json read_json(const fs::path& path) {
    const auto bytes = value_or_throw(read_file(path, largest_json));
    auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    require(!json.is_discarded() && json.is_object(), ErrorCode::corrupt_data,
            "{}: is not a JSON object: it was damaged, or is another file", path.string());
    return json;
}

void damaged_record(const fs::path& path, const std::string& what) {
    throw Error(ErrorCode::corrupt_data,
                fmt::format("{}: {}: make the plan again in a new directory", path.string(), what));
}

void parse_fingerprint(std::string_view text, std::span<std::uint8_t> out, const fs::path& path) {
    if (!from_hex(text, out)) {
        damaged_record(path, "a fingerprint is not hexadecimal");
    }
}

}  // namespace cipherfit
