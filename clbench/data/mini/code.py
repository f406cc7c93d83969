"""`py150`: the next line of a small Python file, tokenised as CodeXGLUE does it.

What must be learned: return what was just assigned, append to the list that was made, close what was opened, use the
module that was imported, go on with the attributes of `__init__`, name the exception that the guarded line can raise.
Indentation is lost, literals are masked except for common ones, exactly as in the original; the `<s>` is literal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from clbench.data.mini.draw import between, capital, chance, distinct, pick
from clbench.data.mini.templates import CODE
from clbench.data.words.code import ATTRIBUTES, CLASSES, MODULES, NOUNS, PAIRS, REDUCERS, VERBS
from clbench.data.words.notation import table

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

# Module, function, argument: called in the function that wraps it.
CALLS = table("""
    json | loads | text; json | dumps | data; math | sqrt | x; math | floor | x; os | listdir | path;
    os | remove | path; copy | deepcopy | obj; random | choice | items; random | shuffle | items;
    re | compile | pattern; re | escape | text; time | sleep | seconds; base64 | b64encode | data;
    pickle | loads | data; zlib | compress | data; glob | glob | pattern; shutil | rmtree | path;
    socket | gethostbyname | host; textwrap | dedent | text; string | capwords | text
""")
# What may fail, and how.
RISKS = table("""
    {0} = int ( text )          | ValueError
    {0} = float ( text )        | ValueError
    {0} = table [ {1} ]         | KeyError
    {0} = open ( path )         | IOError
    {0} = rows [ <NUM_LIT:0> ]  | IndexError
    import {0}                  | ImportError
    {0} = self . {1}            | AttributeError
    {0} = total / {1}           | ZeroDivisionError
    {0} = next ( stream )       | StopIteration
""")
CONSTANTS = ("<NUM_LIT:0>", "<NUM_LIT:1>", "'<STR_LIT>'", "None")
Snippet = tuple[list[str], str]


def make(rng: random.Random) -> tuple[str, str]:
    """A prompt and the line that follows it."""
    lines, answer = pick(rng, PATTERNS)(rng)
    return CODE.format(text=" <EOL> ".join(_preamble(rng) + lines)), answer


def _preamble(rng: random.Random) -> list[str]:
    """What stands above the snippet and says nothing about it."""
    lines = ['"""<STR_LIT>"""'] if chance(rng, 0.15) else []
    if chance(rng, 0.5):
        lines += [f"import {pick(rng, MODULES)}"]
    if chance(rng, 0.3):
        lines += [f"{pick(rng, ATTRIBUTES).upper()} = {pick(rng, CONSTANTS)}"]
    return lines


def _one_many(rng: random.Random) -> tuple[str, str]:
    one, many = pick(rng, NOUNS)
    return one, many


def _return_result(rng: random.Random) -> Snippet:
    _, many = _one_many(rng)
    result = f"{pick(rng, ('total', 'best', 'result', 'new', 'last'))}_{pick(rng, ATTRIBUTES)}"
    start = f"def {pick(rng, VERBS)}_{many} ( {many} ) :"
    return [start, f"{result} = {pick(rng, REDUCERS)} ( {many} )"], f"return {result}"


def _append(rng: random.Random) -> Snippet:
    (one, many), attribute = _one_many(rng), pick(rng, ATTRIBUTES)
    made = f"{pick(rng, ('all', 'new', 'old', 'my'))}_{attribute}"
    return [f"{made} = [ ]", f"for {one} in {many} :"], f"{made} . append ( {one} . {attribute} )"


def _index_by(rng: random.Random) -> Snippet:
    (one, many), attribute = _one_many(rng), pick(rng, ATTRIBUTES)
    return [f"by_{attribute} = {{ }}", f"for {one} in {many} :"], f"by_{attribute} [ {one} . {attribute} ] = {one}"


def _accumulate(rng: random.Random) -> Snippet:
    (one, many), total = _one_many(rng), pick(rng, ("total", "count", "score", "cost"))
    start, sign = pick(rng, (("<NUM_LIT:0>", "+="), ("<NUM_LIT:1>", "*=")))
    lines = [f"def {pick(rng, VERBS)} ( {many} ) :", f"{total} = {start}", f"for {one} in {many} :"]
    return lines, f"{total} {sign} {one}"


def _use_module(rng: random.Random) -> Snippet:
    module, function, argument = pick(rng, CALLS)
    name = f"{pick(rng, ('safe', 'my', 'do', 'try', 'quick'))}_{function}"
    return [f"import {module}", f"def {name} ( {argument} ) :"], f"return {module} . {function} ( {argument} )"


def _init(rng: random.Random) -> Snippet:
    count = between(rng, 2, 3)
    names = distinct(rng, ATTRIBUTES, count)
    head = [f"class {_class(rng)} ( object ) :", f"def __init__ ( self , {' , '.join(names)} ) :"]
    return head + [f"self . {name} = {name}" for name in names[:-1]], f"self . {names[-1]} = {names[-1]}"


def _super_init(rng: random.Random) -> Snippet:
    base, name = pick(rng, CLASSES), pick(rng, ATTRIBUTES)
    lines = [f"class {_class(rng)} ( {base} ) :", f"def __init__ ( self , {name} ) :"]
    return lines, f"{base} . __init__ ( self , {name} )"


def _property(rng: random.Random) -> Snippet:
    name = pick(rng, ATTRIBUTES)
    head = [f"class {_class(rng)} ( object ) :"]
    if chance(rng, 0.5):
        return [*head, "@ property", f"def {name} ( self ) :"], f"return self . _{name}"
    return [*head, f"@ {name} . setter", f"def {name} ( self , value ) :"], f"self . _{name} = value"


def _close(rng: random.Random) -> Snippet:
    (one, _), (opening, closing) = _one_many(rng), pick(rng, PAIRS)
    return [f"{one} . {opening} ( )", f"{pick(rng, VERBS)}_{pick(rng, ATTRIBUTES)} ( {one} )"], f"{one} . {closing} ( )"


def _except(rng: random.Random) -> Snippet:
    statement, error = pick(rng, RISKS)
    value, key = (pair[0] for pair in distinct(rng, NOUNS, 2))
    return [f"def {pick(rng, VERBS)}_{value} ( self ) :", "try :", statement.format(value, key)], f"except {error} :"


def _main(rng: random.Random) -> Snippet:
    name = f"{pick(rng, ('main', 'run', 'start', 'test'))}_{pick(rng, VERBS)}"
    body = f"{pick(rng, VERBS)}_{pick(rng, NOUNS)[1]} ( )"
    return [f"def {name} ( ) :", body, "if __name__ == '<STR_LIT:__main__>' :"], f"{name} ( )"


def _default(rng: random.Random) -> Snippet:
    _, many = _one_many(rng)
    start = f"def {pick(rng, VERBS)}_{pick(rng, ATTRIBUTES)} ( {many} = None ) :"
    empty = pick(rng, ("[ ]", "{ }", "set ( )"))
    return [start, f"other = {empty}", f"if {many} is None :"], f"{many} = {empty}"


def _either(rng: random.Random) -> Snippet:
    flag, (one, two) = pick(rng, ATTRIBUTES), distinct(rng, VERBS, 2)
    argument, _ = _one_many(rng)
    head = f"def {one}_or_{two} ( {argument} ) :"
    return [head, f"if {argument} . {flag} :", f"return {one} ( {argument} )", "else :"], f"return {two} ( {argument} )"


def _equal(rng: random.Random) -> Snippet:
    name = pick(rng, ATTRIBUTES)
    operator, sign = pick(rng, (("eq", "=="), ("ne", "!="), ("lt", "<"), ("gt", ">")))
    lines = [f"def __init__ ( self , {name} ) :", f"self . {name} = {name}", f"def __{operator}__ ( self , other ) :"]
    return lines, f"return self . {name} {sign} other . {name}"


def _class(rng: random.Random) -> str:
    return capital(pick(rng, NOUNS)[0]) + pick(rng, CLASSES)


PATTERNS: tuple[Callable[[random.Random], Snippet], ...] = (
    _return_result, _append, _index_by, _accumulate, _use_module, _init, _super_init, _property,
    _close, _except, _main, _default, _either, _equal,
)  # fmt: skip
