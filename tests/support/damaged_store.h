// A store in SQLite with rows that no program of ours would write.
#pragma once

#include <chrono>
#include <stdexcept>
#include <string>

#include "reporter/store/sqlite_open.h"
#include "tests/support/temp_dir.h"

namespace tlsrpt::testing_support {

class DamagedStore {
 public:
  DamagedStore() : path_(folder_.file("store")) {}

  const std::string& path() const { return path_; }
  std::string location() const { return "sqlite:" + path_; }

  // Runs SQL on the file; a fault in it is a fault of the test.
  void run(const std::string& sql) const {
    auto database = reporter::open_sqlite(path_, reporter::StoreAccess::reporter,
                                          std::chrono::milliseconds(1000));
    if (!database.ok()) throw std::runtime_error(database.error().message());
    const auto done = database->execute(sql);
    if (!done.ok()) throw std::runtime_error(done.error().message());
  }

  // Lets columns hold values of any type, as a damaged file may.
  void allow_any_type() const {
    auto database = reporter::SqliteDatabase::open(path_, SQLITE_OPEN_READWRITE);
    const auto done = database->execute(
        "PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = "
        "replace(replace(replace(sql, 'STRICT, WITHOUT', 'WITHOUT'), 'STRICT', ''), "
        "' NOT NULL', '') WHERE type = 'table'");
    if (!done.ok()) throw std::runtime_error(done.error().message());
  }

 private:
  TempDir folder_;
  std::string path_;
};

}  // namespace tlsrpt::testing_support
