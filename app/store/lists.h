// app/store/lists.h: lists as JSON arrays, in one column of a row.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace app::store {

std::string encode_list(const std::vector<std::string>& values);
// Unsigned numbers are written as what they are.
std::string encode_list(const std::vector<uint64_t>& values);

// Throw Error{invalid_input} where the text is no array of that kind.
std::vector<std::string> decode_texts(std::string_view json);
std::vector<uint64_t> decode_numbers(std::string_view json);

}  // namespace app::store
