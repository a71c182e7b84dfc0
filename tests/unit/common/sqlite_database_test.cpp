// Several connections of one process to one file, and other processes that look into it.
#include "common/sqlite/sqlite_database.h"

#include <gtest/gtest.h>

#include "common/process_runner.h"
#include "tests/support/temp_directory.h"

namespace henb::common {
namespace {

/// What another program finds there.
std::string CountedElsewhere(const std::string& path) {
  SystemProcessRunner runner;
  const auto result = runner.Run(
      {.argv =
           {"/usr/bin/python3", "-c",
            "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM t').fetchone()[0])",
            path},
       .standard_input = ""});
  return result.ok() ? result->output + result->error : std::string(result.status().message());
}

TEST(SqliteDatabase, WhatIsWrittenStaysAlsoWhenOthersLookWhileTwoConnectionsAreOpen) {
  const tests::TempDirectory directory;
  const std::string path = directory.File("records.db");
  auto first = SqliteDatabase::Open(path);
  ASSERT_TRUE(first.ok()) << first.status();
  ASSERT_TRUE(first->Execute("CREATE TABLE t(x INTEGER)").ok());
  auto second = SqliteDatabase::Open(path);
  ASSERT_TRUE(second.ok()) << second.status();
  EXPECT_EQ(CountedElsewhere(path), "0\n");
  ASSERT_TRUE(first->Execute("INSERT INTO t VALUES(1)").ok());
  EXPECT_EQ(CountedElsewhere(path), "1\n");
  ASSERT_TRUE(second->Execute("INSERT INTO t VALUES(2)").ok());
  EXPECT_EQ(CountedElsewhere(path), "2\n");
}

}  // namespace
}  // namespace henb::common
