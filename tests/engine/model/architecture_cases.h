// Made by tests/support/make_architecture_cases.py from the transformers package; not to be edited.
#pragma once

namespace architecture_cases {

constexpr int n_tokens = 300, n_positions = 3, n_logits = 6;
constexpr int positions[n_positions] = {0, 40, 299};

constexpr float qwen2[n_positions][n_logits] = {
    {1.785546f, -0.4573145f, 0.4818345f, -0.9870533f, -1.401442f, 0.801661f},
    {-0.130931f, -0.3746031f, -0.2056571f, 0.8922694f, 2.09182f, -0.483717f},
    {0.007597252f, -1.018532f, 0.018002f, 0.5676198f, 0.6167411f, 0.03532844f},
};
constexpr float qwen3[n_positions][n_logits] = {
    {0.8246369f, 0.2803241f, -0.2479698f, 0.355427f, -1.067436f, 0.4043251f},
    {1.358929f, -0.1044495f, 0.6060362f, -0.06536838f, -0.5148227f, 0.9316703f},
    {1.17417f, 0.2561961f, -0.09433255f, -0.2618419f, -0.5173478f, 0.4163568f},
};
constexpr float gemma3[n_positions][n_logits] = {
    {1.116251f, 0.5640981f, 0.8848103f, 0.4302296f, 0.723329f, 0.7449942f},
    {-0.6042202f, 0.03849609f, 0.04285359f, -0.3726088f, 0.1029675f, 0.1257277f},
    {-0.6136516f, -1.162447f, -0.06724866f, 0.1483556f, 0.4506549f, -0.04775278f},
};
constexpr float llama3_rope[n_positions][n_logits] = {
    {-0.5022724f, 0.4628143f, -0.9845805f, -0.522458f, -0.1673751f, 0.6659675f},
    {-0.3945172f, 0.7865246f, -0.04710628f, -0.8190577f, -0.7090008f, -0.3460438f},
    {-0.6028614f, 0.1989626f, -0.1648329f, -1.739007f, -0.876422f, -0.8823695f},
};
constexpr float linear_rope[n_positions][n_logits] = {
    {-0.5022724f, 0.4628143f, -0.9845805f, -0.522458f, -0.1673751f, 0.6659675f},
    {-0.2872051f, 0.6553854f, -0.1440387f, -0.7088814f, -0.7017822f, -0.2939317f},
    {-0.4612005f, 0.08700354f, -0.05620389f, -1.536862f, -1.153641f, -0.9332104f},
};

}  // namespace architecture_cases
