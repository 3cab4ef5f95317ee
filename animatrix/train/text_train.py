"""Makes nano's frozen text encoder: a SentencePiece vocabulary and a small T5 encoder, from narratives.

    python -m animatrix.train.text_train --out runs/text --minutes 5

The encoder is trained as a masked language model (15-50 % of the tokens replaced by a sentinel, predicted
from the rest); the prediction head is thrown away. It knows the words of the synthetic world and no others:
see the model card.
"""

from __future__ import annotations

import argparse
import io
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import nn
from transformers import T5Config, T5EncoderModel, T5Tokenizer


def make_tokenizer(texts: list[str], vocab_size: int) -> T5Tokenizer:
    """Train a unigram SentencePiece model and wrap it as a T5 tokenizer (ids 0 pad, 1 eos, 2 unk)."""
    import sentencepiece as spm

    buffer = io.BytesIO()
    spm.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=buffer,
        vocab_size=vocab_size - 1,
        model_type="unigram",
        hard_vocab_limit=False,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        # Letters of narratives nobody rendered must still be spelled, not lost.
        required_chars="abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.,;:'\"!?()-",
        minloglevel=2,
    )
    model = spm.SentencePieceProcessor(model_proto=buffer.getvalue())
    vocab = [(model.id_to_piece(i), model.get_score(i)) for i in range(model.get_piece_size())]
    vocab.append(("<extra_id_0>", 0.0))
    return T5Tokenizer(vocab=vocab, extra_ids=1)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--vocab", type=int, default=2048)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--slots", type=int, default=48)
    parser.add_argument("--texts", type=int, default=60000)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()

    from animatrix.synthetic.narrative import narratives

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(args.seed)
    texts = list(narratives(args.texts, args.seed))
    tokenizer = make_tokenizer(texts, args.vocab)
    ids = tokenizer(
        texts, padding="max_length", max_length=args.slots, truncation=True, return_tensors="pt"
    ).input_ids.to(device)
    print(
        f"{len(texts)} narratives ({len(set(texts))} different), vocabulary {len(tokenizer)}, "
        f"{(ids != 0).sum(1).float().mean():.1f} tokens on average, "
        f"{(ids != 0).all(1).float().mean():.2%} cut"
    )
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=args.width,
        d_kv=32,
        d_ff=384,
        num_layers=args.layers,
        num_heads=args.width // 32,
        feed_forward_proj="gated-gelu",
        dropout_rate=0.0,
        is_encoder_decoder=False,
    )
    encoder = T5EncoderModel(config).to(device)
    head = nn.Linear(args.width, len(tokenizer)).to(device)
    parameters = [*encoder.parameters(), *head.parameters()]
    optimizer = torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.01)
    sentinel = tokenizer.convert_tokens_to_ids("<extra_id_0>")
    began, budget, step = time.monotonic(), args.minutes * 60, 0
    while (elapsed := time.monotonic() - began) < budget:
        for group in optimizer.param_groups:
            group["lr"] = 2e-3 * min(1, (step + 1) / 50) * (1 - elapsed / budget)
        rows = ids[torch.randint(len(ids), (args.batch,), device=device)]
        words = rows > 2
        rate = 0.15 + 0.35 * torch.rand(len(rows), 1, device=device)
        hidden = words & (torch.rand(rows.shape, device=device) < rate)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            states = encoder(rows.masked_fill(hidden, sentinel), attention_mask=(rows != 0).long())
            logits = head(states.last_hidden_state[hidden])
        loss = F.cross_entropy(logits.float(), rows[hidden])
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()
        step += 1
        if step % 100 == 0:
            right = (logits.argmax(-1) == rows[hidden]).float().mean()
            print(f"step {step} loss {loss.item():.3f} accuracy {right:.3f}", flush=True)
    encoder.eval().save_pretrained(args.out / "text_encoder")
    tokenizer.save_pretrained(args.out / "tokenizer")


if __name__ == "__main__":
    main()
