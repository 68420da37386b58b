// app/kql/aggregates_make.h: what makes the state of each aggregate, and its rows of the table; a file
// for each kind of aggregate.
#pragma once
#include <memory>
#include <span>

#include "app/kql/aggregates.h"

namespace app::kql {

using Made = std::unique_ptr<Aggregator>;

Made make_min(const AggregateCall& call);
Made make_max(const AggregateCall& call);
Made make_any(const AggregateCall& call);
Made make_arg_max(const AggregateCall& call);
Made make_arg_min(const AggregateCall& call);
Made make_dcount(const AggregateCall& call);
Made make_make_list(const AggregateCall& call);
Made make_list_nulls(const AggregateCall& call);
Made make_make_set(const AggregateCall& call);
Made make_make_bag(const AggregateCall& call);
Made make_schema(const AggregateCall& call);
Made make_percentiles(const AggregateCall& call);
Made make_percentilesw(const AggregateCall& call);
Made make_percentiles_array(const AggregateCall& call);
Made make_percentilesw_array(const AggregateCall& call);

std::span<const AggregateFunction> sketch_aggregates();  // hll(), tdigest() and their merges

}  // namespace app::kql
