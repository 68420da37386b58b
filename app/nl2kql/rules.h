// app/nl2kql/rules.h: plain questions to KQL by rules, with no model: time phrases, levels, "how many",
// "top", "per minute", "by host", quoted terms, names that stand in the log.
//
// The rules look for phrases and turn each into a clause of one query over the table Logs; words that
// no rule took become search terms. What each phrase became is said, so that a reader sees at once
// what was understood.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "app/nl2kql/facts.h"
#include "app/types.h"

namespace app::nl2kql {

struct RuleAnswer {
  std::string kql;
  std::vector<std::string> understood;  // "errors -> Level in (\"ERROR\", \"CRITICAL\")", a phrase each
  std::vector<std::string> time_conditions;  // of kql: what the question says of times
  bool guessed = false;                 // some words are searched for only because no rule knew them
};

// Always gives a query that parses; an empty question gives the newest rows.
RuleAnswer ask_rules(std::string_view question, const LogFacts& facts = {});

}  // namespace app::nl2kql
