// app/logs/level.h: levels from words, numbers and the beginnings of texts.
#pragma once
#include <string_view>

#include "app/types.h"

namespace app::logs {

// The usual level words in any case (error, err, fatal, warn, ...), or none.
Level level_from_word(std::string_view word);

// A number as level: 0..7 by syslog, from 10 on by Bunyan and Pino (10 trace .. 60 fatal).
Level level_from_number(int number);

// The level that a text without a level field states at its beginning: "ERROR x", "[warn] x",
// "fatal: x", "level=error". Lower-case words count only with a colon, brackets or level= around.
Level stated_level(std::string_view text);

}  // namespace app::logs
