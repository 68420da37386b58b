// kernels/cuda/decode_list.h: the instances of the attention kernels, SIGMA_DECODE(cache type, dim_k, dim_v, V heads a CTA, tokens of
// a tile, stages); included by the kernels and by decode_shapes.h. Tiles leave room for two CTAs or more on an H100 and for
// one in the 99 KB of compute 8.9 and 12.0.
SIGMA_DECODE(f16, 64, 64, 1, 64, 3)
SIGMA_DECODE(f16, 64, 64, 2, 32, 3)
SIGMA_DECODE(f16, 64, 64, 4, 32, 3)
SIGMA_DECODE(f16, 128, 128, 1, 64, 2)
SIGMA_DECODE(f16, 128, 128, 2, 32, 3)
SIGMA_DECODE(f16, 128, 128, 4, 32, 2)
SIGMA_DECODE(f16, 32, 64, 1, 64, 3)
SIGMA_DECODE(f16, 32, 64, 4, 32, 3)
SIGMA_DECODE(f16, 64, 128, 1, 64, 3)
SIGMA_DECODE(f16, 64, 128, 4, 32, 2)
SIGMA_DECODE(q8, 64, 64, 1, 64, 3)
SIGMA_DECODE(q8, 64, 64, 2, 64, 3)
SIGMA_DECODE(q8, 64, 64, 4, 64, 3)
SIGMA_DECODE(q8, 128, 128, 1, 64, 3)
SIGMA_DECODE(q8, 128, 128, 2, 64, 2)
SIGMA_DECODE(q8, 128, 128, 4, 32, 3)
SIGMA_DECODE(q8, 32, 64, 1, 64, 3)
SIGMA_DECODE(q8, 32, 64, 4, 64, 3)
SIGMA_DECODE(q8, 64, 128, 1, 64, 3)
SIGMA_DECODE(q8, 64, 128, 4, 32, 3)
#undef SIGMA_DECODE
