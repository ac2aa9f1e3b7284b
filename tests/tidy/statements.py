# SPDX-License-Identifier: Apache-2.0
"""Just enough C++ to find the statement around a position: comments and literals blanked, brackets paired, and the
braces that enclose statements told from those that initialise a value (a block holds a `;` or a block)."""
import re


def strip(text):
    """The text with comments and the insides of literals blanked, of the same length and lines."""
    pattern = r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"|(?<!\w)\'(?:\\.|[^\'\\\n])*\''
    return re.sub(pattern, lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.S)


def blocks_of(code):
    """Brackets as (open, close) by position of the opening, and the opening braces that are blocks of statements."""
    close, stack, blocks = {}, [], set()
    for at, char in enumerate(code):
        if char in "([{":
            stack.append(at)
        elif char in ")]}" and stack:
            start = stack.pop()
            close[start] = at
            if start in blocks and stack and code[stack[-1]] == "{":
                blocks.add(stack[-1])
        elif char == ";" and stack and code[stack[-1]] == "{":
            blocks.add(stack[-1])
    return close, blocks


def statement_at(code, close, blocks, at):
    home = max((b for b in blocks if b < at < close.get(b, 0)), default=-1)
    start = position = home + 1
    while position < close.get(home, len(code)):
        char = code[position]
        if position in close and not (position in blocks and position > at):
            ended = position in blocks
            position = close[position] + 1
            start = position if ended and position <= at else start
            continue
        if char == ";" or position in blocks:
            if position > at:
                break
            start = position + 1
        position += 1
    return code[start:position]
