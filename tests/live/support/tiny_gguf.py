"""Writes a language model of about 600 KB with random weights: argv[1] is the GGUF file to write.

It speaks llama.cpp's protocols in full and says nothing. Only its manners are made by hand: an answer is short and never
empty; where tools are offered it calls one; when a tool has answered in this turn it answers in text. Runs on
Debian's python3-gguf.
"""

import re
import sys
from collections import Counter

import gguf
import numpy as np

MERGES = 700
EMBEDDING, HEADS, FEED_FORWARD = 64, 4, 96
HEAD = EMBEDDING // HEADS
# Text of every Debian, and what tools are made of, so that a prompt has a third as many tokens as characters.
CORPUS = open("/usr/share/common-licenses/GPL-3").read() + 200 * (
    '{"type": "function", "function": {"name": "", "description": "", "parameters": {"type": "object", '
    '"properties": {"": {"type": "string"}, "": {"type": "integer"}}, "required": [""], "additionalProperties": false}}}\n'
)
SPECIAL = ["<|im_start|>", "<|im_end|>", "<tool_call>", "</tool_call>", "</tools>", "</tool_response>"]
NEVER = -20.0
# How much likelier than an ordinary word, as a logarithm. A comma would begin another property, element or call.
FAVOURED = {'"': 1.2, "}": 0.0, "]": 0.0, ".": 0.5, ",": -9.0, "<|im_end|>": 1.5, "<tool_call>": 2 * NEVER}

# Dimensions of the residual stream with a meaning: random weights neither read nor write them. A token sets the first
# four; two attention heads set the others where such a token came before. The output matrix weighs them by token.
ALWAYS, LINE_BEGINS, TOOLS_END, RESPONSE_ENDS, TOOLS_OFFERED, TOOL_ANSWERED, RESERVED = range(7)
SIGNAL = 8.0

CHAT_TEMPLATE = r"""
{%- if tools %}
    {{- '<|im_start|>system\n' }}
    {%- if messages[0].role == 'system' %}{{- messages[0].content + '\n\n' }}{%- endif %}
    {{- '# Tools\n\nYou may call one or more functions. Their signatures are within <tools></tools>:\n<tools>' }}
    {%- for tool in tools %}{{- '\n' + (tool | tojson) }}{%- endfor %}
    {{- '\n</tools>\n\nReturn each call as JSON within <tool_call></tool_call>:\n' }}
    {{- '<tool_call>{"name": <function-name>, "arguments": <args-json-object>}</tool_call><|im_end|>\n' }}
{%- elif messages[0].role == 'system' %}
    {{- '<|im_start|>system\n' + messages[0].content + '<|im_end|>\n' }}
{%- endif %}
{%- set turn = namespace(start=0) %}
{%- for message in messages %}{%- if message.role == 'user' %}{%- set turn.start = loop.index0 %}{%- endif %}{%- endfor %}
{%- for message in messages %}
    {%- if message.role == 'assistant' %}
        {{- '<|im_start|>assistant\n' }}
        {%- if message.content %}{{- message.content }}{%- endif %}
        {%- for tool_call in message.tool_calls or [] %}
            {%- if message.content or not loop.first %}{{- '\n' }}{%- endif %}
            {{- '<tool_call>{"name": "' + tool_call.function.name + '", "arguments": ' }}
            {{- tool_call.function.arguments | tojson }}
            {{- '}</tool_call>' }}
        {%- endfor %}
        {{- '<|im_end|>\n' }}
    {%- elif message.role == 'tool' %}
        {{- '<|im_start|>user\n<tool_response>\n' + message.content }}
        {#- Only an answer of this turn ends in the token that keeps the model from calling again. #}
        {{- '\n</tool_response><|im_end|>\n' if loop.index0 > turn.start else '\n</earlier_response><|im_end|>\n' }}
    {%- elif message.role == 'user' or not loop.first %}
        {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\n' }}{%- endif %}
""".strip()


def byte_letters():
    """The printable character that stands for each byte in a GPT-2 vocabulary."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = (byte for byte in range(256) if byte not in plain)
    return {**{byte: chr(byte) for byte in plain}, **{byte: chr(256 + n) for n, byte in enumerate(others)}}


def learn_merges(letters):
    """Byte pair encoding, learnt from the corpus."""
    found = re.findall(r" ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+", CORPUS)
    words = {tuple(letters[byte] for byte in word.encode()): count for word, count in Counter(found).items()}
    merges = []
    while len(merges) < MERGES:
        pairs = Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        # By count, then by spelling: the same file on every machine.
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        words = {merge(word, best): count for word, count in words.items()}
    return merges


def merge(word, pair):
    out = []
    for piece in word:
        if out and (out[-1], piece) == pair:
            out[-1] += piece
        else:
            out.append(piece)
    return tuple(out)


def manners(tokens):
    """The output matrix's weights of the meaningful dimensions."""
    weights = np.zeros((len(tokens), RESERVED))
    for row, token in zip(weights, tokens):
        readable = token.isascii() or token[0] == "Ġ"
        ordinary = 0.0 if re.fullmatch("Ġ[a-z]+", token) else -1.5 if re.fullmatch("[a-z]+", token) else -4.0
        row[ALWAYS] = FAVOURED.get(token, NEVER if token in SPECIAL or not readable else ordinary)
    weights[tokens.index("<|im_end|>"), LINE_BEGINS] = NEVER
    call = weights[tokens.index("<tool_call>")]
    call[LINE_BEGINS], call[TOOLS_OFFERED], call[TOOL_ANSWERED] = -1.4 * NEVER, -1.4 * NEVER, 2 * NEVER
    return weights


def main(path):
    letters = byte_letters()
    merges = learn_merges(letters)
    pieces = [*letters.values(), *(first + second for first, second in merges)]
    tokens = [*pieces, *SPECIAL]
    random = np.random.default_rng(1)

    def weights(rows, columns, scale=1.0):
        return (random.standard_normal((rows, columns)) * scale / np.sqrt(columns)).astype(np.float32)

    def reading(rows):
        matrix = weights(rows, EMBEDDING)
        matrix[:, :RESERVED] = 0
        return matrix

    def writing(columns):
        matrix = weights(EMBEDDING, columns, 0.5)
        matrix[:RESERVED] = 0
        return matrix

    embedding = weights(len(tokens), EMBEDDING, np.sqrt(EMBEDDING))
    embedding[:, :RESERVED] = 0
    embedding[:, ALWAYS] = SIGNAL
    for token, dimension in {"Ċ": LINE_BEGINS, "</tools>": TOOLS_END, "</tool_response>": RESPONSE_ENDS}.items():
        embedding[tokens.index(token), dimension] = SIGNAL
    # What the final normalisation makes of a signal, about: two of them among values of size one.
    normalised = SIGNAL / np.sqrt((2 * SIGNAL**2 + EMBEDDING) / EMBEDDING)
    output = weights(len(tokens), EMBEDDING)
    output[:, :RESERVED] = manners(tokens) / normalised

    block = {
        "attn_norm": np.ones(EMBEDDING, np.float32),
        "attn_q": reading(EMBEDDING),
        "attn_k": reading(EMBEDDING),
        "attn_v": reading(EMBEDDING),
        "attn_output": writing(EMBEDDING),
        "ffn_norm": np.ones(EMBEDDING, np.float32),
        "ffn_gate": reading(FEED_FORWARD),
        "ffn_up": reading(FEED_FORWARD),
        "ffn_down": writing(FEED_FORWARD),
    }
    for head, (sought, found) in enumerate([(TOOLS_END, TOOLS_OFFERED), (RESPONSE_ENDS, TOOL_ANSWERED)]):
        own = slice(head * HEAD, (head + 1) * HEAD)
        # The position's rotation hardly turns a head's last dimension, so the distance does not matter.
        last = (head + 1) * HEAD - 1
        for name in ["attn_q", "attn_k", "attn_v"]:
            block[name][own] = 0
        block["attn_output"][:, own] = 0
        block["attn_q"][last, ALWAYS] = block["attn_k"][last, sought] = 3
        block["attn_v"][last, sought] = 1
        block["attn_output"][found, last] = SIGNAL / normalised

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_name("tiny-random")
    writer.add_context_length(65536)
    writer.add_embedding_length(EMBEDDING)
    writer.add_block_count(1)
    writer.add_feed_forward_length(FEED_FORWARD)
    writer.add_head_count(HEADS)
    writer.add_rope_dimension_count(HEAD)
    writer.add_rope_freq_base(1e12)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_vocab_size(len(tokens))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(tokens)
    normal, control = gguf.TokenType.NORMAL, gguf.TokenType.CONTROL
    writer.add_token_types([control if token in SPECIAL else normal for token in tokens])
    writer.add_token_merges([" ".join(pair) for pair in merges])
    writer.add_bos_token_id(tokens.index("<|im_start|>"))
    writer.add_eos_token_id(tokens.index("<|im_end|>"))
    writer.add_add_bos_token(False)
    writer.add_chat_template(CHAT_TEMPLATE)
    writer.add_tensor("token_embd.weight", embedding)
    writer.add_tensor("output_norm.weight", np.ones(EMBEDDING, np.float32))
    writer.add_tensor("output.weight", output)
    for name, tensor in block.items():
        writer.add_tensor(f"blk.0.{name}.weight", tensor)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main(sys.argv[1])
