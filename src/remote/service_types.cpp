#include "remote/service_types.h"

#include "cipherfit/io/file.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <sys/stat.h>

namespace cipherfit {
namespace {

std::string read_pem(const std::filesystem::path& path) {
    constexpr std::size_t largest = 1 << 20;
    auto bytes = read_file(path, largest);
    require(bytes.has_value(), ErrorCode::bad_input,
            "{}: cannot be read: an identity is a directory with ca.pem, cert.pem and key.pem",
            path.string());
    std::string text(bytes->begin(), bytes->end());
    secure_wipe(bytes->data(), bytes->size());
    require(text.find("BEGIN ") != std::string::npos, ErrorCode::bad_input,
            "{}: is no PEM file: ask the operator of the service for another", path.string());
    return text;
}

bool is_host_character(char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' || c == '-' || c == '_';
}

bool is_host(std::string_view host) {
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
        return std::ranges::all_of(host, [](char c) {
            return std::isxdigit(static_cast<unsigned char>(c)) != 0 || c == ':' || c == '.';
        });
    }
    return !host.empty() && host.size() <= 253 && std::ranges::all_of(host, is_host_character);
}

bool is_port(std::string_view port) {
    if (port.empty() || port.size() > 5 ||
        !std::ranges::all_of(port, [](char c) { return c >= '0' && c <= '9'; })) {
        return false;
    }
    const int number = std::stoi(std::string(port));
    return number >= 1 && number <= 65535;
}

}  // namespace

std::string_view name(RemoteState state) noexcept {
    constexpr std::array<std::string_view, 8> names{"waits for files", "queued",    "running",
                                                    "awaits a review", "succeeded", "stopped",
                                                    "failed",          "cancelled"};
    return names.at(static_cast<std::size_t>(state));
}

ServiceIdentity read_identity(const std::filesystem::path& directory) {
    ServiceIdentity identity{.directory = directory.string(),
                             .authority = read_pem(directory / "ca.pem"),
                             .certificate = read_pem(directory / "cert.pem"),
                             .key = {}};
    const auto key = directory / "key.pem";
    identity.key = read_pem(key);
    struct stat status{};
    require(::stat(key.c_str(), &status) == 0 && (status.st_mode & 077U) == 0, ErrorCode::bad_input,
            "{}: others may read this key: take the right from them with chmod 600", key.string());
    return identity;
}

std::string checked_address(const std::string& text) {
    const std::size_t colon = text.rfind(':');
    require(colon != std::string::npos && is_host(std::string_view(text).substr(0, colon)) &&
                is_port(std::string_view(text).substr(colon + 1)),
            ErrorCode::bad_input, "'{}' is no address of a service: give HOST:PORT", text);
    return text;
}

}  // namespace cipherfit
