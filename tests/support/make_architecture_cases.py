"""Writes tests/engine/model/architecture_cases.h: logits of tiny models by the transformers package.

    python3 make_architecture_cases.py > ../engine/model/architecture_cases.h

Needs torch and transformers; the tests do not. Weights come from a formula that both sides compute
(architecture_test.cpp): splitmix64 of the name's FNV-1a hash plus the index, as a number in [-1, 1).
"""
import numpy as np
import torch
from transformers import (Gemma3ForCausalLM, Gemma3TextConfig, LlamaConfig, LlamaForCausalLM, Qwen2Config,
                          Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

COMMON = dict(vocab_size=48, hidden_size=32, intermediate_size=48, num_attention_heads=4, num_key_value_heads=2,
              max_position_embeddings=512)
LLAMA3 = dict(rope_type="llama3", rope_theta=10000.0, factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
GEMMA_ROPE = dict(sliding_attention=dict(rope_type="default", rope_theta=10000.0),
                  full_attention=dict(rope_type="linear", rope_theta=1e6, factor=8.0))
CASES = [
    ("qwen2", Qwen2ForCausalLM, Qwen2Config(num_hidden_layers=2, tie_word_embeddings=True, rope_parameters=dict(
        rope_type="default", rope_theta=10000.0), **COMMON)),
    ("qwen3", Qwen3ForCausalLM, Qwen3Config(num_hidden_layers=2, head_dim=16, tie_word_embeddings=False, **COMMON)),
    ("gemma3", Gemma3ForCausalLM, Gemma3TextConfig(num_hidden_layers=7, head_dim=16, query_pre_attn_scalar=20,
                                                   sliding_window=37, rope_parameters=GEMMA_ROPE, **COMMON)),
    ("llama3_rope", LlamaForCausalLM, LlamaConfig(num_hidden_layers=2, rope_parameters=LLAMA3, **COMMON)),
    ("linear_rope", LlamaForCausalLM, LlamaConfig(num_hidden_layers=2, rope_parameters=dict(
        rope_type="linear", rope_theta=10000.0, factor=4.0), **COMMON)),
]
N_TOKENS = 300
POSITIONS = (0, 40, 299)


def formula(name, n):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = (h ^ byte) * 0x100000001B3 % 2**64
    with np.errstate(over="ignore"):
        x = np.uint64(h) + np.arange(n, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
        x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        x ^= x >> np.uint64(31)
    return (x >> np.uint64(40)).astype(np.float32) * np.float32(2**-23) - np.float32(1)


def fill(model, gemma):
    with torch.no_grad():
        for name, p in model.named_parameters():
            u = torch.from_numpy(formula(name, p.numel())).reshape(p.shape)
            if "norm" in name:
                p.copy_(u * np.float32(0.25) + (0 if gemma else 1))
            else:
                p.copy_(u * np.float32(0.25))


print("// Made by tests/support/make_architecture_cases.py from the transformers package; not to be edited.")
print("#pragma once\n")
print("namespace architecture_cases {\n")
print(f"constexpr int n_tokens = {N_TOKENS}, n_positions = {len(POSITIONS)}, n_logits = 6;")
print(f"constexpr int positions[n_positions] = {{{', '.join(map(str, POSITIONS))}}};\n")
tokens = [(7 * i * i + 3 * i) % 48 for i in range(N_TOKENS)]
for name, cls, config in CASES:
    config._attn_implementation = "eager"
    model = cls(config).float().eval()
    fill(model, name == "gemma3")
    with torch.no_grad():
        logits = model(torch.tensor([tokens])).logits[0].double().numpy()
    print(f"constexpr float {name}[n_positions][n_logits] = {{")
    for p in POSITIONS:
        print("    {" + ", ".join(f"{v:.7g}f" for v in logits[p][:6]) + "},")
    print("};")
print("\n}  // namespace architecture_cases")
