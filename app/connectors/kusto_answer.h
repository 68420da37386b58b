// app/connectors/kusto_answer.h: the answer of a server that runs KQL, as columns (see kusto.cpp for
// its two shapes).
#pragma once
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/columns/column.h"

namespace app::connectors {

struct KustoAnswer {
  columns::Schema columns;
  std::vector<std::shared_ptr<const columns::Chunk>> chunks;
};

// The primary result. Throws Error{io} where the text is no such answer, or says that the query
// failed on the way.
KustoAnswer read_kusto_answer(std::string_view body);

// The sentence in the body of an error answer, or empty.
std::string kusto_error(std::string_view body);

}  // namespace app::connectors
