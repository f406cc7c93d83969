# ruff: noqa: N803 (constants of a kernel are upper case, as in all of Triton)
# Triton wraps what a kernel calls a constant:
# pyright: reportArgumentType=false, reportOperatorIssue=false
"""Triton kernels of a step: many tensors in one launch, selection on the bits of floats, nothing that the host reads.

A launch's programs stand in a list of (row, chunk). A row is a tensor or a part of one; rows whose entries compete are
a population; a chunk is `SPAN` entries of a row. What is read (R) and written (W), in bytes an entry of fp32, where a
share f is selected and 1.1 f is listed:

    look      is every gradient finite?                    R g                                     4
    moments   m and v; entries above a guess are listed    R g m v, W m v, W 8 a listed one        20 + 9 f
    digits    thrice: how often does each digit occur?     R 4 a listed one                       13 f
    pick      thrice: the digit that holds rank k          one program a population                -
    move      p, where the magnitude is at least τ         R 8 a listed one; R p v, W p by
                                                           sectors of 8 entries                 9 f + 12 (1 - (1 - f)^8)

That is 26 at f = .05 and 33 at .15, `look` apart, where a fused AdamW moves 28: .9 and 1.2 ×. The guess is a little
less than the last threshold; no result depends on it. Where it failed, in the first steps, and where several rows
compete, magnitudes are read three times more in the list's place; with weight decay all of p is read and written. With
a fraction of 1 `moments` moves as well, and is all: 28.

Roots and quotients are the nearest numbers, as torch's are on a GPU. Whether its build rounds a product and the sum it
goes into together, and what it multiplies first, are the constants FIRST, SECOND and MOVED; `device.fits` finds them.
"""

from __future__ import annotations

import triton
import triton.language as tl

MAGNITUDE = tl.constexpr(0x7FFFFFFF)  # a float's bits without its sign
NEVER = tl.constexpr(0x7FFFFFFF)  # no magnitude has so much
# Columns of `rows`, 8-byte integers: addresses, sizes, where a row belongs.
P, G, M, V, R, ENTRIES, POPULATION, OFFSET = (tl.constexpr(number) for number in range(8))
# Columns of `state`, 4-byte integers, a line a population.
RANK, ROOM, COUNT, LEFT, PREFIX, THRESHOLD, LEAST, LISTED = (tl.constexpr(number) for number in range(8))
# Columns of `numbers`, fp32, a line a row.
DECAY, ROOT, EPS, STEP = (tl.constexpr(number) for number in range(4))
WIDTH = tl.constexpr(8)  # columns of `rows` and of `state`
# Scores.
MOMENTUM, GRADIENT, MV, RANDOM, WEIGHT = (tl.constexpr(number) for number in range(5))
SQUARABLE = tl.constexpr(2.0**64)  # squares of what is smaller are finite
MARGIN = tl.constexpr(0.02)  # of a threshold, by which the next may be lower
MOST = tl.constexpr(0.5)  # a guess below so much of a threshold would list too many


@triton.jit
def _column(row: tl.tensor, column: tl.constexpr, kind: tl.constexpr, aligned: tl.constexpr) -> tl.tensor:
    """A pointer from an address in a line of `rows`."""
    pointer = tl.load(row + column).to(tl.pointer_type(kind))
    if aligned:
        pointer = tl.multiple_of(pointer, 16)
    return pointer


@triton.jit
def _first_moment(
    g: tl.tensor, m: tl.tensor, w: tl.tensor, rest: tl.tensor, HALF: tl.constexpr, FIRST: tl.constexpr
) -> tl.tensor:
    """`lerp`: m + w(g - m), or g + (w - 1)(g - m) where w ≥ .5."""
    base = g if HALF else m
    factor = rest if HALF else w
    return tl.fma(tl.zeros_like(g) + factor, g - m, base) if FIRST else factor * (g - m) + base


@triton.jit
def _second_moment(g: tl.tensor, v: tl.tensor, beta2: tl.tensor, w2: tl.tensor, SECOND: tl.constexpr) -> tl.tensor:
    """`addcmul`: β2 v + w2 g g; by 0 and 2 from the left, by 1 and 3 the square first; 2 and 3 join it."""
    kept = v * beta2
    if SECOND == 0:
        new = (w2 * g) * g + kept
    elif SECOND == 1:
        new = w2 * (g * g) + kept
    elif SECOND == 2:
        new = tl.fma(w2 * g, g, kept)
    else:
        new = tl.fma(tl.zeros_like(g) + w2, g * g, kept)
    return new


@triton.jit
def _moved(p: tl.tensor, m: tl.tensor, v: tl.tensor, numbers: tl.tensor, MOVED: tl.constexpr) -> tl.tensor:
    """`addcdiv`: p + step · m / (sqrt(v)/root + ε); by 0 the product first, by 1 the quotient, which 2 joins."""
    step = tl.load(numbers + STEP)
    root = tl.div_rn(tl.sqrt_rn(v), tl.zeros_like(v) + tl.load(numbers + ROOT)) + tl.load(numbers + EPS)
    if MOVED == 0:
        new = tl.div_rn(step * m, root) + p
    elif MOVED == 1:
        new = step * tl.div_rn(m, root) + p
    else:
        new = tl.fma(tl.zeros_like(m) + step, tl.div_rn(m, root), p)
    return new


@triton.jit
def _rounded(x: tl.tensor, WEIGHTS: tl.constexpr) -> tl.tensor:
    """The nearest number of the weights' dtype, of two the even one; on bits, as the interpreter cuts bf16 off."""
    if tl.bfloat16 == WEIGHTS:
        bits = x.to(tl.int32, bitcast=True)
        new = ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).to(tl.int16).to(tl.bfloat16, bitcast=True)
    else:
        new = x.to(WEIGHTS)
    return new


@triton.jit
def _score(
    row: tl.tensor,
    numbers: tl.tensor,
    i: tl.tensor,
    inside: tl.tensor,
    SCORE: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GRADIENTS: tl.constexpr,
) -> tl.tensor:
    """The bits of what entries are ranked by the magnitude of."""
    if SCORE == GRADIENT:
        x = tl.load(_column(row, G, GRADIENTS, False) + i, mask=inside, other=0.0).to(tl.float32)
    elif SCORE == RANDOM:
        x = tl.load(_column(row, R, tl.float32, False) + i, mask=inside, other=0.0)
    elif SCORE == WEIGHT:
        x = tl.load(_column(row, P, WEIGHTS, False) + i, mask=inside, other=0.0).to(tl.float32)
    else:
        x = tl.load(_column(row, M, tl.float32, False) + i, mask=inside, other=0.0)
        if SCORE == MV:
            v = tl.load(_column(row, V, tl.float32, False) + i, mask=inside, other=1.0)
            x = tl.div_rn(x, tl.sqrt_rn(v) + tl.load(numbers + EPS))
    return x.to(tl.int32, bitcast=True)


@triton.jit
def look(
    rows: tl.tensor,
    blocks: tl.tensor,
    broken: tl.tensor,
    marks: tl.tensor,
    GRADIENTS: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Mark rows in which a gradient's square is not finite, and that there are any."""
    one, chunk = tl.load(blocks + 2 * tl.program_id(0)), tl.load(blocks + 2 * tl.program_id(0) + 1)
    row = rows + one * WIDTH
    n, g = tl.load(row + ENTRIES).to(tl.int32), _column(row, G, GRADIENTS, False)
    found = 0
    for at in range(chunk * SPAN, tl.minimum(n, (chunk + 1) * SPAN), BLOCK):
        i = at + tl.arange(0, BLOCK)
        x = tl.load(g + i, mask=i < n, other=0.0).to(tl.float32)
        found = tl.maximum(found, tl.max((~(tl.abs(x) < SQUARABLE)).to(tl.int32)))
    if found > 0:
        tl.store(marks + one, 1)
        tl.store(broken, 1)


@triton.jit
def moments(
    rows: tl.tensor,
    blocks: tl.tensor,
    numbers: tl.tensor,
    state: tl.tensor,
    places: tl.tensor,
    bits: tl.tensor,
    broken: tl.tensor,
    w: tl.tensor,
    rest: tl.tensor,
    beta2: tl.tensor,
    w2: tl.tensor,
    WEIGHTS: tl.constexpr,
    GRADIENTS: tl.constexpr,
    SCORE: tl.constexpr,
    FILTERED: tl.constexpr,
    ALIGNED: tl.constexpr,
    HALF: tl.constexpr,
    FIRST: tl.constexpr,
    SECOND: tl.constexpr,
    MOVED: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """New moments; entries of a magnitude above the guess are listed, or, unfiltered, everything moves."""
    if tl.load(broken) == 0:
        one, chunk = tl.load(blocks + 2 * tl.program_id(0)), tl.load(blocks + 2 * tl.program_id(0) + 1)
        row, numbers = rows + one * WIDTH, numbers + one * 4
        n, line = tl.load(row + ENTRIES).to(tl.int32), state + tl.load(row + POPULATION) * WIDTH
        if ALIGNED:  # sixteen bytes are read at once
            n = tl.multiple_of(n, 16)
        g, p = _column(row, G, GRADIENTS, ALIGNED), _column(row, P, WEIGHTS, ALIGNED)
        m, v = _column(row, M, tl.float32, ALIGNED), _column(row, V, tl.float32, ALIGNED)
        offset, least, room = tl.load(row + OFFSET), tl.load(line + LEAST), tl.load(line + ROOM)
        for at in range(chunk * SPAN, tl.minimum(n, (chunk + 1) * SPAN), BLOCK):
            i = at + tl.arange(0, BLOCK)
            inside = i < n
            slope = tl.load(g + i, mask=inside, other=0.0).to(tl.float32)
            first = tl.load(m + i, mask=inside, other=0.0)
            first = _first_moment(slope, first, w, rest, HALF, FIRST)
            tl.store(m + i, first, mask=inside)
            second = _second_moment(slope, tl.load(v + i, mask=inside, other=0.0), beta2, w2, SECOND)
            tl.store(v + i, second, mask=inside)
            if FILTERED:
                if SCORE == MOMENTUM:
                    score = first.to(tl.int32, bitcast=True)
                elif SCORE == MV:
                    score = tl.div_rn(first, tl.sqrt_rn(second) + tl.load(numbers + EPS)).to(tl.int32, bitcast=True)
                else:
                    score = _score(row, numbers, i, inside, SCORE, WEIGHTS, GRADIENTS)
                kept = (inside & ((score & MAGNITUDE) >= least)).to(tl.int32)
                number = tl.sum(kept)
                if number > 0:
                    slots = tl.atomic_add(line + COUNT, number) + tl.cumsum(kept, 0) - 1
                    fits = (kept > 0) & (slots < room)
                    tl.store(places + offset + slots, i, mask=fits)
                    tl.store(bits + offset + slots, score, mask=fits)
            else:
                weights = tl.load(p + i, mask=inside, other=0.0).to(tl.float32) * tl.load(numbers + DECAY)
                weights = _moved(weights, first, second, numbers, MOVED)
                tl.store(p + i, _rounded(weights, WEIGHTS), mask=inside)


@triton.jit
def digits(
    rows: tl.tensor,
    blocks: tl.tensor,
    numbers: tl.tensor,
    state: tl.tensor,
    bits: tl.tensor,
    table: tl.tensor,
    LOW: tl.constexpr,
    BITS: tl.constexpr,
    WEIGHTS: tl.constexpr,
    GRADIENTS: tl.constexpr,
    SCORE: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Count the digits (`BITS` bits from `LOW`) of magnitudes that begin as the threshold does, into `table`."""
    one, chunk = tl.load(blocks + 2 * tl.program_id(0)), tl.load(blocks + 2 * tl.program_id(0) + 1)
    row, numbers = rows + one * WIDTH, numbers + one * 4
    population = tl.load(row + POPULATION)
    line, offset = state + population * WIDTH, tl.load(row + OFFSET)
    count = tl.load(line + COUNT)
    listed = (count >= tl.load(line + RANK)) & (count <= tl.load(line + ROOM))
    items = tl.where(listed, count, tl.load(row + ENTRIES).to(tl.int32))
    if chunk * SPAN < items:
        prefix = tl.load(line + PREFIX)
        places = tl.arange(0, 1 << BITS)
        found = tl.zeros((1 << BITS,), tl.int32)
        for at in range(chunk * SPAN, tl.minimum(items, (chunk + 1) * SPAN), BLOCK):
            i = at + tl.arange(0, BLOCK)
            inside = i < items
            if listed:
                x = tl.load(bits + offset + i, mask=inside, other=0)
            else:
                x = _score(row, numbers, i, inside, SCORE, WEIGHTS, GRADIENTS)
            x = x & MAGNITUDE
            inside = inside & ((x >> (LOW + BITS)) == prefix)
            digit = tl.where(inside, (x >> LOW) & ((1 << BITS) - 1), 0)
            strangers = BLOCK - tl.sum(inside.to(tl.int32))
            found += tl.histogram(digit, 1 << BITS) - tl.where(places == 0, strangers, 0)
        tl.atomic_add(table + (population << BITS) + places, found, mask=found > 0)


@triton.jit
def pick(state: tl.tensor, table: tl.tensor, BITS: tl.constexpr, BEGINS: tl.constexpr, ENDS: tl.constexpr) -> None:
    """Lengthen a population's prefix by the digit that holds its rank, and empty the table; at the end, guess anew."""
    line, places = state + tl.program_id(0) * WIDTH, tl.arange(0, 1 << BITS)
    cells = table + (tl.program_id(0) << BITS) + places
    counts = tl.load(cells)
    tl.store(cells, tl.zeros_like(counts))
    left = tl.load(line + (RANK if BEGINS else LEFT))
    above = tl.sum(counts) - tl.cumsum(counts, 0)  # of larger digits
    digit = tl.max(tl.where(above + counts >= left, places, 0))
    prefix = (tl.load(line + PREFIX) << BITS) | digit
    if ENDS:
        _expect(line, prefix)
    else:
        tl.store(line + LEFT, left - tl.sum(tl.where(places > digit, counts, 0)))
        tl.store(line + PREFIX, prefix)


@triton.jit
def _expect(line: tl.tensor, bits: tl.tensor) -> None:
    """Keep a threshold, and how many are listed (-1: not all of them); guess what the next is hardly below."""
    now = bits.to(tl.float32, bitcast=True)
    before = tl.load(line + THRESHOLD).to(tl.float32, bitcast=True)
    moved = tl.where(before > 0, (now - before) / tl.where(before > 0, before, 1.0), 1.0)
    share = 1 - MARGIN - tl.maximum(moved, -2 * moved)  # lower by as much as it has grown, or twice as much as it fell
    count, room = tl.load(line + COUNT), tl.load(line + ROOM)
    guess = tl.where((share < MOST) | (room == 0), NEVER, (now * share).to(tl.int32, bitcast=True))
    tl.store(line + LISTED, tl.where((count >= tl.load(line + RANK)) & (count <= room), count, -1))
    tl.store(line + THRESHOLD, bits)
    tl.store(line + LEAST, guess)
    tl.store(line + COUNT, 0)
    tl.store(line + PREFIX, 0)


@triton.jit
def move(
    rows: tl.tensor,
    blocks: tl.tensor,
    numbers: tl.tensor,
    state: tl.tensor,
    places: tl.tensor,
    bits: tl.tensor,
    broken: tl.tensor,
    WEIGHTS: tl.constexpr,
    GRADIENTS: tl.constexpr,
    SCORE: tl.constexpr,
    DECAYED: tl.constexpr,
    MOVED: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Move what is selected; with weight decay (`DECAYED`: 1 of all, 2 of the selected) shrink it before."""
    if tl.load(broken) == 0:
        one, chunk = tl.load(blocks + 2 * tl.program_id(0)), tl.load(blocks + 2 * tl.program_id(0) + 1)
        row, numbers = rows + one * WIDTH, numbers + one * 4
        line, offset = state + tl.load(row + POPULATION) * WIDTH, tl.load(row + OFFSET)
        n, count, threshold = tl.load(row + ENTRIES).to(tl.int32), tl.load(line + LISTED), tl.load(line + THRESHOLD)
        p, m, v = (
            _column(row, P, WEIGHTS, False),
            _column(row, M, tl.float32, False),
            _column(row, V, tl.float32, False),
        )
        listed = (count >= 0) & (DECAYED != 1)
        items = tl.where(listed, count, n)
        for at in range(chunk * SPAN, tl.minimum(items, (chunk + 1) * SPAN), BLOCK):
            j = at + tl.arange(0, BLOCK)
            inside = j < items
            if listed:
                i = tl.load(places + offset + j, mask=inside, other=0)
                score = tl.load(bits + offset + j, mask=inside, other=0)
            else:
                i = j
                score = _score(row, numbers, i, inside, SCORE, WEIGHTS, GRADIENTS)
            chosen = inside & ((score & MAGNITUDE) >= threshold)
            first = score.to(tl.float32, bitcast=True) if SCORE == MOMENTUM else tl.load(m + i, mask=chosen, other=0.0)
            second = tl.load(v + i, mask=chosen, other=1.0)
            touched = inside if DECAYED == 1 else chosen
            weights = tl.load(p + i, mask=touched, other=0.0).to(tl.float32)
            if DECAYED > 0:
                weights = weights * tl.load(numbers + DECAY)
            weights = tl.where(chosen, _moved(weights, first, second, numbers, MOVED), weights)
            tl.store(p + i, _rounded(weights, WEIGHTS), mask=touched)


@triton.jit
def keep(
    rows: tl.tensor,
    blocks: tl.tensor,
    numbers: tl.tensor,
    state: tl.tensor,
    GRADIENTS: tl.constexpr,
    SPAN: tl.constexpr,
    BLOCK: tl.constexpr,
) -> None:
    """Set gradients below the threshold to zero."""
    one, chunk = tl.load(blocks + 2 * tl.program_id(0)), tl.load(blocks + 2 * tl.program_id(0) + 1)
    row = rows + one * WIDTH
    n, g = tl.load(row + ENTRIES).to(tl.int32), _column(row, G, GRADIENTS, False)
    threshold = tl.load(state + tl.load(row + POPULATION) * WIDTH + THRESHOLD)
    for at in range(chunk * SPAN, tl.minimum(n, (chunk + 1) * SPAN), BLOCK):
        i = at + tl.arange(0, BLOCK)
        inside = i < n
        score = _score(row, numbers, i, inside, GRADIENT, GRADIENTS, GRADIENTS)
        tl.store(g + i, tl.zeros_like(score).to(GRADIENTS), mask=inside & ((score & MAGNITUDE) < threshold))
