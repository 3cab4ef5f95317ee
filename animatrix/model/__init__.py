"""The dual-channel model: tag encoder, layout artist, video transformer, nano's autoencoder."""

from animatrix.model.layout import LayoutArtist
from animatrix.model.tags import TagBatch, TagEmbeds, TagEncoder
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.model.vae import AutoencoderNano

__all__ = [
    "AniMatrixTransformer3DModel",
    "AutoencoderNano",
    "LayoutArtist",
    "TagBatch",
    "TagEmbeds",
    "TagEncoder",
]
