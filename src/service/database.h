// SQLite behind two small classes. Errors are thrown as Error(io_failure) with SQLite's own words.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace cipherfit::service {

// SQLite's integers have a sign. No file is as large as the largest of them.
inline std::int64_t signed_bytes(std::uint64_t bytes) noexcept {
    return static_cast<std::int64_t>(bytes);
}

// One prepared statement at work: bind what it asks for, then step. It is reset on destruction.
class Statement {
  public:
    ~Statement();
    Statement(Statement&& other) noexcept;
    Statement& operator=(Statement&&) = delete;
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;

    // Binds the next parameter.
    Statement& operator<<(std::int64_t value);
    Statement& operator<<(double value);
    Statement& operator<<(std::string_view value);
    Statement& operator<<(std::span<const std::uint8_t> value);

    // Moves to the next row; false where there is none.
    bool step();
    // Steps through all that is left.
    void run();
    std::int64_t integer(int column) const;
    double real(int column) const;
    std::string text(int column) const;
    std::vector<std::uint8_t> blob(int column) const;

  private:
    friend class Database;
    Statement(sqlite3* database, sqlite3_stmt* statement)
        : database_(database), statement_(statement) {}
    void check(int result) const;

    sqlite3* database_;
    sqlite3_stmt* statement_;
    int bound_ = 0;
};

// One connection, for one thread at a time.
class Database {
  public:
    enum class Access { read_only, read_write };
    // Opens or makes the file: write-ahead log, foreign keys, every commit on the disk. What is
    // only read is neither made nor changed.
    explicit Database(const std::filesystem::path& file, Access access = Access::read_write);
    ~Database();
    Database(const Database&) = delete;
    Database& operator=(const Database&) = delete;

    // The statement of that text, which is compiled once. `sql` must be a literal.
    Statement prepare(const char* sql);
    void execute(const char* sql);
    // Rows that the last statement changed.
    int changes() const noexcept;

  private:
    struct Prepared;
    sqlite3* handle_ = nullptr;
    std::unique_ptr<Prepared> prepared_;
};

// A transaction: rolled back unless it is committed.
class Transaction {
  public:
    explicit Transaction(Database& database) : database_(database) {
        database_.execute("BEGIN IMMEDIATE");
    }
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

  private:
    Database& database_;
    bool open_ = true;
};

}  // namespace cipherfit::service
