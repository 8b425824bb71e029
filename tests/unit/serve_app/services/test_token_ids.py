"""How a token's id is written."""

import pytest

from gitex.errors import InvalidInput
from serve_app.services.tokens import parse_token_id


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), ("007", 7), ("0x1f", 31), ("0X1F", 31), ("0x" + "f" * 64, 2**256 - 1), (str(2**256 - 1), 2**256 - 1)],
)
def test_an_id_is_decimal_or_hexadecimal(text: str, number: int) -> None:
    assert parse_token_id(text) == number


@pytest.mark.parametrize(
    "text",
    ["", "-1", "+1", "1.5", "1e3", "0x", "0xg", "ff", "1_000", " 1", "١٢", str(2**256), "0x1" + "0" * 64, "9" * 5000],
)
def test_anything_else_is_no_id(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse_token_id(text)
    assert refused.value.param == "token_id"
