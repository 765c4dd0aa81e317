"""What the log says, what it never says, and that the product keeps to the lists."""

from __future__ import annotations

import ast
import io
import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from bridge import logs
from bridge.errors import BadSetting, Invariant

ROOT = Path(__file__).parents[2]
METHODS = {"debug", "info", "warning", "error", "exception", "critical", "log"}


@pytest.fixture(autouse=True)
def _untouched_logging() -> Iterator[None]:
    root = logging.getLogger()
    before, level = list(root.handlers), root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    logging.getLogger("nio.responses").setLevel(logging.NOTSET)
    structlog.reset_defaults()


class Page(io.StringIO):
    """A stream to log to."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        super().__init__()
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal

    @property
    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


def _written(level: str = "debug", **options: Any) -> Page:
    page = Page()
    logs.configure(level, stream=page, **options)
    return page


def test_a_line_is_one_json_object_with_time_level_and_what_was_bound() -> None:
    page = _written()
    logs.logger().bind(community="c1", event_id="e1").info("event.judged", norm="grace", attempt=2)
    (line,) = page.lines
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", line.pop("timestamp"))
    assert line == {"event": "event.judged", "level": "info", "community": "c1", "event_id": "e1", "norm": "grace", "attempt": 2}


def test_a_module_says_which_part_speaks() -> None:
    speaker = logs.logger("matrix.appservice")
    page = _written(strict=True)
    speaker.info("intake.accepted", count=3)
    assert (page.lines[0]["part"], page.lines[0]["count"]) == ("matrix.appservice", 3)


def test_a_terminal_gets_text_and_the_form_can_be_chosen() -> None:
    for is_terminal, form, is_json in ((True, "auto", False), (False, "auto", True), (True, "json", True), (False, "text", False)):
        page = Page(is_terminal=is_terminal)
        logs.configure(form=form, stream=page)  # type: ignore[arg-type]
        logs.logger().info("node.started")
        assert page.getvalue().startswith("{") is is_json
        assert "node.started" in page.getvalue()


def test_lines_below_the_level_are_not_written() -> None:
    page = _written("warning")
    logs.logger().info("event.read")
    logs.logger().warning("loop.lagged")
    assert [line["event"] for line in page.lines] == ["loop.lagged"]


def test_a_level_that_is_none_is_a_setting_to_mend() -> None:
    with pytest.raises(BadSetting) as caught:
        logs.configure("loud")
    assert caught.value.key == "$.log.level"


@pytest.mark.parametrize("key", sorted(logs.FORBIDDEN))
def test_words_people_and_secrets_are_never_written(key: str) -> None:
    page = _written()
    logs.logger().info("event.read", outcome="read", **{key: "Ana says hello"})
    assert "Ana" not in page.getvalue()
    assert page.lines[0]["withheld"] == [key]
    assert page.lines[0]["outcome"] == "read"


@pytest.mark.parametrize(
    "fields",
    [
        *({key: "x"} for key in sorted(logs.FORBIDDEN)),
        {"content": "Hello there"},
        {"reason": {"body": "x"}},
        {"reason": b"raw"},
        {"reason": ["a", {"b": 1}]},
        {"colour": "green"},
    ],
)
def test_in_tests_a_wrong_field_is_our_bug(fields: dict[str, object]) -> None:
    page = _written(strict=True)
    with pytest.raises(Invariant, match=re.escape(next(iter(fields)))):
        logs.logger().info("event.read", **fields)
    assert page.getvalue() == ""


def test_in_tests_an_unknown_name_is_our_bug_and_in_production_it_is_written() -> None:
    _written(strict=True)
    with pytest.raises(Invariant, match=r"event\.invented"):
        logs.logger().info("event.invented")
    page = _written()
    logs.logger().info("event.invented")
    assert page.lines[0]["event"] == "event.invented"


def test_a_value_that_might_hold_words_is_withheld_and_the_type_of_content_is_not() -> None:
    page = _written()
    logs.logger().info("event.read", content="message", reason=object(), origins=["https://a.example", None, 3])
    logs.logger().info("event.read", content="Hello there")
    first, second = page.lines
    assert (first["content"], first["withheld"], first["origins"]) == ("message", ["reason"], ["https://a.example", None, 3])
    assert second["withheld"] == ["content"]


SECRETS = (
    "https://hs/_matrix/x?access_token=s3cr3t&y=1",
    "?hs_token=s3cr3t",
    '{"access_token": "s3cr3t"}',
    "{'as_token': 's3cr3t'}",
    "password=s3cr3t",
    "Authorization: Bearer s3cr3t",
    "'Authorization': 'Basic s3cr3t'",
    'authorization=Signature keyId="https://a/b",signature="s3cr3t"',
    "sent bearer s3cr3t, then",
    'Signature: keyId="k",headers="date",signature="s3cr3t=="',
    'keyId="k",algorithm="hs2019",signature="s3cr3t=="',
    "Signature: sig1=:s3cr3t==:",
    'Signature-Input: sig1=("@method");keyid="s3cr3t"',
    "left syt_bW9vdA_s3cr3tAbCdEf_12 here",
    "-----BEGIN RSA PRIVATE KEY-----\ns3cr3t\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\ns3cr3t cut off",
)


@pytest.mark.parametrize("text", SECRETS)
def test_secrets_are_scrubbed_wherever_they_stand(text: str) -> None:
    page = _written()
    logs.logger().warning("request.failed", reason=f"before {text}", origins=[text])
    try:
        raise ValueError(text)
    except ValueError:
        logs.logger().exception("loop.failed")
    logging.getLogger("some.library").warning(text)
    written = page.getvalue()
    assert len(page.lines) == 3
    assert "s3cr3t" not in written
    assert "ValueError" in written
    assert page.lines[0]["reason"].startswith("before ")


def test_ordinary_sentences_are_left_alone() -> None:
    for text in ("the signature is too old", "no bearer of news", "https://a.example/x?page=2", "token bucket full"):
        assert logs.scrub(text).split()[0] == text.split()[0]
    assert logs.scrub("the signature is too old; the token is missing") == "the signature is too old; the token is missing"


def test_a_very_long_value_is_cut() -> None:
    page = _written()
    logs.logger().info("request.failed", reason="x" * 10_000)
    assert len(page.lines[0]["reason"]) <= 501


def test_a_trace_shows_no_local_variables() -> None:
    for page in (Page(is_terminal=True), Page()):
        logs.configure(stream=page)
        words_of_ana = "Hello there"
        try:
            raise RuntimeError("broke")
        except RuntimeError:
            logs.logger().exception("loop.failed")
        assert words_of_ana
        assert "broke" in page.getvalue()
        assert "Hello there" not in page.getvalue()


def test_libraries_speak_from_warning_on_without_their_arguments() -> None:
    page = _written()
    library = logging.getLogger("aiohttp.client")
    library.info("quiet")
    library.warning("slow answer from %s", "203.0.113.7")
    library.error("failed")
    logging.getLogger("nio.responses").warning("Error validating response: 'Hello there' is not of type 'object'")
    first, second = page.lines
    assert (first["event"], first["library"], first["detail"], first["level"]) == (
        "library.reported",
        "aiohttp.client",
        "slow answer from %s",
        "warning",
    )
    assert second["level"] == "error"
    assert "203.0.113.7" not in page.getvalue()


def test_bytes_that_are_not_http_are_a_peers_mistake_and_are_not_quoted() -> None:
    from aiohttp.http_exceptions import BadStatusLine

    page = _written()
    try:
        raise BadStatusLine("Hello there")
    except BadStatusLine:
        logging.getLogger("aiohttp.server").exception("Error handling request from %s", "203.0.113.7")
    (line,) = page.lines
    assert (line["level"], line["reason"]) == ("info", "BadStatusLine")
    assert "Hello" not in page.getvalue()


def test_configuring_again_does_not_double_the_lines() -> None:
    _written()
    page = _written()
    logging.getLogger("some.library").warning("once")
    assert len(page.lines) == 1


def test_names_are_a_noun_and_what_happened_to_it() -> None:
    for name in logs.EVENTS:
        noun, _, verb = name.partition(".")
        assert re.fullmatch(r"[a-z_]+", noun)
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", verb)
        first = verb.split("_")[0]
        assert first.endswith("ed") or first in {
            "read",
            "died",
            "left",
            "lost",
            "made",
            "held",
            "sent",
            "given",
            "withdrawn",
            "written",
            "woken",
        }


def test_no_field_is_both_listed_and_forbidden() -> None:
    assert not logs.FIELDS & logs.FORBIDDEN


def _is_logger(node: ast.expr) -> bool:
    """Whether an expression is a logger by our naming: `log`, `self._log`, `logger()`, and what `bind` makes of them."""
    if isinstance(node, ast.Name):
        return node.id.lstrip("_").lower() in {"log", "logger"}
    if isinstance(node, ast.Attribute):
        return node.attr.lstrip("_").lower() in {"log", "logger"}
    if isinstance(node, ast.Call):
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr in {"bind", "new"}:
            return _is_logger(function.value)
        return _is_logger(function) or (isinstance(function, ast.Attribute) and function.attr == "get_logger")
    return False


def _calls(path: Path) -> Iterator[tuple[ast.Call, str]]:
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr in METHODS | {"bind"} and _is_logger(node.func.value):
                yield node, node.func.attr
            elif node.func.attr in {"bind_contextvars", "bound_contextvars"}:
                yield node, "bind"


def _objections(source_path: Path) -> Iterator[str]:
    for call, method in _calls(source_path):
        where = f"{source_path.name}:{call.lineno}"
        for keyword in call.keywords:
            if keyword.arg is not None and keyword.arg not in logs.FIELDS:
                yield f"{where}: field {keyword.arg!r} is not listed in bridge/logs.py"
        if method == "bind":
            continue
        names = call.args[1:2] if method == "log" else call.args[:1]
        if not names or not isinstance(names[0], ast.Constant):
            yield f"{where}: the event name is not a plain string"
        elif names[0].value not in logs.EVENTS:
            yield f"{where}: event {names[0].value!r} is not listed in bridge/logs.py"


def test_the_product_logs_only_listed_names_and_fields() -> None:
    sources = [path for room in ("bridge", "protocols", "storage") for path in sorted((ROOT / room).rglob("*.py"))]
    assert len(sources) > 10
    assert [objection for path in sources for objection in _objections(path)] == []


def test_the_reader_of_the_product_sees_every_way_to_log(tmp_path: Path) -> None:
    source = tmp_path / "room.py"
    source.write_text(
        "log.info('event.invented', event_id=1)\n"
        "self._log.warning('event.read', colour='green')\n"
        "logger().bind(body='x').error(name)\n"
        "structlog.get_logger().log(20, 'node.exploded')\n"
        "structlog.contextvars.bind_contextvars(actor='x')\n"
        "math.log(3)\n"
        "log.info('event.read', outcome='read')\n"
    )
    assert len(list(_objections(source))) == 6
