"""The dual-channel model: tag encoder, video transformer, nano's autoencoder."""

from animatrix.model.tags import TagBatch, TagEmbeds, TagEncoder
from animatrix.model.transformer import AniMatrixTransformer3DModel
from animatrix.model.vae import AutoencoderNano

__all__ = ["AniMatrixTransformer3DModel", "AutoencoderNano", "TagBatch", "TagEmbeds", "TagEncoder"]
