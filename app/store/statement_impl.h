// app/store/statement_impl.h: what a Statement holds. Inside app/store only.
#pragma once
#include "app/store/connection.h"
#include "app/store/database.h"

namespace app::store {

struct Statement::Impl {
  explicit Impl(Connection& c) : connection(c), lock(c.mutex) {}
  ~Impl() { sqlite3_finalize(handle); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Connection& connection;
  std::unique_lock<std::recursive_mutex> lock;
  sqlite3_stmt* handle = nullptr;
};

}  // namespace app::store
