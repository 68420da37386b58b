// app/log_tables.h: a log and what was found in it, as KQL tables.
//
//   Logs        every record: Timestamp, Level, Source, Host, Process, Pid, TemplateId, Message, Raw,
//               Line, File, Properties, ... (store::log_schema())
//   Templates   TemplateId, Pattern, Count, FirstTime, LastTime
//   Findings    Check, Title, Cause, Severity, Score, Matches, FirstTime, LastTime, File, Line
//   Configs     File, Kind, Line, Rule, Severity, Message
//   Sessions    Session, Title, Created, Changed, Pinned, Archived, Tags, Records, Findings, Messages,
//               Queries, Worst
//   TaskRuns    Run, Task, Dataset, Model, State, Started, Finished, Samples, Done, Metrics, Error
//   TaskResults Run, Task, Number, Input, Expected, Output, ParseState, Failure, Score, Ms, Details
// and one table a source, under the source's name made an identifier ("syslog", "nginx_access_log").
#pragma once
#include <memory>
#include <span>
#include <string>

#include "app/kql/query.h"
#include "app/store/log_store.h"
#include "app/template_groups.h"
#include "app/types.h"

namespace app {

namespace store {
class Database;
}

// Logs, Templates and the sources. Time ranges skip chunks; rows keep their row ids. Merged templates are
// one: a row of Templates with the leader's pattern, and its id wherever one of them stands in a record.
kql::Tables make_log_tables(std::shared_ptr<const store::LogSnapshot> log, const TemplateGroups& groups = {});

// Adds Findings and Configs.
void add_finding_tables(kql::Tables& tables, std::span<const Finding> findings,
                        std::span<const ConfigFinding> configs);

// Adds Sessions, TaskRuns and TaskResults: what the application's own database holds. Results of runs
// are read when a query asks for them; the database must outlive the tables.
void add_application_tables(kql::Tables& tables, store::Database& database);

// The user's saved functions: one text of let statements, functions.kql of the data folder; empty where there is none.
std::string saved_functions(const std::string& data_folder);

}  // namespace app
