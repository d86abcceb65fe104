"""nginx before the service and before a JupyterHub, set as the documentation says, and less well."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import four
import httpx2
import pandas as pd
import pytest
from browsing import Visit, chromium, visiting
from fronting import MISSING, changed, documented, for_hub, fronting
from hub import LONG_S, Hub, missing, running_hub
from playwright.sync_api import Browser, expect
from running import free_port, running, sign_up
from waiting import until

import kit
from kit.client import Client
from kit.client.errors import instead
from kit.errors import KitError, ServiceError

pytestmark = [pytest.mark.browser, pytest.mark.timeout(900)]
pytestmark += [pytest.mark.skipif(MISSING is not None, reason=MISSING or "")]
on_hub = pytest.mark.skipif(missing() is not None, reason=missing() or "")

EVERYONE = '[access]\nleaderboard = "everyone"'
INSECURE = {"ignore_https_errors": True}
"""Chromium asks no file for authorities; the client does."""
BOARD = "/competitions/four/questions/counts/leaderboard"
WORSE = """
server {{ listen 127.0.0.1:{small} ssl; ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
    location / {{ proxy_pass {service}; }} }}
server {{ listen 127.0.0.1:{hasty} ssl; ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
    location / {{ proxy_pass {service}; proxy_read_timeout 1s; }} }}
server {{ listen 127.0.0.1:{alone} ssl; ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
    location / {{ proxy_pass http://127.0.0.1:{nobody}; }} }}
server {{ listen 127.0.0.1:{plain}; return 301 https://$host:{port}$request_uri; }}
server {{ listen 127.0.0.1:{bare} ssl http2; ssl_certificate CERTIFICATE; ssl_certificate_key KEY;
    location /kit/ {{ proxy_pass {service}/; }} }}
"""
"""nginx as it is by itself: 1 MB at most; too hasty; before nobody; unencrypted; taking the prefix away."""


@dataclass(frozen=True)
class Front:
    """Ports of nginx, and somebody who takes part."""

    ports: dict[str, int]
    authority: Path
    token: str
    errors: Iterator[int] = field(default_factory=lambda: iter(range(100, 0, -1)))
    """Of predictions: a team's best score is shown, so each is better than the ones before."""

    def url(self, name: str, scheme: str = "https") -> str:
        return f"{scheme}://127.0.0.1:{self.ports[name]}/kit"


@pytest.fixture(scope="module")
def front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A service under a prefix, without a Hub."""
    folder = tmp_path_factory.mktemp("front")
    four.write(folder / "four", top=EVERYONE, phase="", closes_at="2099-01-01T00:00:00Z")
    with running([folder / "four"], folder / "data", options=["--prefix", "/kit/"]) as service:
        names = ("port", "small", "hasty", "alone", "plain", "bare", "nobody")
        ports = {name: free_port() for name in names}
        block = changed(
            documented("organize.md"),
            {
                "listen 443": f"listen 127.0.0.1:{ports['port']}",
                "/etc/ssl/competition.pem": "CERTIFICATE",
                "/etc/ssl/competition.key": "KEY",
                "location / {": "location /kit/ {",
                "= /metrics": "= /kit/metrics",
                "http://127.0.0.1:8000": service.url,
            },
        )
        worse = WORSE.format(service=service.url, **ports)
        with fronting(folder, block + worse, ports["port"]) as authority:
            header = sign_up(f"{service.url}/kit", "ada")
            yield Front(ports, authority, header["Authorization"].removeprefix("Bearer "))


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.fixture(autouse=True)
def trusted(front: Front, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The person's machine knows the authority, and nothing else of anyone."""
    for name, value in {"SSL_CERT_FILE": front.authority, "KIT_CACHE": tmp_path, "HOME": tmp_path}.items():
        monkeypatch.setenv(name, str(value))


def submit(front: Front, where: str) -> float:
    """Send predictions through nginx, and wait; the score."""
    comp, error = kit.connect(f"{front.url(where)}/four", token=front.token), next(front.errors)
    frame = pd.DataFrame({"id": [1, 2, 3, 4], "count": [count + error for count in (10, 20, 30, 40)]})
    sent = comp.submit(frame).wait()
    assert str(sent.state) == "SCORED" and sent.score == error
    return error


def follow(visit: Visit) -> None:
    expect(visit.page.locator("#status")).to_have_text("Live.")
    visit.page.evaluate("window.mark = 1")


@pytest.mark.parametrize("where", ["port", "bare"], ids=["prefix kept", "prefix taken away"])
def test_under_a_prefix_pages_links_and_live_updates_are_below_it(
    front: Front, browser: Browser, where: str
) -> None:
    asked: list[str] = []
    with visiting(browser, "about:blank", f"nginx-{where}", **INSECURE) as visit:
        visit.page.on("request", lambda request: asked.append(request.url))
        visit.page.goto(f"{front.url(where)}/")
        visit.page.get_by_role("link", name="Four").click()
        if where == "port":
            shown = f'kit.connect("{front.url(where)}/four")'
            expect(visit.page.locator("pre").first).to_contain_text(shown)
        follow(visit)
        visit.screenshot()

        error = submit(front, where)

        score = visit.page.locator(".board tbody td.number:nth-of-type(2)")
        expect(score).to_have_text([f"{error:g}"])
        assert visit.page.evaluate("window.mark") == 1
        visit.page.get_by_role("link", name="On a page of its own").click()
        follow(visit)

    assert all(url.startswith(f"{front.url(where)}/") for url in asked), asked


def test_a_client_downloads_submits_and_follows_through_nginx(front: Front) -> None:
    comp = kit.connect(f"{front.url('port')}/four", token=front.token)
    told: list[object] = []
    watch = comp.client.watch(BOARD, told.append)
    until(lambda: told)

    submit(front, "port")

    assert sorted(comp.data()) == ["test", "train"]
    until(lambda: len(told) >= 2)
    watch.stop()


def test_what_nginx_finds_too_large_costs_nothing_and_says_whose_limit_it_is(
    front: Front, tmp_path: Path
) -> None:
    comp = kit.connect(f"{front.url('small')}/four", token=front.token)
    n_before = len(comp.submissions())
    (tmp_path / "large.csv").write_text("id,count\n" + "1,2.5\n" * 200_000)

    with pytest.raises(ServiceError, match=r"A proxy \(nginx\) .* not let 1\.2 MB through .*client_max_body"):
        comp.submit(tmp_path / "large.csv")

    assert len(comp.submissions()) == n_before


def test_where_nginx_waits_too_shortly_live_tables_say_so_and_go_on(front: Front) -> None:
    client = Client(front.url("hasty"), token=front.token)
    failed, again = threading.Event(), threading.Event()
    errors: list[KitError] = []

    def fail(error: KitError) -> None:
        errors.append(error)
        failed.set()

    def show(_: object) -> None:
        if failed.is_set():
            again.set()

    with client:
        client.watch(BOARD, show, on_error=fail)
        until(again.is_set)

    assert "did not wait for its answer (504 Gateway Time-out)" in str(errors[0])
    assert "proxy_read_timeout" in str(errors[0])


def test_an_address_that_does_not_lead_to_the_service_says_what_is_wrong(front: Front) -> None:
    told = {}
    for name, scheme in {"alone": "https", "plain": "http", "port": "http"}.items():
        with pytest.raises(ServiceError) as caught:
            kit.connect(f"{front.url(name, scheme)}/four", token=front.token)
        told[name] = str(caught.value)

    assert told["alone"].startswith(
        "A proxy (nginx) before the service answers, and the service does not (502"
    )
    assert told["plain"].endswith(f"begin with https://127.0.0.1:{front.ports['port']}.")
    assert told["port"].endswith("is to be asked encrypted alone: begin with https://.")


@pytest.mark.parametrize(
    "text",
    [
        "Client sent an HTTP request to an HTTPS server.",
        "Reason: You're speaking plain HTTP to an SSL-enabled server port.",
    ],
    ids=["Caddy, Traefik", "Apache"],
)
def test_other_proxies_that_are_asked_unencrypted_are_understood_too(text: str) -> None:
    request = httpx2.Request("GET", "http://example.org:443/kit/healthz")

    told = instead(httpx2.Response(400, text=text, request=request))

    assert str(told) == "example.org is to be asked encrypted alone: begin with https://."


def test_what_is_for_prometheus_is_for_nobody_else(front: Front) -> None:
    answer = httpx2.get(f"{front.url('port')}/metrics", verify=httpx2.create_ssl_context(), timeout=LONG_S)

    assert answer.status_code == 403


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A Hub where everyone's server and the service have names of their own, below the Hub's."""
    folder, port = tmp_path_factory.mktemp("names"), free_port()
    with running_hub(host=f"https://hub.localhost:{port}") as hub:
        changes = {"hub.example.org": "hub.localhost"} | for_hub(hub, port)
        with fronting(folder, changed(documented("hub.md"), changes), port):
            yield hub


@on_hub
def test_on_a_hub_with_subdomains_people_log_in_and_out_by_names_of_its_own(
    hub: Hub, browser: Browser
) -> None:
    service = hub.host.replace("hub.", "kit--service.hub.") + "/services/kit"
    alice = hub.person("alice")
    with visiting(browser, f"{service}/four", "nginx-subdomains", **INSECURE) as visit:
        visit.page.locator("#username_input").fill(alice.name)
        visit.page.locator("#password_input").fill("any")
        visit.page.locator("#login_submit").click()
        follow(visit)
        assert visit.page.url == f"{service}/four"
        assert "__Secure-kit-session" in {cookie["name"] for cookie in visit.page.context.cookies(service)}

        alice.ask(
            "POST",
            "/api/v1/competitions/four/questions/counts/submissions?filename=p.csv",
            content=four.OFF_BY_ONE,
        )

        expect(visit.page.locator("tr.own")).to_contain_text(alice.name)
        assert visit.page.evaluate("window.mark") == 1
        dashboard = visit.page.get_by_role("link", name="Leaderboard in your own server")
        assert str(dashboard.evaluate("link => link.href")).startswith(f"{hub.host}/hub/user-redirect/kit/")
        visit.page.get_by_role("link", name="Log out").click()
        expect(visit.page.locator("#username_input")).to_be_visible()
        visit.page.goto(f"{service}/four/leaderboard")
        expect(visit.page.get_by_role("heading", name="Log in again")).to_be_visible()
