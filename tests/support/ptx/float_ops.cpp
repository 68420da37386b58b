// Floating-point arithmetic. Additions, products and fused operations round once, to nearest even, as PTX does;
// the .approx functions are computed more exactly than the hardware's.
#include <cfenv>
#include <cmath>

#include "tests/support/ptx/decoder.h"
#include "tests/support/ptx/lanes.h"

namespace ptx {

namespace {

struct Add { template <class V> static V of(V a, V b, V) { return a + b; } };
struct Sub { template <class V> static V of(V a, V b, V) { return a - b; } };
struct Mul { template <class V> static V of(V a, V b, V) { return a * b; } };
struct Div { template <class V> static V of(V a, V b, V) { return a / b; } };
// A NaN loses against a number; -0 is below +0.
struct Min {
  template <class V>
  static V of(V a, V b, V) {
    const V smaller = a < b || (a == b && std::signbit(a)) ? a : b;
    return a != a ? b : (b != b ? a : smaller);
  }
};
struct Max {
  template <class V>
  static V of(V a, V b, V) {
    const V larger = a > b || (a == b && !std::signbit(a)) ? a : b;
    return a != a ? b : (b != b ? a : larger);
  }
};
struct MinNan { template <class V> static V of(V a, V b, V c) { return a != a ? a : (b != b ? b : Min::of(a, b, c)); } };
struct MaxNan { template <class V> static V of(V a, V b, V c) { return a != a ? a : (b != b ? b : Max::of(a, b, c)); } };
struct Fma {
  static float of(float a, float b, float c) { return std::fma(a, b, c); }
  static double of(double a, double b, double c) { return std::fma(a, b, c); }
};
struct FmaRelu {
  template <class V>
  static V of(V a, V b, V c) {
    const V r = Fma::of(a, b, c);
    return r > 0 || r != r ? r : V{0};
  }
};
struct Saturate {
  template <class V>
  static V of(V x) { return x > 0 ? (x < 1 ? x : V{1}) : V{0}; }
};
struct Neg { template <class V> static V of(V a, V, V) { return -a; } };
struct Abs { template <class V> static V of(V a, V, V) { return std::fabs(a); } };
struct Exp2 {
  static float of(float a, float, float) { return exp2_approx(a); }
  static double of(double a, double, double) { return std::exp2(a); }
};
struct Log2 { template <class V> static V of(V a, V, V) { return std::log2(a); } };
struct Reciprocal { template <class V> static V of(V a, V, V) { return V{1} / a; } };
struct RootReciprocal { template <class V> static V of(V a, V, V) { return V{1} / std::sqrt(a); } };
struct Root { template <class V> static V of(V a, V, V) { return std::sqrt(a); } };
struct Sine { template <class V> static V of(V a, V, V) { return std::sin(a); } };
struct Cosine { template <class V> static V of(V a, V, V) { return std::cos(a); } };
struct Tanh { template <class V> static V of(V a, V, V) { return std::tanh(a); } };
struct CopySign { template <class V> static V of(V a, V b, V) { return std::copysign(b, a); } };

template <class T, class F>
void apply1(Warp& w, const Op& op, Mask on) {
  map1<T>(w, op, on, [](auto a) { return F::of(a, a, a); });
}
template <class T, class F>
void apply2(Warp& w, const Op& op, Mask on) {
  map2<T>(w, op, on, [](auto a, auto b) { return F::of(a, b, b); });
}
template <class T, class F>
void apply3(Warp& w, const Op& op, Mask on) {
  map3<T>(w, op, on, [](auto a, auto b, auto c) { return F::of(a, b, c); });
}
template <class T, class F>
void apply2_saturated(Warp& w, const Op& op, Mask on) {
  map2<T>(w, op, on, [](auto a, auto b) { return Saturate::of(F::of(a, b, b)); });
}
template <class T, class F>
void apply3_saturated(Warp& w, const Op& op, Mask on) {
  map3<T>(w, op, on, [](auto a, auto b, auto c) { return Saturate::of(F::of(a, b, c)); });
}
template <class T, class F, int n>
void apply_pair(Warp& w, const Op& op, Mask on) {
  map_pair<T>(w, op, on, n, [](double a, double b, double c) { return F::of(a, b, c); });
}

// Another rounding of the host for the time of one instruction. The operands and results lie in memory, which no compiler
// moves across these calls.
template <Execute base, int mode>
void rounded(Warp& w, const Op& op, Mask on) {
  std::fesetround(mode);
  base(w, op, on);
  std::fesetround(FE_TONEAREST);
}

template <int mode>
Execute directed_form(const std::string& name, const std::string& t) {
  if (t != "f32") return nullptr;
  if (name == "add") return rounded<apply2<F32, Add>, mode>;
  if (name == "sub") return rounded<apply2<F32, Sub>, mode>;
  if (name == "mul") return rounded<apply2<F32, Mul>, mode>;
  if (name == "fma") return rounded<apply3<F32, Fma>, mode>;
  return nullptr;
}

// Sign bits only, so that NaN payloads and .ftz don't matter.
template <uint32_t bits, bool flip>
void sign(Warp& w, const Op& op, Mask on) {
  map1<U32>(w, op, on, [](uint32_t a) { return flip ? a ^ bits : a & ~bits; });
}

template <class F, int n>
Execute form(const std::string& t, bool ftz, bool saturated) {
  if constexpr (n == 2 || n == 3) {
    if (saturated) {
      if (t != "f32") return nullptr;
      if constexpr (n == 2) return ftz ? apply2_saturated<F32Flush, F> : apply2_saturated<F32, F>;
      else return ftz ? apply3_saturated<F32Flush, F> : apply3_saturated<F32, F>;
    }
  }
  const auto pick = [](auto tag) -> Execute {
    using T = typename decltype(tag)::type;
    if constexpr (n == 1) return apply1<T, F>;
    else if constexpr (n == 2) return apply2<T, F>;
    else return apply3<T, F>;
  };
  if (t == "f32") return ftz ? pick(Tag<F32Flush>{}) : pick(Tag<F32>{});
  if (t == "f64") return pick(Tag<F64>{});
  if (t == "f16") return pick(Tag<F16>{});
  if (t == "bf16") return pick(Tag<BF16>{});
  if (t == "f16x2") return apply_pair<F16, F, n>;
  if (t == "bf16x2") return apply_pair<BF16, F, n>;
  return nullptr;
}

Execute find_form(const Decoder& d, int& n_sources) {
  const std::string &name = d.in->parts[0], &t = d.type();
  const bool ftz = d.has("ftz"), sat = d.has("sat"), nan = d.has("NaN");
  n_sources = 2;
  if (name == "add") return form<Add, 2>(t, ftz, sat);
  if (name == "sub") return form<Sub, 2>(t, ftz, sat);
  if (name == "mul") return form<Mul, 2>(t, ftz, sat);
  if (name == "div") return form<Div, 2>(t, ftz, sat);
  if (name == "min") return nan ? form<MinNan, 2>(t, ftz, sat) : form<Min, 2>(t, ftz, sat);
  if (name == "max") return nan ? form<MaxNan, 2>(t, ftz, sat) : form<Max, 2>(t, ftz, sat);
  if (name == "copysign") return form<CopySign, 2>(t, false, false);
  n_sources = 3;
  if (name == "fma" || name == "mad") return d.has("relu") ? form<FmaRelu, 3>(t, ftz, sat) : form<Fma, 3>(t, ftz, sat);
  n_sources = 1;
  if (name == "ex2") return form<Exp2, 1>(t, ftz, sat);
  if (name == "lg2") return form<Log2, 1>(t, ftz, sat);
  if (name == "rcp") return form<Reciprocal, 1>(t, ftz, sat);
  if (name == "rsqrt") return form<RootReciprocal, 1>(t, ftz, sat);
  if (name == "sqrt") return form<Root, 1>(t, ftz, sat);
  if (name == "sin") return form<Sine, 1>(t, ftz, sat);
  if (name == "cos") return form<Cosine, 1>(t, ftz, sat);
  if (name == "tanh") return form<Tanh, 1>(t, ftz, sat);
  const bool flip = name == "neg";
  if (flip || name == "abs") {
    if (t == "f16" || t == "bf16") return flip ? sign<0x8000u, true> : sign<0x8000u, false>;
    if (t == "f16x2" || t == "bf16x2") return flip ? sign<0x80008000u, true> : sign<0x80008000u, false>;
    if (t == "f32" && !ftz) return flip ? sign<0x80000000u, true> : sign<0x80000000u, false>;
    return flip ? form<Neg, 1>(t, ftz, sat) : form<Abs, 1>(t, ftz, sat);
  }
  return nullptr;
}

}  // namespace

bool decode_float(Decoder& d, Op& op) {
  const std::string& t = d.type();
  if (t != "f32" && t != "f64" && t != "f16" && t != "bf16" && t != "f16x2" && t != "bf16x2") return false;
  int n_sources = 0;
  op.execute = find_form(d, n_sources);
  if (!op.execute) return false;
  if (d.has("rz") || d.has("rm") || d.has("rp")) {
    const std::string& name = d.in->parts[0];
    op.execute = d.has("ftz") || d.has("sat") ? nullptr
                 : d.has("rz")                ? directed_form<FE_TOWARDZERO>(name, t)
                 : d.has("rm")                ? directed_form<FE_DOWNWARD>(name, t)
                                              : directed_form<FE_UPWARD>(name, t);
    if (!op.execute) d.unsupported("this rounding is not");
  }
  static const std::string_view special[] = {"ex2", "lg2", "rcp", "rsqrt", "sqrt", "sin", "cos", "tanh", "div"};
  op.op_class = OpClass::floating;
  for (const std::string_view name : special)
    if (d.in->parts[0] == name) op.op_class = OpClass::special;
  d.plain(op, n_sources, t == "f64" ? 64 : 32);
  return true;
}

}  // namespace ptx
