// systemd units and the other INI files of systemd: sections that repeat, keys that repeat, lines
// continued with a backslash.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "app/configs/kinds.h"
#include "app/configs/systemd_options.h"
#include "engine/base/text.h"

namespace app::configs {
namespace {

using namespace systemd;

// Options newer than this are pointed out: the oldest version that distributions still maintain.
constexpr int oldest_maintained_version = 245;

struct Entry {
  std::string section, key, value;
  int line = 0, column = 1;
};

struct SectionStart {
  std::string name;
  int line = 0;
};

struct Unit {
  std::vector<Entry> entries;
  std::vector<SectionStart> sections;
};

Unit parse_unit(std::string_view text, Report& report) {
  Unit unit;
  std::string section;
  const auto lines = engine::split(text, '\n');
  for (size_t i = 0; i < lines.size(); ++i) {
    const int number = static_cast<int>(i) + 1;
    std::string line(engine::trim(lines[i]));
    if (line.empty() || line[0] == '#' || line[0] == ';') continue;
    while (line.ends_with('\\') && i + 1 < lines.size()) {  // comments may stand between
      line.pop_back();
      const std::string_view next = engine::trim(lines[++i]);
      if (!next.empty() && (next[0] == '#' || next[0] == ';'))
        line += '\\';
      else
        line += std::string(" ") + std::string(next);
    }
    if (line[0] == '[') {
      if (line.back() != ']') {
        report.add("systemd/syntax", number, 1, "", "the section header is not closed with ']'");
        continue;
      }
      section = line.substr(1, line.size() - 2);
      unit.sections.push_back({section, number});
      continue;
    }
    const size_t equals = line.find('=');
    if (equals == std::string::npos || equals == 0) {
      report.add("systemd/syntax", number, 1, "", "the line is neither a section nor Key=Value");
      continue;
    }
    const std::string key(engine::trim(std::string_view(line).substr(0, equals)));
    if (section.empty())
      report.add("systemd/syntax", number, 1, key, "the setting stands before any section");
    unit.entries.push_back(
        {section, key, std::string(engine::trim(std::string_view(line).substr(equals + 1))), number,
         static_cast<int>(lines[static_cast<size_t>(number) - 1].find_first_not_of(" \t")) + 1});
  }
  return unit;
}

void add(Report& report, const char* rule, const Entry& entry, std::string_view detail = {}) {
  report.add(rule, entry.line, entry.column, "[" + entry.section + "] " + entry.key, detail);
}

bool is_true(std::string_view value) {
  const std::string lower = engine::to_lower_ascii(value);
  return lower == "1" || lower == "yes" || lower == "true" || lower == "on";
}

bool contains(const std::vector<std::string>& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// A condition's value without its "|" (any of several) and "!" (not).
std::string_view compared(const Entry& entry) {
  std::string_view value = entry.value;
  if (!entry.key.starts_with("Condition") && !entry.key.starts_with("Assert")) return value;
  const size_t start = value.find_first_not_of("|! ");
  return start == value.npos ? std::string_view() : value.substr(start);
}

bool holds(const Unit& unit, const std::string& section, const OptionLink& link) {
  return std::any_of(unit.entries.begin(), unit.entries.end(), [&](const Entry& entry) {
    if (entry.section != section || entry.key != link.option) return false;
    return link.values.empty() || contains(link.values, entry.value);
  });
}

std::string shown(const OptionLink& link) {
  std::string text = link.option + "=";
  for (size_t i = 0; i < link.values.size(); ++i) text += (i ? "|" : "") + link.values[i];
  return text;
}

void check_entry(const Unit& unit, const Entry& entry, Report& report) {
  if (entry.section.starts_with("X-") || entry.key.starts_with("X-")) return;
  const Option* option = find_option(entry.section, entry.key);
  if (!option) {
    if (is_section(entry.section) && entry.section != "Install")
      add(report, "systemd/unknown-option", entry,
          "[" + entry.section + "] has no option " + entry.key);
    return;
  }
  if (!fits(option->value, compared(entry))) {
    const bool user = option->value.kind == "user";
    add(report, "systemd/invalid-value", entry,
        "\"" + entry.value.substr(0, 80) + "\" is not a value that it takes" +
            (user ? "; name the user or group" : ""));
  } else if (option->value.multiple > 1) {
    Node number;
    number.kind = Node::Kind::scalar;
    number.text = entry.value;
    if (number.number() && static_cast<long long>(*number.number()) % option->value.multiple != 0) {
      add(report, "systemd/invalid-multiple", entry,
          "must be a multiple of " + std::to_string(option->value.multiple));
    }
  }
  if (option->until)
    add(report, "systemd/deprecated-option", entry,
        "is deprecated since systemd " + std::to_string(option->until + 1));
  if (option->since > oldest_maintained_version)
    add(report, "systemd/new-option", entry,
        "needs systemd " + std::to_string(option->since) + " or later; older versions ignore it");
  if (!option->when.empty() && !contains(option->when, entry.value)) return;
  for (const OptionLink& link : option->needs) {
    if (!holds(unit, entry.section, link))
      add(report, "systemd/missing-companion", entry,
          "has no effect without " + shown(link) + " in the same section");
  }
  for (const OptionLink& link : option->bars) {
    if (holds(unit, entry.section, link))
      add(report, "systemd/barred-by", entry, "does not go together with " + shown(link));
  }
}

bool names_type(std::string_view file, std::initializer_list<std::string_view> endings) {
  return std::any_of(endings.begin(), endings.end(),
                     [&](std::string_view ending) { return file.ends_with(ending); });
}

void check_sections(const Unit& unit, Report& report) {
  if (report.file().ends_with(".conf") && report.file().find(".d/") != std::string::npos)
    return;  // a drop-in adds to a unit that has the rest
  std::set<std::string> present;
  for (const SectionStart& section : unit.sections) present.insert(section.name);
  // Units proper need [Unit]; network, link and manager files do not. The file's name tells; where
  // it does not, only files that have no section of a network or manager file are held to it.
  const bool unit_type =
      names_type(report.file(), {".service", ".socket", ".mount", ".target", ".unit"});
  if (unit_type && !present.contains("Unit")) {
    report.add("systemd/no-unit-section", unit.sections.empty() ? 1 : unit.sections[0].line, 1, "");
  }
  for (const SectionStart& section : unit.sections) {
    for (const std::string& wanted : mandatory_options(section.name)) {
      const OptionLink link{wanted, {}};
      if (holds(unit, section.name, link)) continue;
      report.add(wanted == "Description" ? "systemd/no-description" : "systemd/mandatory-option",
                 section.line, 1, "[" + section.name + "]", wanted + "= is missing");
    }
  }
}

const Entry* find_entry(const Unit& unit, const char* section, const char* key) {
  const Entry* last = nullptr;
  for (const Entry& entry : unit.entries) {
    if (entry.section == section && entry.key == key) last = &entry;
  }
  return last;
}

void check_exec_start(const Unit& unit, Report& report) {
  const Entry* type = find_entry(unit, "Service", "Type");
  const bool oneshot = type && type->value == "oneshot";
  size_t n_starts = 0;
  const Entry* second = nullptr;
  for (const Entry& entry : unit.entries) {
    if (entry.section != "Service" || entry.key != "ExecStart") continue;
    if (entry.value.empty())
      n_starts = 0, second = nullptr;  // an empty value resets the list
    else if (++n_starts == 2)
      second = &entry;
  }
  if (oneshot && n_starts == 0 && !find_entry(unit, "Service", "ExecStop"))
    add(report, "systemd/exec-start-count", *type, "a oneshot service needs an ExecStart");
  if (!oneshot && second)
    add(report, "systemd/exec-start-count", *second,
        "only oneshot services may have several ExecStart");
}

void check_conflicts(const Unit& unit, Report& report) {
  static const std::pair<const char*, const char*> opposites[] = {
      {"Before", "After"},
      {"Requires", "RequiredBy"},
      {"Wants", "WantedBy"},
      {"PropagatesReloadTo", "ReloadPropagatedFrom"}};
  for (const auto& [left, right] : opposites) {
    std::set<std::string> named;
    for (const Entry& entry : unit.entries) {
      if (entry.key == left && !entry.value.empty()) named.insert(entry.value);
    }
    for (const Entry& entry : unit.entries) {
      if (entry.key == right && named.contains(entry.value)) {
        add(report, "systemd/conflicting-options", entry,
            std::string(left) + " and " + right + " both name " + entry.value);
      }
    }
  }
}

void check_commands(const Unit& unit, Report& report) {
  for (const Entry& entry : unit.entries) {
    if (!entry.key.starts_with("Exec") || entry.section == "Unit") continue;
    const std::string prefix = entry.value.substr(
        0, std::min(entry.value.find_first_not_of("-@+!:|"), entry.value.size()));
    if (prefix.find('-') != std::string::npos) add(report, "systemd/failure-ignored", entry);
    if (prefix.find('+') != std::string::npos) add(report, "systemd/full-privileges", entry);
  }
}

// The sandbox of a service that runs for long: each line closes one way out.
struct Sandbox {
  const char* option;
  const char* rule;
  std::initializer_list<std::string_view> good;  // empty: any value but no
};
const Sandbox sandbox[] = {
    {"NoNewPrivileges", "systemd/security-no-new-privileges", {}},
    {"PrivateTmp", "systemd/security-private-tmp", {}},
    {"ProtectSystem", "systemd/security-protect-system", {}},
    {"ProtectHome", "systemd/security-protect-home", {}},
    {"PrivateDevices", "systemd/security-private-devices", {}},
    {"ProtectKernelTunables", "systemd/security-kernel-tunables", {}},
    {"ProtectKernelModules", "systemd/security-kernel-modules", {}},
    {"ProtectControlGroups", "systemd/security-control-groups", {}},
    {"RestrictSUIDSGID", "systemd/security-suid", {}},
    {"CapabilityBoundingSet", "systemd/security-capabilities", {}},
};

void check_sandbox(const Unit& unit, Report& report) {
  const Entry* start = find_entry(unit, "Service", "ExecStart");
  if (!start) return;
  const Entry* dynamic_user = find_entry(unit, "Service", "DynamicUser");
  if (!find_entry(unit, "Service", "User") && !(dynamic_user && is_true(dynamic_user->value)))
    add(report, "systemd/security-user", *start);
  for (const Sandbox& each : sandbox) {
    const Entry* entry = find_entry(unit, "Service", each.option);
    const std::string value = entry ? engine::to_lower_ascii(entry->value) : "no";
    if (value == "no" || value == "false" || value == "0" || value == "off")
      add(report, each.rule, entry ? *entry : *start);
  }
}

// --- order between units -------------------------------------------------------------------------

// One unit waits for another: After= of its own, or Before= of the other.
struct Wait {
  std::string unit, other;
  const Entry* entry;
  Report* report;
};

std::vector<Wait> waits_of(const std::string& name, const Unit& unit, Report& report) {
  std::vector<Wait> waits;
  for (const Entry& entry : unit.entries) {
    if (entry.section != "Unit" || (entry.key != "After" && entry.key != "Before")) continue;
    for (std::string_view word : engine::split(entry.value, ' ')) {
      const std::string other(engine::trim(word));
      if (other.empty()) continue;
      if (entry.key == "After")
        waits.push_back({name, other, &entry, &report});
      else
        waits.push_back({other, name, &entry, &report});
    }
  }
  return waits;
}

// Whether a unit waits for itself by way of others.
bool reaches(const std::multimap<std::string, std::string>& waits, const std::string& from,
             const std::string& to) {
  std::set<std::string> seen;
  std::vector<std::string> open = {from};
  while (!open.empty()) {
    const std::string unit = open.back();
    open.pop_back();
    if (unit == to) return true;
    if (!seen.insert(unit).second) continue;
    for (auto [at, end] = waits.equal_range(unit); at != end; ++at) open.push_back(at->second);
  }
  return false;
}

// Without the waits that cannot be part of a cycle: their unit waits for nobody who still waits.
std::vector<Wait> possible_cycles(std::vector<Wait> waits) {
  while (true) {
    std::set<std::string> waiting;
    for (const Wait& wait : waits) waiting.insert(wait.unit);
    const size_t before = waits.size();
    std::erase_if(waits, [&](const Wait& wait) { return !waiting.contains(wait.other); });
    if (waits.size() == before) return waits;
  }
}

void check_order(const std::vector<Wait>& all) {
  constexpr size_t max_waits = 2000;  // each is followed through all others
  std::vector<Wait> waits = possible_cycles(all);
  if (waits.size() > max_waits) waits.resize(max_waits);
  std::multimap<std::string, std::string> by_unit;
  for (const Wait& wait : waits) by_unit.emplace(wait.unit, wait.other);
  for (const Wait& wait : waits) {
    if (!reaches(by_unit, wait.other, wait.unit)) continue;
    add(*wait.report, "systemd/ordering-cycle", *wait.entry,
        wait.unit == wait.other
            ? wait.unit + " waits for itself"
            : wait.unit + " waits for " + wait.other + ", which waits for " + wait.unit);
  }
}

std::string unit_name(const std::string& file) {
  return file.substr(file.find_last_of("/\\") + 1);  // npos + 1 is 0
}

void review_unit(const Unit& unit, Report& report) {
  for (const Entry& entry : unit.entries) {
    check_entry(unit, entry, report);
    if (entry.key == "Conflicts" && find_entry(unit, "Service", "Restart") &&
        find_entry(unit, "Service", "Restart")->value == "always") {
      report.note("Restart=always brings a service back that Conflicts= of another unit stopped.");
    }
  }
  check_sections(unit, report);
  check_exec_start(unit, report);
  check_conflicts(unit, report);
  check_commands(unit, report);
  check_sandbox(unit, report);
  report.note(
      "Whether the programs and units named here exist was not looked at: that is known only on "
      "the machine.");
}

}  // namespace

void review_systemd_units(std::vector<TextFile>& files) {
  std::deque<Unit> units;  // the waits point into them
  std::vector<Wait> waits;
  for (TextFile& file : files) {
    const Unit& unit = units.emplace_back(parse_unit(file.text, *file.report));
    review_unit(unit, *file.report);
    const auto own = waits_of(unit_name(file.report->file()), unit, *file.report);
    waits.insert(waits.end(), own.begin(), own.end());
  }
  check_order(waits);
}

}  // namespace app::configs
