# SPDX-License-Identifier: BSD-2-Clause
"""A Varlink interface description, a client, and a check of every message against the description.

parse() reads a .varlink file. Interface.check() compares a value with a type and notes which members it has
seen. Client.call() checks the parameters of the call and of each reply, errors included.
"""
import json
import os
import re
import socket

TOKEN = re.compile(r"\s+|#[^\n]*|->|\[\]|\[string\]|[A-Za-z][A-Za-z0-9_.]*|[?(),:]")
SIMPLE = {"bool": bool, "int": int, "float": float, "string": str}
SERVICE = "org.varlink.service"


class Mismatch(Exception):
    """A message, or the description, is not as it should be."""


class CallError(Exception):
    def __init__(self, name, parameters):
        super().__init__(f"{name} {parameters}")
        self.name = name.rpartition(".")[2]
        self.parameters = parameters


class Interface:
    def __init__(self):
        self.name = ""
        self.types = {}
        self.methods = {}  # name: (type of the parameters, type of the reply)
        self.errors = {}
        self.seen = set()  # (type, member)

    def check(self, kind, value, path, owner=""):
        """kind: ("bool",), ("object",), ("?", kind), ("[]", kind), ("enum", names), ("struct", members),
        ("type", name)"""
        what = kind[0]
        if what == "?":
            if value is not None:
                self.check(kind[1], value, path, owner)
        elif what == "[]":
            if not isinstance(value, list):
                raise Mismatch(f"{path}: {value!r} is no array")
            for i, item in enumerate(value):
                self.check(kind[1], item, f"{path}[{i}]", owner)
        elif what == "enum":
            if value not in kind[1]:
                raise Mismatch(f"{path}: {value!r} is none of {kind[1]}")
        elif what == "type":
            self.check(self.types[kind[1]], value, path, kind[1])
        elif what == "struct":
            self.check_struct(kind[1], value, path, owner)
        elif what in SIMPLE:
            if type(value) is not SIMPLE[what]:
                raise Mismatch(f"{path}: {value!r} is no {what}")

    def check_struct(self, members, value, path, owner):
        if not isinstance(value, dict):
            raise Mismatch(f"{path}: {value!r} is no object")
        for name in value:
            if name not in members:
                raise Mismatch(f"{path}: has a member {name}, which {owner} has not")
        for name, kind in members.items():
            if name not in value and kind[0] != "?":
                raise Mismatch(f"{path}: has no member {name}, which {owner} has")
            if value.get(name) is not None:
                self.seen.add((owner, name))
                self.check(kind, value[name], f"{path}.{name}", f"{owner}.{name}")

    def members(self, kind, owner):
        """All (type, member) that a value of this kind can have."""
        what = kind[0]
        if what in ("?", "[]"):
            yield from self.members(kind[1], owner)
        elif what == "type":
            yield from self.members(self.types[kind[1]], kind[1])
        elif what == "struct":
            for name, member in kind[1].items():
                yield owner, name
                yield from self.members(member, f"{owner}.{name}")

    def names_used(self, kind):
        what = kind[0]
        if what in ("?", "[]"):
            yield from self.names_used(kind[1])
        elif what == "struct":
            for member in kind[1].values():
                yield from self.names_used(member)
        elif what == "type":
            yield kind[1]
            yield from self.names_used(self.types[kind[1]])


class Parser:
    def __init__(self, text):
        self.tokens = []
        at = 0
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Mismatch(f"the description has {text[at:at + 20]!r}")
            if not match[0].isspace() and match[0][0] != "#":
                self.tokens.append(match[0])
            at = match.end()

    def peek(self):
        return self.tokens[0] if self.tokens else ""

    def take(self, expected=""):
        if not self.tokens or (expected and self.tokens[0] != expected):
            raise Mismatch(f"the description has {self.peek()!r}, not {expected!r}")
        return self.tokens.pop(0)

    def kind(self):
        if self.peek() in ("?", "[]"):
            return (self.take(), self.kind())
        if self.peek() == "(":
            return self.struct()
        name = self.take()
        return (name,) if name in SIMPLE or name == "object" else ("type", name)

    def struct(self):
        members, names = {}, []
        self.take("(")
        while self.peek() != ")":
            name = self.take()
            if self.peek() == ":":
                self.take()
                members[name] = self.kind()
            else:
                names.append(name)
            if self.peek() != ")":
                self.take(",")
        self.take(")")
        if members and names:
            raise Mismatch(f"neither an enum nor a struct: {names} {list(members)}")
        return ("enum", names) if names else ("struct", members)

    def interface(self):
        result = Interface()
        self.take("interface")
        result.name = self.take()
        while self.tokens:
            keyword, name = self.take(), self.take()
            if keyword == "method":
                before = self.struct()
                self.take("->")
                table, value = result.methods, (before, self.struct())
            else:
                table = {"type": result.types, "error": result.errors}[keyword]
                value = self.struct()
            if name in table:
                raise Mismatch(f"{keyword} {name} is there twice")
            table[name] = value
        for kind in result.types.values():
            list(result.names_used(kind))  # KeyError for a type that is not there
        return result


def parse(text):
    return Parser(text).interface()


class Client:
    """One connection; `uid` is who the daemon takes it for."""

    def __init__(self, path, interface, uid=0):
        self.interface = interface
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.errors = set()
        self.buffer = b""
        if uid:
            os.seteuid(uid)
        try:
            self.socket.connect(path)
        finally:
            if uid:
                os.seteuid(0)

    def receive(self):
        while b"\0" not in self.buffer:
            chunk = self.socket.recv(65536)
            if not chunk:
                raise Mismatch("the daemon closed the connection")
            self.buffer += chunk
        text, _, self.buffer = self.buffer.partition(b"\0")
        return json.loads(text)

    def send(self, method, parameters, more=False):
        full = method if "." in method else f"{self.interface.name}.{method}"
        message = {"method": full, "parameters": parameters}
        if more:
            message["more"] = True
        self.socket.sendall(json.dumps(message).encode() + b"\0")

    def reply(self, method):
        """The parameters of the next reply, and whether more follow."""
        message = self.receive()
        parameters = message.get("parameters", {})
        if "error" in message:
            self.check_error(message["error"], parameters)
            raise CallError(message["error"], parameters)
        if method in self.interface.methods:
            self.interface.check(self.interface.methods[method][1], parameters, method, method)
        return parameters, message.get("continues", False)

    def check_error(self, name, parameters):
        where, _, short = name.rpartition(".")
        if where == SERVICE:
            return
        if where != self.interface.name or short not in self.interface.errors:
            raise Mismatch(f"error {name} is not in the description")
        self.errors.add(short)
        self.interface.check(self.interface.errors[short], parameters, short, short)

    def call(self, method, parameters=None, checked=True):
        """One reply. checked=False: the parameters are wrong on purpose."""
        parameters = parameters or {}
        if checked and method in self.interface.methods:
            seen = set(self.interface.seen)
            self.interface.check(self.interface.methods[method][0], parameters, method, method)
            self.interface.seen = seen  # of replies only
        self.send(method, parameters)
        return self.reply(method)[0]

    def call_more(self, method, parameters=None):
        self.send(method, parameters or {}, more=True)
        replies, goes_on = [], True
        while goes_on:
            parameters, goes_on = self.reply(method)
            replies.append(parameters)
        return replies

    def error(self, method, parameters, checked=False):
        """The error of a call that must be refused."""
        try:
            self.call(method, parameters, checked)
        except CallError as error:
            return error
        raise Mismatch(f"{method} {parameters} was not refused")
