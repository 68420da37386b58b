// Blocks of columns as a server may send them, in pieces whose size the first byte says.
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "app/connectors/clickhouse_native.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace app::connectors::clickhouse;
  using app::columns::Type;
  if (size < 1) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const size_t step = data[0] + 1u;
  BlockReader reader({{0, Type::int64, false, true}, {1, Type::string, false, true}, {2, Type::real, true, true},
                      {3, Type::dynamic, true, false}, {4, Type::decimal, true, true}, {5, Type::guid, false, true}, {6, Type::boolean, false, true}});
  std::vector<app::columns::Column> columns;
  size_t n_rows = 0;
  try {
    for (size_t at = 0; at < bytes.size(); at += step) {
      reader.feed(bytes.substr(at, step));
      while (reader.next(columns, n_rows)) {
        for (const app::columns::Column& c : columns) {
          if (c.n_rows() != n_rows) __builtin_trap();
        }
      }
    }
  } catch (const engine::Error&) {
  }
  json_of_text(bytes);
  plan_column("x", std::string(bytes), {24, 8});
  return 0;
}
