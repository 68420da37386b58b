// app/configs/systemd_options.h: what systemd's unit, network and manager files may say: the
// options of each section with the values they take and the version that brought or dropped them.
// The table is assets/config_rules/systemd_options.json, built into the program.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace app::configs::systemd {

struct ValueShape {
  std::string kind;  // bool, number, enum, time, ip, list, either, ... see fits()
  double min = 0, max = 1e13;
  int base = 10, multiple = 1;
  std::vector<std::string> words;  // further values that are taken as they stand
  std::vector<std::string> suffixes, prefixes;
  std::vector<ValueShape> of;  // of list (one), either, sequence
  char separator = ' ';
};

struct OptionLink {
  std::string option;
  std::vector<std::string> values;  // empty: any value
};

struct Option {
  std::string name;
  std::vector<std::string> sections;
  ValueShape value;
  int since = 0, until = 0;             // systemd version, as 245; 0: always
  std::vector<OptionLink> needs, bars;  // each must stand in the same section; none may
  std::vector<std::string> when;        // values for which needs and bars hold; empty: any
};

// The option of a section, or null. Names are case sensitive, as in systemd.
const Option* find_option(std::string_view section, std::string_view name);
bool is_section(std::string_view section);
const std::vector<std::string>& mandatory_options(std::string_view section);

// Whether a value has the shape. Values with specifiers (%i) are taken as fitting.
bool fits(const ValueShape& shape, std::string_view value);

}  // namespace app::configs::systemd
