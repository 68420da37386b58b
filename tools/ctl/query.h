// tools/ctl/query.h: what the query commands share.
#pragma once
#include <string>
#include <vector>

#include "app/kql/query.h"

namespace ctl {

// The logs behind the paths as tables, held in memory; no paths: no tables.
app::kql::Tables load_tables(const std::vector<std::string>& paths);
// {"columns": [...], "rows": [...]} without the outer braces.
std::string result_json(const app::kql::ResultTable& result);

}  // namespace ctl
