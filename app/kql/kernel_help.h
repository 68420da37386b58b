// app/kql/kernel_help.h: what the row kernels of functions_*.cpp share.
#pragma once
#include <span>
#include <string>

#include "app/kql/functions.h"
#include "app/kql/json.h"
#include "app/kql/value.h"

namespace app::kql {

using Args = std::span<const Value>;

inline void set(Value& out, std::optional<double> v) { v ? void(out.d = *v) : void(out.null = true); }
inline void set(Value& out, std::optional<int64_t> v) { v ? void(out.i = *v) : void(out.null = true); }
inline void set(Value& out, const Json& json) { out = from_json(json); }
inline void set_null(Value& out) { out = Value::none(out.type); }
// An argument as an integer, or a default where it is missing or none.
inline int64_t integer_at(Args a, size_t k, int64_t missing) { return k < a.size() ? to_int64(a[k]).value_or(missing) : missing; }
inline double real_at(Args a, size_t k, double missing) { return k < a.size() ? to_real(a[k]).value_or(missing) : missing; }
inline std::string text_at(Args a, size_t k, const char* missing = "") { return k < a.size() ? to_text(a[k]) : missing; }
inline bool bool_at(Args a, size_t k, bool missing) { return k < a.size() && !a[k].null ? convert(a[k], Type::boolean).i != 0 : missing; }

// Number of code points, and the byte where a code point begins.
size_t text_length(std::string_view text);
size_t byte_of(std::string_view text, size_t code_point);

}  // namespace app::kql
