"""LaTeX answers: what is one and the same, and what is not."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clbench.scoring.latex import argument, last_box, normalised, same, value, with_braces

SAME = [
    (r"\frac43", r"\frac{4}{3}"),
    (r"\dfrac{4}{3}", r"\tfrac43"),
    (r"\frac{4}3", "4/3"),
    (r"-\frac{1}{2}", r"\frac{-1}{2}"),
    (r"-\frac{1}{2}", "-.5"),
    ("0.5", ".5"),
    ("0.50", r"\frac{1}{2}"),
    (r"\frac{\sqrt3}2", r"\frac{\sqrt{3}}{2}"),
    (r"\frac\pi2", r"\frac{\pi}{2}"),
    (r"\frac{\frac12}{x}", r"\frac{\dfrac{1}{2}}{x}"),
    (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
    (r"\left\{1, 2\right\}", r"\{1,2\}"),
    (r"(1/2, 3]", r"(\frac12,3]"),
    (r"\$18.00", "18"),
    (r"10,\!000", "10000"),
    (r"10{,}000", "10,000"),
    (r"50\%", "50"),
    ("50%", "50"),
    (r"90^\circ", "90"),
    (r"90^{\circ}", r"90\degree"),
    (r"5\text{ cm}", "5"),
    (r"5 \mbox{ cm}^2", "5"),
    ("5 square feet", "5"),
    ("60 miles per hour", "60"),
    (r"\frac{1}{2} inches", "1/2"),
    (r"\text{Tuesday}", "Tuesday"),
    (r"\text{(A)}", "(A)"),
    ("x = 5", "5"),
    ("x =", "x="),
    ("$x^{2}$", "x^2"),
    (r"\(7\)", "7."),
    (r"\sqrt 2", r"\sqrt{2}"),
    ("\u22123", "-3"),
    (r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}", r"\begin{pmatrix}1\\2\end{pmatrix}"),
]
DIFFERENT = [
    ("1+x", "x+1"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "[1,2]"),
    (r"\{1,2\}", r"\{2,1\}"),
    (r"1\frac{1}{2}", r"\frac{11}{2}"),
    ("0.3333", r"\frac13"),
    ("0.30000000000000000001", "0.3"),
    ("5x", "5"),
    ("5", "-5"),
    ("5%", "0.05"),
    (r"2\pi", "6.28"),
    ("x^1/2", r"\frac{x}{2}"),
    ("5/0", "1/0"),
    ("", ""),
    ("$", r"\text{}"),
    (r"\begin{pmatrix} 1 \\ (2) \end{pmatrix}", r"\begin{pmatrix}1 2\end{pmatrix}"),
]


@pytest.mark.parametrize(("left", "right"), SAME)
def test_same(left: str, right: str) -> None:
    assert same(left, right)
    assert same(right, left)


@pytest.mark.parametrize(("left", "right"), DIFFERENT)
def test_different(left: str, right: str) -> None:
    assert not same(left, right)
    assert not same(right, left)


@pytest.mark.parametrize(
    ("text", "inside"),
    [
        (r"so \boxed{\frac{1}{2}} is it", r"\frac{1}{2}"),
        (r"\boxed{1} and \boxed{2}", "2"),
        (r"\boxed{\boxed{3}}", "3"),
        (r"\fbox{4}", "4"),
        (r"\boxed 5", "5"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{\left\{x \right.}", r"\left\{x \right."),
        (r"\boxed{\begin{matrix}1\\\end{matrix}}", r"\begin{matrix}1\\\end{matrix}"),
        (r"\boxed{1} then \boxed{2", "1"),
        (r"\boxed{}", ""),
        (r"\boxed", None),
        (r"\boxedx{1}", None),
        ("no box", None),
    ],
)
def test_last_box(text: str, inside: str | None) -> None:
    assert last_box(text) == inside


@pytest.mark.parametrize(
    ("text", "parts"),
    [("{a}b", ("a", "b")), ("12", ("1", "2")), (r"\pi2", (r"\pi", "2")), ("{a", (None, "{a")), ("", (None, ""))],
)
def test_argument(text: str, parts: tuple[str | None, str]) -> None:
    assert argument(text) == parts


@given(st.integers(-999, 999), st.integers(1, 999))
def test_a_fraction_has_the_value_of_its_quotient_however_written(top: int, bottom: int) -> None:
    sign = "-" if top < 0 else ""
    forms = [rf"\dfrac{{{top}}}{{{bottom}}}", rf"{sign}\frac{{{abs(top)}}}{{{bottom}}}", f"${top}/{bottom}$"]
    assert {value(normalised(form)) for form in forms} == {Fraction(top, bottom)}


@given(st.integers(0, 10**12), st.integers(0, 10**6 - 1))
def test_decimals_have_their_value(whole: int, millionths: int) -> None:
    expected = whole + Fraction(millionths, 10**6)
    assert (
        value(normalised(f"{whole}.{millionths:06d}")) == value(normalised(f"{whole:,}.{millionths:06d}0")) == expected
    )


@given(st.recursive(st.sampled_from("12xy"), lambda inner: st.tuples(inner, inner), max_leaves=8))
def test_braces_are_put_around_the_arguments_of_nested_fractions(tree) -> None:
    def written(node, *, braces: bool) -> str:
        if isinstance(node, str):
            return node
        # Without braces, only a single character may stand as an argument; a fraction may not.
        parts = [written(part, braces=braces) for part in node]
        return r"\frac" + "".join(f"{{{p}}}" if braces or len(p) > 1 else p for p in parts)

    assert with_braces(written(tree, braces=False)) == written(tree, braces=True)


@given(st.text(r"\{}frac12 boxed$^_/.,()text", max_size=30))
def test_nothing_crashes_and_same_is_same(text: str) -> None:
    assert same(text, text) == (normalised(text) != "")
    assert isinstance(last_box(text), str | None)


def test_ten_thousand_fractions_need_no_recursion() -> None:
    text = r"\frac" * 10_000
    assert with_braces(text + "12").startswith(r"\frac")
    assert last_box(r"\boxed{" + "{" * 10_000 + "}" * 10_000 + "}") == "{" * 10_000 + "}" * 10_000
