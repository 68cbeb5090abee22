// The database's tables, and how those of earlier versions become them.
#include "cipherfit/base/error.h"
#include "service/store.h"

#include <iterator>

namespace cipherfit::service {
namespace {

// One string a version: what leads from the version before to it. Add, never change.
constexpr const char* migrations[] = {R"sql(
CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    label TEXT NOT NULL,
    kind INTEGER NOT NULL,
    state INTEGER NOT NULL,
    plan_digest TEXT NOT NULL,
    keep_every INTEGER NOT NULL,
    checkpoint_every INTEGER NOT NULL,
    review_every INTEGER NOT NULL,
    memory_bytes INTEGER NOT NULL,
    disk_bytes INTEGER NOT NULL,
    work REAL NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    review_iteration INTEGER NOT NULL DEFAULT 0,
    cancel_asked INTEGER NOT NULL DEFAULT 0,
    created INTEGER NOT NULL,
    queued INTEGER NOT NULL DEFAULT 0,
    started INTEGER NOT NULL DEFAULT 0,
    finished INTEGER NOT NULL DEFAULT 0,
    place INTEGER NOT NULL DEFAULT 0
);
CREATE UNIQUE INDEX jobs_of_plan ON jobs(owner, plan_digest, label);
CREATE INDEX jobs_by_state ON jobs(state, place);
CREATE TABLE files (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    sha256 TEXT NOT NULL,
    complete INTEGER NOT NULL,
    max_bytes INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (job, name)
) WITHOUT ROWID;
CREATE TABLE members (
    job TEXT NOT NULL REFERENCES jobs(id) ON DELETE CASCADE,
    identity TEXT NOT NULL,
    PRIMARY KEY (job, identity)
) WITHOUT ROWID;
CREATE TABLE usage (owner TEXT NOT NULL, at INTEGER NOT NULL, seconds REAL NOT NULL);
CREATE INDEX usage_of ON usage(owner, at);
CREATE TABLE audit_head (one INTEGER PRIMARY KEY CHECK (one = 1), sequence INTEGER, hash TEXT);
)sql",
                                      R"sql(
ALTER TABLE jobs ADD COLUMN changed INTEGER NOT NULL DEFAULT 0;
UPDATE jobs SET changed = max(created, queued, started, finished);
CREATE INDEX IF NOT EXISTS open_uploads ON files(job) WHERE complete = 0 AND bytes > 0;
)sql",
                                      R"sql(
-- Parts of posts have names of their clients' own from here on.
DELETE FROM files WHERE complete = 0 AND job IN (SELECT id FROM jobs WHERE kind = 3);
)sql"};
static_assert(std::size(migrations) == schema_version);

}  // namespace

Store::Store(const std::filesystem::path& file) : write_(file), read_(file) {
    migrate();
}

void Store::migrate() {
    const std::lock_guard lock(write_mutex_);
    std::int64_t version = 0;
    {
        Statement row = write_.prepare("PRAGMA user_version");
        row.step();
        version = row.integer(0);
    }
    require(version <= schema_version, ErrorCode::unsupported_version,
            "the service's database is of version {}, this program knows up to {}: use the newer "
            "program",
            version, schema_version);
    for (; version < schema_version; ++version) {
        Transaction transaction(write_);
        write_.execute(migrations[version]);
        write_.execute(fmt::format("PRAGMA user_version = {}", version + 1).c_str());
        transaction.commit();
    }
}

}  // namespace cipherfit::service
