"""Prints the numbers that tests/engine/model/bert_test.cpp expects, by the transformers package.

Needs torch and transformers; the test does not. Weights: see make_architecture_cases.py.
"""
import contextlib
import io

import torch
from transformers import BertConfig, BertModel

with contextlib.redirect_stdout(io.StringIO()):
    from make_architecture_cases import formula

config = BertConfig(vocab_size=40, hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
                    max_position_embeddings=24, type_vocab_size=2, hidden_dropout_prob=0, attention_probs_dropout_prob=0)
config._attn_implementation = "eager"
model = BertModel(config, add_pooling_layer=False).float().eval()
with torch.no_grad():
    for name, p in model.named_parameters():
        u = torch.from_numpy(formula(name, p.numel())).reshape(p.shape) * 0.25
        p.copy_(u + 1 if "LayerNorm.weight" in name else u)
    rows = model(torch.tensor([[(5 * i + 3) % 40 for i in range(20)]])).last_hidden_state[0]
for t in (0, 19):
    print("    {" + ", ".join(f"{v:.7g}f" for v in rows[t][:6].tolist()) + "},")
