// Answers of servers that run KQL: tables within JSON, and errors.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "app/connectors/kusto_answer.h"
#include "engine/base/error.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view body(reinterpret_cast<const char*>(data), size);
  try {
    const app::connectors::KustoAnswer answer = app::connectors::read_kusto_answer(body);
    for (const auto& chunk : answer.chunks) {
      if (chunk->columns.size() != answer.columns.size()) __builtin_trap();
      for (const app::columns::Column& c : chunk->columns) {
        if (c.n_rows() != chunk->n_rows) __builtin_trap();
      }
    }
  } catch (const engine::Error&) {
  }
  app::connectors::kusto_error(body);
  return 0;
}
