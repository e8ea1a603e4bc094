"""Who may look and who may steer: foreign pages, other machines, tokens, PINs, forms, floods."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest
from page_stage import page_stage, receive, true

from choreo_service.clock import NS, VirtualClock
from choreo_service.config import DashboardSettings
from choreo_service.dashboard.access import Access, Denied, Request
from choreo_service.dashboard.network import lan_address

JSON = {"Content-Type": "application/json"}
TOKEN = "a-token-of-sixteen-or-more"
DATA_PATHS = ("/ws", "/api/state", "/api/incoming", "/metrics", "/healthz")

FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://127.0.0.1:1"},  # another server of this machine
    {"Origin": "http://localhost"},
    {"Host": "evil.example"},
    {"Host": "evil.example:8787"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": ""},
    {"Host": "192.0.2.7:8787"},  # an address, but not the one it came in on
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]


@pytest.mark.asyncio
@pytest.mark.parametrize("headers", FOREIGN, ids=str)
async def test_foreign_pages_and_names_are_refused_everywhere(headers: dict[str, str]) -> None:
    async with page_stage() as (stage, browser):
        for path in ("/", *DATA_PATHS):
            async with browser.get(f"{stage.url}{path}", headers=headers) as answer:
                assert answer.status == 403, path
        async with browser.post(f"{stage.url}/api/command", json={"verb": "resend"}, headers=headers) as answer:
            assert answer.status == 403
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.ws_connect(f"{stage.url}/ws", headers=headers)
        assert refused.value.status == 403


@pytest.mark.asyncio
@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
async def test_its_own_page_is_welcome(name: str) -> None:
    async with page_stage() as (stage, browser):
        host = f"{name}:{stage.page.port}"
        headers = {"Host": host, "Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}
        async with browser.ws_connect(f"{stage.url}/ws", headers=headers) as socket:
            assert (await receive(socket, "hello"))["may_steer"] is True
        async with browser.post(f"{stage.url}/api/command", json={"verb": "resend"}, headers=headers) as answer:
            assert (answer.status, await answer.json()) == (200, {"ok": True, "reason": ""})


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b'{"verb":"resend"}', JSON, 200),
        (b'{"verb":"no such"}', JSON, 409),
        (b'{"verb":"hold","args":{"control":"volume"}}', JSON, 409),
        (b'{"verb":"hold","args":7}', JSON, 409),
        (b"verb=resend", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b'{"verb":"resend"}', {"Content-Type": "text/plain"}, 415),
        (b"{", JSON, 400),
        (b"[1]", JSON, 400),
        (b"\xff\xfe", JSON, 400),
        (b"[" * 10_000, JSON, 400),
        (b" " * 20_000, JSON, 413),
    ],
    ids=lambda v: str(v)[:30],
)
async def test_commands_by_http(body: bytes, headers: dict[str, str], status: int) -> None:
    async with page_stage() as (stage, browser):
        async with browser.post(f"{stage.url}/api/command", data=body, headers=headers) as answer:
            assert answer.status == status, await answer.text()
        async with browser.get(f"{stage.url}/api/state") as answer:
            assert answer.status == 200  # and goes on


@pytest.mark.asyncio
async def test_every_answer_forbids_frames_scripts_of_others_and_guessing() -> None:
    async with page_stage() as (stage, browser):
        for path in ("/", "/api/state", "/nothing-here"):
            async with browser.get(f"{stage.url}{path}") as answer:
                assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
                assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
                assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "path", ["/static/../dashboard.py", "/static/%2e%2e/server.py", "/../../etc/passwd", "/static/"]
)
async def test_nothing_but_the_pages_files_can_be_asked_for(path: str) -> None:
    async with page_stage() as (stage, browser), browser.get(f"{stage.url}{path}") as answer:
        assert answer.status in (401, 404)


def _elsewhere(cookie: str = "", **headers: str) -> Request:
    """A request from another machine of the network."""
    return Request("192.0.2.10:8787", peer_ip="192.0.2.77", local_ip="192.0.2.10", headers=headers, cookie=cookie)


def _status(check: Any) -> int:
    with pytest.raises(Denied) as denied:
        check()
    return denied.value.status


def test_another_machine_needs_the_token_to_look_and_the_pin_to_steer() -> None:
    access = Access(VirtualClock(), token=TOKEN, pin="4711")
    access.check_page(_elsewhere())
    assert _status(lambda: access.rights(_elsewhere())) == 401
    assert _status(lambda: access.rights(_elsewhere("guessed"))) == 401
    assert _status(lambda: access.rights(_elsewhere(Authorization="Bearer wrong"))) == 401
    assert access.rights(_elsewhere(Authorization=f"Bearer {TOKEN}")).may_steer is False
    assert _status(lambda: access.enter("wrong", "")) == 401
    assert _status(lambda: access.enter(TOKEN, "0000")) == 401
    looking, _ = access.enter(TOKEN, "")
    steering, _ = access.enter(TOKEN, "4711")
    assert access.rights(_elsewhere(looking)).may_steer is False
    assert access.rights(_elsewhere(steering)).may_steer is True


def test_without_a_pin_nobody_elsewhere_can_steer() -> None:
    access = Access(VirtualClock(), token=TOKEN, pin="")
    assert _status(lambda: access.enter(TOKEN, "0000")) == 401
    assert access.enter(TOKEN, "")[1].may_steer is False


def test_without_a_token_there_is_no_way_in_from_elsewhere() -> None:
    access = Access(VirtualClock(), token="", pin="4711")
    assert _status(lambda: access.enter("", "4711")) == 401
    assert _status(lambda: access.rights(_elsewhere(Authorization="Bearer "))) == 401


def test_guessing_is_slowed_down_for_everybody_elsewhere() -> None:
    clock = VirtualClock()
    access = Access(clock, token=TOKEN, pin="4711")
    for guess in range(5):
        assert _status(lambda pin=str(1000 + guess): access.enter(TOKEN, pin)) == 401
    assert _status(lambda: access.enter(TOKEN, "4711")) == 429
    clock.advance(31 * NS)
    assert access.enter(TOKEN, "4711")[1].may_steer is True


def test_a_foreign_name_that_reaches_this_machine_from_itself_is_not_this_machine() -> None:
    """A reverse proxy or a rebound name makes every visitor look local; the Host gives it away."""
    access = Access(VirtualClock(), token=TOKEN, pin="")
    proxied = Request("192.0.2.10:8787", peer_ip="127.0.0.1", local_ip="192.0.2.10", headers={})
    assert _status(lambda: access.rights(proxied)) == 401


@pytest.mark.asyncio
async def test_a_cookie_of_the_token_opens_the_lan_page() -> None:
    async with page_stage(lan=True, token=TOKEN, pin="4711") as (stage, browser):
        assert stage.page.host == "0.0.0.0"
        async with browser.post(f"{stage.url}/api/session", json={"token": "x" * 20}) as answer:
            assert answer.status == 401
        async with browser.post(f"{stage.url}/api/session", json={"token": TOKEN}) as answer:
            assert (answer.status, await answer.json()) == (200, {"may_steer": False})
            cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=Strict" in cookie


@pytest.mark.parametrize(
    "wrong",
    [{"host": "0.0.0.0"}, {"host": "192.0.2.1"}, {"pin": "12"}, {"pin": "abcd"}, {"token": "short", "lan": True}],
    ids=str,
)
def test_an_unsafe_configuration_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        DashboardSettings(**wrong)


@pytest.mark.asyncio
async def test_an_oversize_message_ends_only_its_sender() -> None:
    async with (
        page_stage() as (stage, browser),
        browser.ws_connect(f"{stage.url}/ws") as big,
        browser.ws_connect(f"{stage.url}/ws") as other,
    ):
        await receive(big, "hello")
        await receive(other, "hello")
        await big.send_str("x" * 20_000)
        while (message := await big.receive(timeout=20)).type is not aiohttp.WSMsgType.CLOSE:
            pass
        assert message.data == 1009  # RFC 6455: message too big
        await true(lambda: len(stage.page.hub.clients) == 1)
        await other.send_json({"type": "cmd", "id": 1, "verb": "resend"})
        assert (await receive(other, "ack"))["ok"] is True


@pytest.mark.asyncio
async def test_a_flood_waits_while_the_others_are_served() -> None:
    async with (
        page_stage() as (stage, browser),
        browser.ws_connect(f"{stage.url}/ws") as flood,
        browser.ws_connect(f"{stage.url}/ws") as other,
    ):
        done: list[str] = []
        stage.service.desk.hooks.append(lambda answered: done.append(answered.door))
        for number in range(400):
            await flood.send_json({"type": "cmd", "id": number, "verb": "resend"})
        await other.send_json({"type": "cmd", "id": "mine", "verb": "resend"})
        assert (await receive(other, "ack"))["id"] == "mine"
        assert len(done) < 200  # sixty at once, then twenty a second


@pytest.mark.asyncio
async def test_too_many_http_commands_are_refused_visibly() -> None:
    async with page_stage() as (stage, browser):
        statuses = []
        for _ in range(90):
            async with browser.post(f"{stage.url}/api/command", json={"verb": "resend"}) as answer:
                statuses.append(answer.status)
        assert statuses[:50] == [200] * 50
        assert 429 in statuses


@pytest.mark.asyncio
async def test_more_pages_than_allowed_are_refused() -> None:
    async with page_stage(max_pages=1) as (stage, browser), browser.ws_connect(f"{stage.url}/ws"):
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await browser.ws_connect(f"{stage.url}/ws")
        assert refused.value.status == 503


@pytest.mark.asyncio
async def test_a_tablet_on_the_network_looks_with_the_token_and_steers_with_the_pin() -> None:
    """This machine by its own network address is another machine to the page."""
    address = await asyncio.to_thread(lan_address)
    if address is None:
        pytest.skip("this machine has no network address")
    async with (
        page_stage(lan=True, token=TOKEN, pin="4711") as (stage, _),
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as tablet,
    ):
        url = f"http://{address}:{stage.page.port}"
        assert f"{url}/#token={TOKEN}" in stage.page.addresses()
        for path in DATA_PATHS:
            async with tablet.get(f"{url}{path}") as answer:
                assert answer.status == 401, path
        async with tablet.post(f"{url}/api/command", json={"verb": "resend"}) as answer:
            assert answer.status == 401
        async with tablet.get(url) as answer:
            assert answer.status == 200  # the page itself is no secret
        for words, may_steer in (({"token": TOKEN}, False), ({"token": TOKEN, "pin": "4711"}, True)):
            async with tablet.post(f"{url}/api/session", json=words) as answer:
                assert answer.status == 200
            async with tablet.ws_connect(f"{url}/ws") as socket:
                assert (await receive(socket, "hello"))["may_steer"] is may_steer
                await socket.send_json({"type": "cmd", "id": 1, "verb": "resend"})
                ack = await receive(socket, "ack")
                assert ack["ok"] is may_steer
                assert may_steer or "PIN" in ack["reason"]
            async with tablet.get(f"{url}/api/invitation") as answer:
                assert answer.status == (200 if may_steer else 403)  # it holds the token
            async with tablet.post(f"{url}/api/command", json={"verb": "resend"}) as answer:
                assert answer.status == (200 if may_steer else 403)


@pytest.mark.asyncio
async def test_a_tablet_is_invited_where_the_network_is_let_in() -> None:
    async with page_stage(lan=True, token=TOKEN) as (stage, browser):
        stage.page.lan_ip = "192.0.2.10"
        async with browser.get(f"{stage.url}/api/invitation") as answer:
            told = await answer.json()
        assert told["address"] == f"http://192.0.2.10:{stage.page.port}/#token={TOKEN}"
        assert len(told["modules"]) == len(told["modules"][0]) >= 21
    async with page_stage() as (stage, browser), browser.get(f"{stage.url}/api/invitation") as answer:
        assert await answer.json() == {"address": "", "modules": []}
