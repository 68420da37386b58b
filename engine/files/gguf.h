// engine/files/gguf.h: reads GGUF v2 and v3, little-endian. Layout (ggml's public gguf.md):
//
//   "GGUF", u32 version, u64 n_tensors, u64 n_values
//   n_values times:  string key, u32 type, value       string = u64 length, bytes
//   n_tensors times: string name, u32 n_dims, u64 dims[n_dims], u32 dtype, u64 offset
//   padding to general.alignment (u32, 32 where absent); tensor data, offsets counted from here
//
// Nothing in the file is believed: each count times its smallest record must fit what is left,
// arithmetic is overflow-checked, strings and arrays are walked once, tensors must be aligned, lie
// inside the file and not overlap. Memory used grows with the file, never with a number in it.
#pragma once
#include <cstddef>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

namespace engine {

class ModelFile;

std::shared_ptr<const ModelFile> open_gguf(const std::string& path, std::stop_token stop = {});

// The same over bytes in memory, which must outlive the result; name is used in messages.
std::shared_ptr<const ModelFile> parse_gguf(std::span<const std::byte> bytes, const std::string& name,
                                            std::stop_token stop = {});

}  // namespace engine
