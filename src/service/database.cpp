#include "service/database.h"

#include "cipherfit/base/error.h"

#include <sqlite3.h>
#include <unordered_map>
#include <utility>

namespace cipherfit::service {
namespace {

void check_sqlite(sqlite3* database, bool good) {
    require(good, ErrorCode::io_failure, "the service's database: {}",
            database != nullptr ? sqlite3_errmsg(database) : "out of memory");
}

}  // namespace

Statement::~Statement() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
}

Statement::Statement(Statement&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      bound_(other.bound_) {}

void Statement::check(int result) const {
    check_sqlite(database_, result == SQLITE_OK);
}

Statement& Statement::operator<<(std::int64_t value) {
    check(sqlite3_bind_int64(statement_, ++bound_, value));
    return *this;
}

Statement& Statement::operator<<(double value) {
    check(sqlite3_bind_double(statement_, ++bound_, value));
    return *this;
}

Statement& Statement::operator<<(std::string_view value) {
    // A null pointer would bind NULL.
    check(sqlite3_bind_text64(statement_, ++bound_, value.empty() ? "" : value.data(), value.size(),
                              SQLITE_TRANSIENT, SQLITE_UTF8));
    return *this;
}

Statement& Statement::operator<<(std::span<const std::uint8_t> value) {
    check(sqlite3_bind_blob64(statement_, ++bound_,
                              value.empty() ? static_cast<const void*>("") : value.data(),
                              value.size(), SQLITE_TRANSIENT));
    return *this;
}

bool Statement::step() {
    const int result = sqlite3_step(statement_);
    check_sqlite(database_, result == SQLITE_ROW || result == SQLITE_DONE);
    return result == SQLITE_ROW;
}

void Statement::run() {
    while (step()) {
    }
}

std::int64_t Statement::integer(int column) const {
    return sqlite3_column_int64(statement_, column);
}

double Statement::real(int column) const {
    return sqlite3_column_double(statement_, column);
}

std::string Statement::text(int column) const {
    const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(statement_, column));
    return text == nullptr
               ? std::string()
               : std::string(text,
                             static_cast<std::size_t>(sqlite3_column_bytes(statement_, column)));
}

std::vector<std::uint8_t> Statement::blob(int column) const {
    const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_, column));
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr ? std::vector<std::uint8_t>()
                            : std::vector<std::uint8_t>(bytes, bytes + size);
}

struct Database::Prepared {
    // By the address of the literal.
    std::unordered_map<const char*, sqlite3_stmt*> statements;
};

Database::Database(const std::filesystem::path& file, Access access)
    : prepared_(std::make_unique<Prepared>()) {
    const int flags = access == Access::read_only ? SQLITE_OPEN_READONLY
                                                  : SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    const int opened =
        sqlite3_open_v2(file.c_str(), &handle_, flags | SQLITE_OPEN_NOMUTEX, nullptr);
    if (opened != SQLITE_OK) {
        const std::string why = handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory";
        sqlite3_close(std::exchange(handle_, nullptr));
        throw Error(ErrorCode::io_failure, fmt::format("{}: {}", file.string(), why));
    }
    sqlite3_busy_timeout(handle_, 10'000);
    if (access == Access::read_only) {
        return;
    }
    execute("PRAGMA journal_mode = WAL");
    execute("PRAGMA synchronous = FULL");
    execute("PRAGMA foreign_keys = ON");
    // The cache of pages, in KiB.
    execute("PRAGMA cache_size = -2000");
}

Database::~Database() {
    for (const auto& [text, statement] : prepared_->statements) {
        sqlite3_finalize(statement);
    }
    sqlite3_close(handle_);
}

Statement Database::prepare(const char* sql) {
    const auto found = prepared_->statements.find(sql);
    if (found != prepared_->statements.end()) {
        return {handle_, found->second};
    }
    sqlite3_stmt* statement = nullptr;
    const int made =
        sqlite3_prepare_v3(handle_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    check_sqlite(handle_, made == SQLITE_OK);
    prepared_->statements.emplace(sql, statement);
    return {handle_, statement};
}

void Database::execute(const char* sql) {
    check_sqlite(handle_, sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) == SQLITE_OK);
}

int Database::changes() const noexcept {
    return sqlite3_changes(handle_);
}

Transaction::~Transaction() {
    if (open_) {
        try {
            database_.execute("ROLLBACK");
        } catch (...) {
            open_ = false;  // SQLite has rolled back already
        }
    }
}

void Transaction::commit() {
    database_.execute("COMMIT");
    open_ = false;
}

}  // namespace cipherfit::service
