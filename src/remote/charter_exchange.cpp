#include "remote/charter_exchange.h"

#include "cipherfit/io/file.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_charter = std::size_t{4} << 20U;
constexpr std::uint64_t largest_entry = std::uint64_t{2} << 30U;  // twice a message's payload
constexpr std::string_view signatures = "signatures/";
constexpr std::string_view messages = "messages/";
constexpr std::string_view result = "result.bin";

// "signatures/000.sig", "messages/02-04-001-all.msg": names that may become paths.
bool is_post(std::string_view name) {
    const bool signature = name.starts_with(signatures) && name.ends_with(".sig");
    const bool message = name.starts_with(messages) && name.ends_with(".msg");
    if (!signature && !message) {
        return false;
    }
    const std::string_view file = name.substr(signature ? signatures.size() : messages.size());
    return file.size() <= 64 && !file.starts_with('.') && std::ranges::all_of(file, [](char c) {
               return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
           });
}

std::vector<std::string> posts_in(const fs::path& directory) {
    std::vector<std::string> names;
    for (const std::string_view folder : {signatures, messages}) {
        std::error_code none;
        for (const auto& entry : fs::directory_iterator(directory / folder, none)) {
            std::string name = std::string(folder) + entry.path().filename().string();
            if (is_post(name) && fs::is_regular_file(entry.symlink_status())) {
                names.push_back(std::move(name));
            }
        }
    }
    std::ranges::sort(names);
    return names;
}

// The signature of a member that is here already: "signatures/000.sig".
std::optional<std::pair<std::uint32_t, std::vector<std::uint8_t>>> signature_in(
    const fs::path& directory) {
    for (const std::string& name : posts_in(directory)) {
        std::uint32_t member = 0;
        const std::string_view number =
            std::string_view(name).substr(std::min(name.size(), signatures.size()), 3);
        const auto [end, error] =
            std::from_chars(number.data(), number.data() + number.size(), member);
        if (name.starts_with(signatures) && error == std::errc() &&
            end == number.data() + number.size()) {
            return std::pair(member, value_or_throw(read_file(directory / name, 4096)));
        }
    }
    return {};
}

}  // namespace

CharterExchange::CharterExchange(ServiceClient& client, fs::path directory, std::string id,
                                 const std::vector<std::string>& clients)
    : client_(client), directory_(std::move(directory)), id_(std::move(id)) {
    if (client_.charter(id_)) {
        return;
    }
    require(!clients.empty(), ErrorCode::bad_input,
            "{}: this charter is not known there, or not to you: name the other members' clients "
            "once, to make it known",
            client_.address());
    const auto charter = value_or_throw(read_file(directory_ / "charter.bin", largest_charter));
    const auto signature = signature_in(directory_);
    require(signature.has_value(), ErrorCode::bad_input,
            "{}: nobody has signed this charter here, and a member's signature makes it known to a "
            "service: sign it first",
            directory_.string());
    const RemoteJob made = client_.create_charter({.charter = charter,
                                                   .clients = clients,
                                                   .member = signature->first,
                                                   .signature = signature->second});
    require(made.id == id_, ErrorCode::corrupt_data,
            "{}: the service takes the charter for another one ({})", client_.address(), made.id);
}

void CharterExchange::synchronise() {
    std::map<std::string, RemoteFile> board;
    for (const RemoteFile& file : client_.files(Shelf::charter, id_)) {
        if (file.complete) {
            board.emplace(file.name, file);
        }
    }
    for (const auto& [name, file] : board) {
        const fs::path path = directory_ / name;
        if ((is_post(name) || name == result) && !fs::exists(path)) {
            fs::create_directories(path.parent_path());
            client_.download(Shelf::charter, id_, name, path, largest_entry);
        }
    }
    for (const std::string& name : posts_in(directory_)) {
        if (!board.contains(name)) {
            client_.upload(Shelf::charter, id_, name, directory_ / name);
        }
    }
}

void CharterExchange::start_if_ready() {
    const RemoteState now = state().state;
    if (now == RemoteState::uploading || now == RemoteState::failed) {
        static_cast<void>(client_.start_if_ready(id_));
    }
}

}  // namespace cipherfit
