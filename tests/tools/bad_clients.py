#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""bad_clients.py SOCKET ENGINE-PID: clients of the control socket that misbehave, by themselves and in numbers.

After each kind the daemon must still answer others at once, hold no more memory than its bounds allow, and
have closed or told off the bad ones. Prints a line each: "ok" or "not ok", a tab, what was checked, and if it
is not so, a tab and why. Needs root, and some thousand descriptors.
"""
import contextlib
import json
import os
import random
import resource
import socket
import sys
import time

CLIENTS_MAX = 1024
UNPRIVILEGED_MAX = 256
PER_USER_MAX = 32
MESSAGE_MAX = 64 * 1024
NOBODY = 65534
SA = {
    "dst": "192.0.2.9", "spi": 0x7001, "mode": "tunnel", "aead": "rfc4106(gcm(aes))",
    "key": "5a" * 20, "icv_bits": 128,
}  # fmt: skip
STATUS = b'{"method":"org.xesp.Status"}\0'
LIST = b'{"method":"org.xesp.ListSas"}\0'
DESCRIBE = b'{"method":"org.varlink.service.GetInterfaceDescription","parameters":{"interface":"org.xesp"}}\0'


def message(method, parameters):
    return json.dumps({"method": "org.xesp." + method, "parameters": parameters}).encode() + b"\0"


@contextlib.contextmanager
def identity(uid):
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)


class Daemon:
    def __init__(self, path, engine):
        self.path, self.engine = path, engine

    def connect(self, uid=0):
        client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        # Blocks while the backlog is full; a timeout would make it fail instead.
        with identity(uid):
            client.connect(self.path)
        client.settimeout(10)
        return client

    def memory(self, field="VmRSS"):
        """KiB"""
        with open(f"/proc/{self.engine}/status", encoding="ascii") as lines:
            return next(int(line.split()[1]) for line in lines if line.startswith(field + ":"))

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.engine}/fd"))

    def ask(self, text, uid=0):
        """Name of the error, or "reply", "closed"; over a connection of its own."""
        with self.connect(uid) as client:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):
                client.sendall(text)
            return outcome(client)[0]

    def latency(self):
        """Seconds until another client, root, has its answer."""
        start = time.monotonic()
        answer = self.ask(STATUS)
        assert answer == "reply", f"a well-behaved client got {answer}"
        return time.monotonic() - start


def outcome(client, seconds=10):
    """What came of the next answer, and its parameters."""
    client.settimeout(seconds)
    answer = b""
    try:
        while b"\0" not in answer:
            chunk = client.recv(65536)
            if not chunk:
                return "closed", None
            answer += chunk
    except (ConnectionResetError, BrokenPipeError):
        return "closed", None
    except TimeoutError:
        return "silent", None
    text = json.loads(answer.partition(b"\0")[0])
    return text.get("error", "reply").rpartition(".")[2], text.get("parameters")


def close_all(clients):
    for client in clients:
        client.close()


def random_bytes(daemon):
    """random bytes close the connection or get an error"""
    generator = random.Random(20031)
    for _ in range(300):
        junk = generator.randbytes(generator.randrange(1, 4000)) + b"\0"
        answer = daemon.ask(junk)
        assert answer == "closed", answer


def truncated_messages(daemon):
    """no part of a message is taken for a message"""
    whole = message("AddSa", {"sa": SA})
    for length in range(len(whole) - 1):
        answer = daemon.ask(whole[:length] + b"\0")
        assert answer == "closed", (length, answer)
    # The same without its end, from a client that then goes away.
    for length in range(0, len(whole) - 1, 7):
        with daemon.connect() as client:
            client.sendall(whole[:length])
    assert daemon.ask(message("DeleteSa", {"dst": SA["dst"], "spi": SA["spi"]})) == "NotFound"


def oversized_messages(daemon):
    """a message that is too long closes the connection, however long it would be"""
    for size in (MESSAGE_MAX + 1, 1 << 20, 64 << 20):
        with daemon.connect() as client:
            sent = 0
            try:
                while sent < size:
                    sent += client.send(b"a" * min(65536, size - sent))
                assert outcome(client)[0] == "closed"
            except (BrokenPipeError, ConnectionResetError):
                pass
            assert sent < 4 << 20, sent


def field_errors(daemon):
    """unknown parameters, wrong types and what is out of range are named"""
    deep = {"a": 1}
    for _ in range(500):
        deep = {"a": deep}
    for method, parameters, field in (
        ("Status", {"colour": "red"}, "colour"),
        ("Attach", {"dev": "g0", "speed": 5}, "speed"),
        ("Attach", {"dev": ["g0"]}, "dev"),
        ("Attach", {"mode": "auto"}, "dev"),
        ("Detach", {"dev": deep}, "dev"),
        ("SetEnabled", {"enabled": "yes"}, "enabled"),
        ("AddSa", {"sa": dict(SA, colour="red")}, "sa.colour"),
        ("AddSa", {"sa": dict(SA, spi="0x1000")}, "sa.spi"),
        ("AddSa", {"sa": dict(SA, spi=1 << 40)}, "sa.spi"),
        ("AddSa", {"sa": dict(SA, encap=deep)}, "sa.encap.a"),
        ("AddSa", {"sa": deep}, "sa.a"),
        ("AddSa", {"sa": SA, "surprise": True}, "surprise"),
        ("ListSas", {"spi": 1 << 62, "dst": "192.0.2.2"}, "spi"),
    ):  # fmt: skip
        with daemon.connect() as client:
            client.sendall(message(method, parameters))
            answer, error = outcome(client)
        assert answer == "InvalidField" and error["field"] == field, (method, parameters, answer, error)


def broken_json(daemon):
    """duplicate keys, numbers beyond 64 bits, bytes that are no UTF-8, endless nesting: closed"""
    for text in (
        b'{"method":"org.xesp.Status","method":"org.xesp.FlushSas"}',
        b'{"method":"org.xesp.FlushSas","parameters":{"dev":"a","dev":"b"}}',
        b'{"method":"org.xesp.ListSas","parameters":{"spi":99999999999999999999}}',
        b'{"method":"org.xesp.ListSas","parameters":{"spi":1e999}}',
        b'{"method":"org.xesp.Detach","parameters":{"dev":"\xff\xfe"}}',
        b'{"method":"org.xesp.Detach","parameters":{"dev":"\xed\xa0\x80"}}',
        b'{"method":"org.xesp.Detach","parameters":{"dev":"\\u0000"}}',
        b'{"method":"org.xesp.Status","parameters":' + b'{"a":' * 12000,
        b'{"method":"org.xesp.Status","parameters":' + b'[' * 30000 + b"]" * 30000 + b"}",
        b'{"method":"org.xesp.Status"}{"method":"org.xesp.Status"}',
    ):  # fmt: skip
        answer = daemon.ask(text + b"\0")
        assert answer == "closed", (text[:60], answer)


def clients_that_stop_reading(daemon):
    """clients that call and never read are not read from, and hold a bounded amount"""
    before, clients = daemon.memory(), []
    for _ in range(100):
        client = daemon.connect()
        client.setblocking(False)
        sent = 0
        with contextlib.suppress(BlockingIOError):
            while sent < 1 << 21:
                sent += client.send(STATUS * 100)
        clients.append(client)
    for _ in range(5):
        for client in clients:
            with contextlib.suppress(BlockingIOError):
                while True:
                    client.send(STATUS * 100)
        time.sleep(0.1)
    held = daemon.memory() - before
    assert held < 100 * 600, f"{held} KiB for 100 clients"
    assert daemon.latency() < 1
    close_all(clients)
    return f"{held // 100} KiB each"


def clients_that_stop_in_the_middle(daemon):
    """a thousand clients with half a message each: others are served, memory is bounded"""
    before, clients = daemon.memory(), []
    half = b'{"method":"' + b"a" * (MESSAGE_MAX - 4096)
    for _ in range(CLIENTS_MAX - 24):
        client = daemon.connect()
        client.sendall(half)
        clients.append(client)
    slowest = max(daemon.latency() for _ in range(5))
    held = daemon.memory() - before
    assert slowest < 1, slowest
    assert held < 160 * 1024, f"{held} KiB for 1000 clients"
    close_all(clients)
    return f"{held // 1000} KiB each"


def too_many_clients(daemon):
    """one client more than fits is told so; when others have been idle for 10 s, one of them goes for it"""
    clients = [daemon.connect() for _ in range(CLIENTS_MAX)]
    clients[0].sendall(STATUS)
    assert outcome(clients[0])[0] == "reply"
    with daemon.connect() as late:
        answer, error = outcome(late)
        assert answer == "CapacityExceeded" and error == {"what": "clients", "limit": CLIENTS_MAX}, (answer, error)
    time.sleep(10.1)
    for client in clients[1:]:
        client.sendall(STATUS)
        assert outcome(client)[0] == "reply"
    assert daemon.latency() < 1
    assert outcome(clients[0])[0] == "closed", "the idle client is still there"
    assert daemon.ask(STATUS) in ("reply", "CapacityExceeded")
    close_all(clients)


def one_user_opens_thousands(daemon):
    """a user without privileges gets 32 places, root is served"""
    clients, answers = [daemon.connect(NOBODY) for _ in range(2000)], {}
    assert daemon.latency() < 1
    for client in clients:
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            client.sendall(DESCRIBE)
        answer = outcome(client)[0]
        answers[answer] = answers.get(answer, 0) + 1
    assert answers.get("reply") == PER_USER_MAX, answers
    assert sum(answers.values()) == answers["reply"] + answers.get("CapacityExceeded", 0), answers
    close_all(clients)


def many_users_open_thousands(daemon):
    """all users without privileges together get a quarter of the places, root is served"""
    clients = [daemon.connect(20000 + i % 100) for i in range(2000)]
    assert daemon.latency() < 1
    mine = [daemon.connect() for _ in range(CLIENTS_MAX - UNPRIVILEGED_MAX)]
    for client in mine:
        client.sendall(STATUS)
    answers = {outcome(client)[0] for client in mine}
    assert answers == {"reply"}, answers
    close_all(clients)
    close_all(mine)


def slowest_answer(daemon, activity):
    """Runs `activity` in 8 processes of as many users, and asks as root meanwhile."""
    children = []
    for i in range(8):
        child = os.fork()
        if not child:
            os.setuid(20000 + i)
            with contextlib.suppress(OSError):
                activity(daemon.path)
            os._exit(1)
        children.append(child)
    time.sleep(0.3)
    slowest = max(daemon.latency() for _ in range(50))
    alive = sum(os.waitpid(child, os.WNOHANG)[0] == 0 for child in children)
    for child in children:
        with contextlib.suppress(ProcessLookupError, ChildProcessError):
            os.kill(child, 9)
            os.waitpid(child, 0)
    assert alive == 8, f"{alive} of 8 users were still at it"
    assert slowest < 1, slowest
    return f"slowest answer {slowest * 1000:.0f} ms"


def call_without_end(path):
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(path)
    while True:
        client.sendall(DESCRIBE)
        while not client.recv(65536).endswith(b"\0"):
            pass


def users_that_call_without_end(daemon):
    """calls without end of users without privileges do not delay root"""
    return slowest_answer(daemon, call_without_end)


def connect_without_end(path):
    while True:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(path)


def users_that_connect_without_end(daemon):
    """nor do connections without end"""
    return slowest_answer(daemon, connect_without_end)


def users_that_stop_in_the_middle(daemon):
    """users without privileges make the daemon hold little, whatever they send"""
    before, clients = daemon.memory(), []
    for i in range(UNPRIVILEGED_MAX):
        client = daemon.connect(20000 + i // PER_USER_MAX)
        client.setblocking(False)
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            for _ in range(200):
                client.send(DESCRIBE)
        with contextlib.suppress(BlockingIOError, BrokenPipeError, ConnectionResetError):
            client.send(b"{" * 4000)
        clients.append(client)
    time.sleep(0.5)
    held = daemon.memory() - before
    assert daemon.latency() < 1
    assert held < UNPRIVILEGED_MAX * 100, f"{held} KiB"
    close_all(clients)
    return f"{held // UNPRIVILEGED_MAX} KiB each"


def nothing_is_left(daemon, descriptors, memory):
    """when all are gone, so are their descriptors, and memory has not grown without bound"""
    deadline = time.monotonic() + 10
    while daemon.descriptors() > descriptors and time.monotonic() < deadline:
        time.sleep(0.05)
    assert daemon.descriptors() == descriptors, (daemon.descriptors(), descriptors)
    left, peak = daemon.memory() - memory, daemon.memory("VmHWM")
    assert left < 64 * 1024, f"{left} KiB more than before"
    return f"{memory} KiB before, {memory + left} KiB after, {peak} KiB at most"


def run(function, *arguments):
    text = function.__doc__
    try:
        figures = function(*arguments)
        print("ok", f"{text} ({figures})" if figures else text, sep="\t", flush=True)
    except (AssertionError, OSError, ValueError) as error:
        print("not ok", text, f"{type(error).__name__}: {error}", sep="\t", flush=True)


def main():
    daemon = Daemon(sys.argv[1], int(sys.argv[2]))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    daemon.latency()
    time.sleep(0.2)  # until it has closed that connection
    descriptors, memory = daemon.descriptors(), daemon.memory()
    for function in (
        random_bytes, truncated_messages, oversized_messages, field_errors, broken_json,
        clients_that_stop_reading, clients_that_stop_in_the_middle, too_many_clients,
        one_user_opens_thousands, many_users_open_thousands, users_that_call_without_end,
        users_that_connect_without_end,
        users_that_stop_in_the_middle,
    ):  # fmt: skip
        run(function, daemon)
    run(nothing_is_left, daemon, descriptors, memory)


if __name__ == "__main__":
    main()
