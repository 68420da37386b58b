// Stored columns come from files that others may have made: decoding must read or refuse any bytes.
// The first byte picks the decoder.
#include <cstdint>
#include <string_view>

#include "app/columns/encoding.h"
#include "engine/base/error.h"

namespace {

size_t touch(const app::columns::Column& column) {
  size_t sum = 0;
  for (size_t row = 0; row < column.n_rows(); ++row) {
    if (column.is_null(row)) continue;
    if (app::columns::is_text(column.type())) {
      for (const char c : column.text(row)) sum += static_cast<unsigned char>(c);
    } else if (column.type() == app::columns::Type::real) {
      sum += column.f64(row) > 0;
    } else {
      sum += static_cast<size_t>(column.i64(row));
    }
  }
  return sum;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const app::columns::DecodeLimits limits{.n_rows = 65536, .text_bytes = 1 << 20};
  volatile size_t sum = 0;
  try {
    if (data[0] % 3 == 0) {
      sum = sum + touch(app::columns::decode_column(bytes, limits));
    } else if (data[0] % 3 == 1) {
      for (const auto& column : app::columns::decode_shared_text(bytes, limits)) sum = sum + touch(column);
    } else {
      for (const auto& column : app::columns::decode_chunk(bytes, limits).columns) sum = sum + touch(column);
    }
  } catch (const engine::Error&) {
  }
  return 0;
}
