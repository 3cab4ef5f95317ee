"""The dual-channel model: tag encoder, layout and draft artist, video transformer, nano's autoencoder."""

from animatrix.model.draft import DraftArtist
from animatrix.model.layout import LayoutArtist
from animatrix.model.tags import TagBatch, TagEmbeds, TagEncoder
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.model.vae import AutoencoderNano

__all__ = [
    "AniMatrixTransformer3DModel",
    "AutoencoderNano",
    "DraftArtist",
    "LayoutArtist",
    "TagBatch",
    "TagEmbeds",
    "TagEncoder",
]
