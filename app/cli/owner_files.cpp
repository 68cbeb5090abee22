#include "cli/owner_files.h"

#include "cipherfit/io/file.h"

#include <sys/stat.h>
#include <system_error>
#include <utility>

namespace cipherfit {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t largest_server_report = std::size_t{1} << 16U;
constexpr unsigned private_umask = 077;

unsigned& remembered_umask() noexcept {
    static unsigned mask = 022;
    return mask;
}

void throw_system(const std::error_code& error, const fs::path& path, const char* what) {
    require(!error, ErrorCode::io_failure, "cannot {} {}: {}", what, path.string(),
            error.message());
}

}  // namespace

nlohmann::json read_server_report(const JobFiles& job) {
    const fs::path path = job.directory / "server_report.json";
    if (!fs::exists(path)) {
        return nlohmann::json::object();
    }
    const auto bytes = value_or_throw(read_file(path, largest_server_report));
    auto json = nlohmann::json::parse(bytes.begin(), bytes.end(), nullptr, false);
    require(!json.is_discarded() && json.is_object(), ErrorCode::corrupt_data,
            "{}: is not a JSON object: remove it to do without the server's own figures",
            path.string());
    return json;
}

void keep_files_private() noexcept {
    remembered_umask() = ::umask(private_umask);
}

unsigned callers_umask() noexcept {
    return remembered_umask();
}

SharedFiles::SharedFiles() noexcept : before_(::umask(remembered_umask())) {}

SharedFiles::~SharedFiles() {
    ::umask(before_);
}

void make_directory(const fs::path& path) {
    std::error_code error;
    fs::create_directories(path, error);
    throw_system(error, path, "create the directory");
}

void make_owner_directory(const fs::path& path) {
    make_directory(path);
    std::error_code error;
    fs::permissions(path, fs::perms::owner_all, error);
    throw_system(error, path, "make private the directory");
}

void make_job_directory(const fs::path& path) {
    const SharedFiles shared;
    make_directory(path);
}

void keep_plan(OwnerSession& session, const fs::path& directory, const nlohmann::json& inputs) {
    const OwnerFiles files{directory};
    require(!fs::exists(files.plan()), ErrorCode::busy,
            "{}: another command has just made this plan: give yours again to use it",
            files.plan().string());
    remove_stale_files(directory);
    write_json(files.inputs(), inputs);
    session.keep_in(directory);
}

void keep_new_plan(OwnerSession& session, const fs::path& directory, const nlohmann::json& inputs) {
    make_owner_directory(directory);
    const auto lock = value_or_throw(DirectoryLock::acquire(directory));
    keep_plan(session, directory, inputs);
}

}  // namespace cipherfit
