// SQLite inserting rows into an indexed table in memory. Knows nothing of Holdfast. Prints the processor time
// of its work.
//
//     sqlite_program [ROWS]      ROWS: 200000
#include <sqlite3.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "program.h"

namespace {

bool run(sqlite3* database, const char* sql) {
  return sqlite3_exec(database, sql, nullptr, nullptr, nullptr) == SQLITE_OK;
}

bool insert(sqlite3* database, long rows) {
  sqlite3_stmt* statement = nullptr;
  const char* sql = "INSERT INTO t (name, value) VALUES (?, ?)";
  if (sqlite3_prepare_v2(database, sql, -1, &statement, nullptr) != SQLITE_OK) return false;
  bool good = run(database, "BEGIN");
  for (long i = 0; i < rows && good; ++i) {
    const std::string name = "row number " + std::to_string(i * 7919 % rows);
    sqlite3_bind_text(statement, 1, name.data(), static_cast<int>(name.size()), SQLITE_TRANSIENT);
    sqlite3_bind_int64(statement, 2, i);
    good = sqlite3_step(statement) == SQLITE_DONE && sqlite3_reset(statement) == SQLITE_OK;
  }
  sqlite3_finalize(statement);
  return good && run(database, "COMMIT");
}

}  // namespace

int main(int argc, char** argv) {
  const long rows = argc > 1 ? std::atol(argv[1]) : 200'000;
  const bench::ParkedThread parked;
  const double start = bench::cpu_seconds();
  sqlite3* database = nullptr;
  const bool good = sqlite3_open(":memory:", &database) == SQLITE_OK &&
                    run(database, "CREATE TABLE t (name TEXT, value INTEGER); CREATE INDEX n ON t (name)") &&
                    insert(database, rows);
  sqlite3_close(database);
  std::printf("{\"cpu_seconds\": %.6f}\n", bench::cpu_seconds() - start);
  return good ? 0 : 1;
}
