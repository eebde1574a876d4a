"""Small nets with random weights, one or more of every architecture that spandrel's registry restores with.

A name begins with the architecture's own id, by which a test compares them with the registry.
"""

import importlib
from collections.abc import Callable
from typing import Any

from torch import nn


def _net(module: str, cls: str = "", /, **config: Any) -> Callable[[], nn.Module]:
    def build() -> nn.Module:
        found = importlib.import_module(f"spandrel.architectures.{module}")
        net: nn.Module = getattr(found, cls or module)(**config)
        return net

    return build


_SWIN: dict[str, Any] = {"depths": [2, 2], "embed_dim": 12, "num_heads": [2, 2], "mlp_ratio": 2}
_UNET: dict[str, Any] = {"nc": [8, 16, 24, 32], "nb": 2}

NETS: dict[str, Callable[[], nn.Module]] = {
    "ATD": _net(
        "ATD",
        img_size=32,
        embed_dim=12,
        depths=(2, 2),
        num_heads=(2, 2),
        category_size=64,
        num_tokens=16,
        reducted_dim=4,
        upscale=2,
        upsampler="pixelshuffledirect",
    ),
    "AuraSR": _net(
        "AuraSR",
        dim=8,
        image_size=None,
        input_image_size=None,
        init_dim=8,
        style_network={"dim_in": 16, "dim_out": 64, "depth": 1},
        up_dim_mults=(1, 1, 1, 1, 1),
        down_dim_mults=(1, 1, 1),
        full_attn=(False, False, False, False, False),
        self_attn_dim_head=4,
        attn_depths=(1, 1, 1, 1, 1),
        mid_attn_depth=1,
        num_conv_kernels=2,
    ),
    "CRAFT": _net("CRAFT", embed_dim=12, depths=[1, 1], num_heads=[2, 2], upscale=2),
    "Compact": _net("Compact", num_feat=8, num_conv=2, upscale=4),
    "Compact-x1": _net("Compact", num_feat=8, num_conv=2, upscale=1),
    "DAT": _net(
        "DAT",
        img_size=16,
        embed_dim=32,
        split_size=[4, 8],
        depth=[2],
        num_heads=[2],
        upscale=2,
        upsampler="pixelshuffledirect",
    ),
    "DCTLSA": _net("DCTLSA", nf=10, upscale=2),
    "DITN": _net("DITN", dim=8, ITL_blocks=1, SAL_blocks=1, UFONE_blocks=1, upscale=2),
    "DRCT": _net(
        "DRCT",
        img_size=32,
        embed_dim=24,
        depths=(6,),
        num_heads=(6,),
        window_size=8,
        mlp_ratio=2,
        upscale=2,
        upsampler="pixelshuffle",
        gc=8,
    ),
    "DRUNet": _net("DRUNet", in_nc=4, out_nc=3, **_UNET),
    "DRUNet-grey": _net("DRUNet", in_nc=2, out_nc=1, **_UNET),
    "DnCNN": _net("DnCNN", in_nc=3, out_nc=3, nc=8, nb=4),
    "DnCNN-grey": _net("DnCNN", in_nc=1, out_nc=1, nc=8, nb=4),
    "DnCNN-level": _net("DnCNN", in_nc=4, out_nc=3, nc=8, nb=9, act_mode="R", mode="FDnCNN"),
    "ESRGAN": _net("ESRGAN", num_filters=8, num_blocks=1),
    "ESRGAN-grey": _net("ESRGAN", num_filters=8, num_blocks=1, scale=2, in_nc=1, out_nc=1),
    "ESRGAN-unshuffled": _net("ESRGAN", num_filters=8, num_blocks=1, in_nc=12, shuffle_factor=2),
    "ESRGAN-rgba": _net("ESRGAN", num_filters=8, num_blocks=1, scale=2, in_nc=4, out_nc=4),
    "FBCNN": _net("FBCNN", nc=[8, 16, 24, 512], nb=2),
    "FDAT": _net("FDAT", scale=2, embed_dim=16, num_groups=1, depth_per_group=2, num_heads=2, mid_dim=8),
    "FFTformer": _net("FFTformer", dim=8, num_blocks=[1, 1, 1], num_refinement_blocks=1),
    "GRL": _net(
        "GRL",
        img_size=32,
        embed_dim=12,
        depths=[2],
        num_heads_window=[2],
        num_heads_stripe=[2],
        stripe_size=[8, 8],
        upscale=2,
        upsampler="pixelshuffledirect",
    ),
    "HAT": _net(
        "HAT",
        img_size=32,
        embed_dim=12,
        depths=(2,),
        num_heads=(2,),
        window_size=8,
        squeeze_factor=4,
        upscale=2,
        num_feat=16,
    ),
    "HVICIDNet": _net("HVICIDNet", channels=[8, 8, 16, 32], heads=[1, 2, 4, 8]),
    "IPT": _net("IPT", patch_size=24, n_feats=8, num_heads=2, num_layers=1, num_queries=1, scale=[2]),
    "KBNet": _net(
        "KBNet", "KBNet_s", width=8, middle_blk_num=1, enc_blk_nums=[1, 1, 1, 1], dec_blk_nums=[1, 1, 1, 1]
    ),
    "KBNet-l": _net("KBNet", "KBNet_l", dim=24, num_blocks=[1, 1, 1, 1], num_refinement_blocks=1),
    "MMRealSR": _net(
        "MMRealSR",
        num_in_ch=3,
        num_out_ch=3,
        num_feat=8,
        num_block=1,
        num_grow_ch=8,
        num_feats=[8, 8, 8, 8],
        num_blocks=[1, 1, 1, 1],
    ),
    "MixDehazeNet": _net("MixDehazeNet", embed_dims=[8, 16, 32, 16, 8]),
    "MoESR": _net("MoESR", scale=2, dim=16, n_blocks=1, n_block=1, upsample_dim=8),
    "MoSR": _net("MoSR", upscale=2, n_block=1, dim=16),
    "NAFNet": _net("NAFNet", width=8, middle_blk_num=1, enc_blk_nums=[1, 1], dec_blk_nums=[1, 1]),
    "OmniSR": _net("OmniSR", num_feat=16, block_num=1, res_num=1, up_scale=2),
    "PLKSR": _net("PLKSR", dim=16, n_blocks=1, upscaling_factor=2),
    "PLKSR-real": _net("PLKSR", "RealPLKSR", dim=16, n_blocks=1, upscaling_factor=2),
    "PLKSR-dysample": _net("PLKSR", "RealPLKSR", dim=16, n_blocks=1, upscaling_factor=2, dysample=True),
    "RCAN": _net("RCAN", scale=2, n_resgroups=1, n_resblocks=1, n_feats=8, reduction=4),
    "RGT": _net("RGT", img_size=32, embed_dim=16, depth=[2], num_heads=[2], split_size=[4, 4], upscale=2),
    "RealCUGAN-x2": _net("RealCUGAN", "UpCunet2x"),
    "RealCUGAN-x3": _net("RealCUGAN", "UpCunet3x"),
    "RealCUGAN-x4": _net("RealCUGAN", "UpCunet4x"),
    "RealCUGAN-x2-fast": _net("RealCUGAN", "UpCunet2x_fast"),
    "RetinexFormer": _net("RetinexFormer", n_feat=8, stage=1, num_blocks=[1, 1, 1]),
    "SAFMN": _net("SAFMN", dim=16, n_blocks=1, upscaling_factor=2),
    "SAFMNBCIE": _net("SAFMNBCIE", dim=16, n_blocks=1, num_layers=1),
    "SCUNet": _net("SCUNet", config=[1, 1, 1, 2, 1, 1, 1], dim=64),
    "SPAN": _net("SPAN", num_in_ch=3, num_out_ch=3, feature_channels=8, upscale=2),
    "SeemoRe": _net("SeemoRe", scale=2, num_experts=2, num_layers=1, embedding_dim=16),
    "SwiftSRGAN": _net("SwiftSRGAN", num_channels=8, num_blocks=1, upscale_factor=2),
    "Swin2SR": _net(
        "Swin2SR", img_size=16, window_size=8, upscale=2, upsampler="pixelshuffledirect", **_SWIN
    ),
    "SwinIR": _net("SwinIR", img_size=16, window_size=8, upscale=2, upsampler="pixelshuffledirect", **_SWIN),
    "SwinIR-x1": _net("SwinIR", img_size=16, window_size=8, **_SWIN),
    "SwinIR-jpeg": _net("SwinIR", img_size=14, window_size=7, img_range=255.0, **_SWIN),
    "Uformer": _net("Uformer", embed_dim=8, depths=[1] * 9, num_heads=[1, 2, 2, 2, 2, 2, 2, 2, 1]),
}
