import http.client
import json
import threading
from contextlib import contextmanager

import pytest

from refcompress.commands.explore_server import LONGEST_QUERY, listening

PAGE = b"<!doctype html><title>page</title>"


def doubled(query):
    if set(query) != {"n"}:
        raise ValueError("n is missing")
    return {"doubled": [2 * int(text) for text in query["n"]]}


def broken(query):
    raise ZeroDivisionError("a secret")


@pytest.fixture(scope="module")
def port():
    with serving() as server:
        yield server.server_port


@contextmanager
def serving():
    with listening(0, PAGE, {"doubled": doubled, "broken": broken}) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(port, path, *, method="GET", hosts=None):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.putrequest(method, path, skip_host=True)
    for host in [f"127.0.0.1:{port}"] if hosts is None else hosts:
        connection.putheader("Host", host)
    connection.endheaders()
    reply = connection.getresponse()
    body = reply.read()
    connection.close()
    return reply.status, reply.headers, body


def error(port, path, **how):
    status, _, body = ask(port, path, **how)
    return status, json.loads(body)["error"]


def test_the_page_is_at_the_root(port):
    status, headers, body = ask(port, "/")
    assert (status, body) == (200, PAGE)
    assert headers["Content-Type"] == "text/html; charset=utf-8"


def test_a_view_is_asked_with_its_query_and_answers_in_json(port):
    status, headers, body = ask(port, "/api/doubled?n=4&n=5")
    assert (status, json.loads(body)) == (200, {"doubled": [8, 10]})
    assert headers["Content-Type"] == "application/json"


def test_it_listens_on_the_loopback_interface_alone():
    with listening(0, PAGE, {}) as server:
        assert server.server_address == ("127.0.0.1", server.server_port)


def test_the_page_may_load_nothing_from_elsewhere(port):
    policy = ask(port, "/")[1]["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "connect-src 'self'" in policy
    assert "http" not in policy


def test_a_value_that_a_view_refuses_is_a_400_with_its_message(port):
    assert error(port, "/api/doubled") == (400, "n is missing")


def test_a_query_that_is_too_long_is_a_400(port):
    assert error(port, "/api/doubled?n=" + "1" * LONGEST_QUERY)[0] == 400


def test_a_fault_of_the_server_is_a_500_without_its_details(port, capfd):
    assert error(port, "/api/broken") == (500, "a fault of the server: ZeroDivisionError")
    with serving() as own:  # which has handled everything when it is closed
        ask(own.server_port, "/api/broken")
    assert "ZeroDivisionError: a secret" in capfd.readouterr().err


@pytest.mark.parametrize(
    "path",
    [
        "/api/",
        "/api",
        "/doubled?n=1",
        "/api/other",
        "/index.html",
        "/../pyproject.toml",
        "//etc/passwd",
        "/api/doubled/",
    ],
)
def test_there_is_nothing_else(port, path):
    assert error(port, path) == (404, "there is nothing here")


@pytest.mark.parametrize("path", ["/", "/api/doubled?n=1"])
@pytest.mark.parametrize(
    "hosts",
    [["evil.example:{}"], ["127.0.0.1"], ["127.0.0.1:1"], [], ["127.0.0.1:{}", "evil.example"], ["127.0.0.1:{}."]],
)
def test_a_request_by_another_name_is_refused(port, path, hosts):
    status, text = error(port, path, hosts=[host.format(port) for host in hosts])
    assert (status, text) == (403, "this server answers to 127.0.0.1 and localhost alone")


def test_localhost_is_this_host(port):
    assert ask(port, "/", hosts=[f"localhost:{port}"])[0] == 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_only_reading_is_possible(port, method):
    assert ask(port, "/", method=method)[0] == 501


def test_a_port_that_is_taken_is_an_error_that_names_it(port):
    with pytest.raises(OSError, match=f"^cannot listen on port {port} .*choose another with --port$"):
        listening(port, PAGE, {})
