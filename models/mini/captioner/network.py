"""Makes the mini captioner before it has learnt anything: its words, its processor, its size.

All are the classes of Qwen2.5-VL, as `save_pretrained` and `from_pretrained` know them; only smaller. The
tokens have the same names and a chat becomes the same stream of them, so whatever talks to the one can talk
to the other.
"""

from collections.abc import Sequence

from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import (
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2_5_VLForConditionalGeneration,
    Qwen2_5_VLProcessor,
    Qwen2VLImageProcessor,
    Qwen2VLVideoProcessor,
)

SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|vision_start|>", "<|vision_end|>",
           "<|image_pad|>", "<|video_pad|>")  # fmt: skip
CHAT = """\
{%- set marks = {"image": "<|vision_start|><|image_pad|><|vision_end|>",
                 "video": "<|vision_start|><|video_pad|><|vision_end|>"} -%}
{%- if messages[0].role != "system" -%}
    {{- "<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n" -}}
{%- endif -%}
{%- for message in messages -%}
    {{- "<|im_start|>" + message.role + "\\n" -}}
    {%- if message.content is string -%}
        {{- message.content -}}
    {%- else -%}
        {%- for part in message.content -%}{{- part.text if part.type == "text" else marks[part.type] -}}{%- endfor -%}
    {%- endif -%}
    {{- "<|im_end|>\\n" -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- "<|im_start|>assistant\\n" -}}{%- endif -%}
"""
"""Renders a chat as Qwen2.5-VL's own template does."""
PATCH = 14
WIDTH, SIGHT = 128, 96
"""Numbers per token in the decoder, and in the vision tower."""
VOCABULARY = 960
LOW_BASE = 10.0
"""Of the rotary positions: pictures here are four tokens wide, where the usual million tells none apart."""


UNITS = r"""(?<!_)[0-9]+|"[\w ]+\""""
"""Numbers and quoted names are tokens of their own; what is between them may become one token, however long, as
the same few sentences come back with every question."""


def make_processor(texts: Sequence[str]) -> Qwen2_5_VLProcessor:
    """Makes a processor with a byte-level BPE learnt from `texts`: what they hold often is one token, all else is spelt."""
    bpe = Tokenizer(models.BPE())
    apart = pre_tokenizers.Split(Regex(UNITS), "isolated")
    whole = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    bpe.pre_tokenizer = pre_tokenizers.Sequence([apart, whole])
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=list(SPECIAL),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        additional_special_tokens=list(SPECIAL[1:]),
        padding_side="left",
        **{"eos_token": "<|im_end|>", "pad_token": "<|endoftext|>"},
    )
    return Qwen2_5_VLProcessor(
        image_processor=Qwen2VLImageProcessor(),
        video_processor=Qwen2VLVideoProcessor(),
        tokenizer=tokenizer,
        chat_template=CHAT,
    )


def make_net(processor: Qwen2_5_VLProcessor) -> Qwen2_5_VLForConditionalGeneration:
    """Makes the untrained network for a processor's tokens."""
    number = processor.tokenizer.convert_tokens_to_ids
    text = {
        "vocab_size": len(processor.tokenizer),
        "hidden_size": WIDTH,
        "intermediate_size": 2 * WIDTH,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 4096,
        "rope_parameters": {"rope_type": "default", "rope_theta": LOW_BASE, "mrope_section": [4, 6, 6]},
        "bos_token_id": number("<|endoftext|>"),
        "eos_token_id": number("<|im_end|>"),
        "pad_token_id": number("<|endoftext|>"),
    }
    vision = {
        "depth": 4,
        "hidden_size": SIGHT,
        "intermediate_size": 2 * SIGHT,
        "num_heads": 3,
        "out_hidden_size": WIDTH,
        "patch_size": PATCH,
        "window_size": 8 * PATCH,
        "fullatt_block_indexes": [1, 3],
    }
    marks = ("image_token_id", "<|image_pad|>"), ("video_token_id", "<|video_pad|>")
    ends = ("vision_start_token_id", "<|vision_start|>"), ("vision_end_token_id", "<|vision_end|>")
    ids = {name: number(token) for name, token in (*marks, *ends)}
    config = Qwen2_5_VLConfig(text_config=text, vision_config=vision, tie_word_embeddings=True, **ids)
    return Qwen2_5_VLForConditionalGeneration(config)
