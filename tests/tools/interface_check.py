#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""interface_check.py SOCKET FILE SOURCES DEV: is the daemon what its .varlink file says, and nothing else?

DEV is attached and has one SA, with all that an SA can have, that has been used, and room for three more.
Prints a line each: "ok" or "not ok", a tab, what was checked, and if it is not so, a tab and why.
"""
import glob
import re
import sys

import varlink_check
from varlink_check import SERVICE, CallError, Client, Mismatch

SA = {
    "dst": "192.0.2.2", "spi": 0x7001, "mode": "tunnel", "aead": "rfc4106(gcm(aes))",
    "key": "5a" * 20, "icv_bits": 128, "encap": {"type": "espinudp", "sport": 4500, "dport": 4500},
}  # fmt: skip
# One with a cipher and an integrity algorithm.
CBC_SA = {
    "dst": "192.0.2.2", "spi": 0x7003, "mode": "beet", "enc": "cbc(aes)", "key": "5a" * 16,
    "auth": "hmac(sha256)", "auth_key": "5a" * 32, "icv_bits": 128, "sel": {"src": "10.1.0.1", "dst": "10.2.0.1"},
}  # fmt: skip
# One that sends.
OUT_SA = {
    "dir": "out", "src": "192.0.2.2", "dst": "192.0.2.1", "spi": 0x7004, "mode": "tunnel",
    "aead": "rfc4106(gcm(aes))", "key": "5a" * 20, "icv_bits": 128, "sel": {"dst": "10.3.0.0/24"},
    "encap": {"type": "espinudp", "sport": 4500, "dport": 4500}, "priority": 3, "tfcpad": 100,
    "dummy_interval": 60000, "replay_oseq": 5,
}  # fmt: skip
# Members that no reply of this test has, and why.
UNSEEN = {
    ("Sa", "key"): "only ever in requests",
    ("Sa", "auth_key"): "only ever in requests",
    ("Status", "restart"): "only after an engine ended",
    **{("Restart", member): "only after an engine ended" for member in
       ("time_us", "signal", "status", "sas_kept", "sas_lost")},
    ("Send", "pmtu_expires"): "only after an ICMP error; test-pmtu sees it",
}


class Check:
    def __init__(self, path, file, sources, dev):
        with open(file, encoding="ascii") as text:
            self.text = text.read()
        self.path, self.dev = path, dev
        self.interface = varlink_check.parse(self.text)
        self.client = Client(path, self.interface)
        self.source = "".join(open(name, encoding="ascii").read() for name in glob.glob(f"{sources}/*.c"))

    def description_is_the_file(self):
        info = self.client.call(f"{SERVICE}.GetInfo")
        assert info["interfaces"] == [SERVICE, self.interface.name], info
        assert info["version"] == self.client.call("Status")["version"], info
        for name in info["interfaces"]:
            answer = self.client.call(f"{SERVICE}.GetInterfaceDescription", {"interface": name})
            assert varlink_check.parse(answer["description"]).name == name
        assert answer["description"] == self.text
        error = self.client.error(f"{SERVICE}.GetInterfaceDescription", {"interface": "org.x"})
        assert error.name == "InterfaceNotFound", error

    def every_method_is_implemented(self):
        for name in self.interface.methods:
            try:
                self.client.call(name, {"no such parameter": 1}, checked=False)
            except CallError as error:
                assert error.name == "InvalidField" and error.parameters["field"] == "no such parameter", error
            else:
                raise Mismatch(f"{name} takes anything")
        assert self.client.error("Explode", {}).name == "MethodNotFound"

    def every_implemented_method_is_described(self):
        names = re.findall(r'\{"(\w+)", request_\w+\}', self.source)
        assert sorted(names) == sorted(self.interface.methods), names

    def every_type_is_used(self):
        kinds = [kind for pair in self.interface.methods.values() for kind in pair]
        used = {name for kind in kinds for name in self.interface.names_used(kind)}
        assert used == set(self.interface.types), used ^ set(self.interface.types)

    def replies_are_as_described(self):
        call = self.client.call
        call("Status")
        call("Capabilities")
        call("Stats")
        call("Stats", {"dev": self.dev})
        call("ListParsers", {"dev": self.dev})
        call("ListSas", {"dst": "192.0.2.2", "spi": 0x5001})
        call("ListSas", {"dst": None, "spi": None})
        assert len(self.client.call_more("ListSas")) == 1
        added = call("AddSa", {"sa": SA})
        call("DeleteSa", {"handle": added["handle"]})
        call("AddSa", {"sa": dict(SA, spi=0x7002), "parser": added["parser"]})
        call("DeleteSa", {"dst": "192.0.2.2", "spi": 0x7002, "dev": self.dev, "parser_if_unused": True})
        call("AddSa", {"sa": CBC_SA})
        assert len(call("ListSas", {"dst": "192.0.2.2", "spi": CBC_SA["spi"]})["sas"]) == 1
        added = call("AddSa", {"sa": OUT_SA})
        assert len(call("ListSas", {"dst": OUT_SA["dst"], "spi": OUT_SA["spi"]})["sas"]) == 1
        call("DeleteSa", {"handle": added["handle"]})
        call("FlushSas", {"dev": self.dev})
        call("Detach", {"dev": self.dev})
        call("Attach", {"dev": self.dev, "mode": "auto", "keepalives": "pass"})

    def events_are_as_described(self):
        monitor = Client(self.path, self.interface)
        monitor.send("Monitor", {"types": ["capability_change"]}, more=True)
        parameters, goes_on = monitor.reply("Monitor")
        assert parameters.get("event") is None and goes_on, "the first reply says that the subscription stands"
        self.client.call("SetEnabled", {"enabled": False})
        self.client.call("SetEnabled", {"enabled": True})
        for _ in range(2):
            parameters, goes_on = monitor.reply("Monitor")
            assert parameters["event"]["type"] == "capability_change" and goes_on, parameters

    def every_error_comes_and_no_other(self):
        client = self.client
        expected = {
            "InvalidField": [("Attach", {}), ("Status", {"colour": "red"}), ("AddSa", {"sa": dict(SA, spi=1)})],
            "NotFound": [("Detach", {"dev": "lo"}), ("DeleteSa", {"dst": "192.0.2.2", "spi": 9999})],
            "NotSupported": [
                ("AddSa", {"sa": dict(CBC_SA, icv_bits=96)}), ("AddSa", {"sa": dict(CBC_SA, auth="hmac(sm3)")}),
                ("AddSa", {"sa": dict(CBC_SA, enc="cbc(des)", key="5a" * 8)}),
            ],
            "Failed": [("Attach", {"dev": "nosuch"})],
            "AlreadyExists": [("Attach", {"dev": self.dev}), ("AddSa", {"sa": dict(SA, spi=0x7100)})],
            "StaleHandle": [("DeleteSa", {"handle": "sa-0-99999999"})],
            "CapacityExceeded": [("AddSa", {"sa": dict(SA, spi=0x7200)})],
        }
        first = [client.call("AddSa", {"sa": dict(SA, spi=0x7100 + i)}) for i in range(4)]
        for name, calls in expected.items():
            for method, parameters in calls:
                error = client.error(method, parameters)
                assert error.name == name, (method, error)
        error = client.error("DeleteSa", {"handle": first[0]["handle"], "parser": first[0]["parser"]})
        assert error.name == "InUse", error
        nobody = Client(self.path, self.interface, uid=65534)
        error = nobody.error("FlushSas", {})
        assert error.name == "PermissionDenied", error
        seen = client.errors | nobody.errors
        assert seen == set(self.interface.errors), seen ^ set(self.interface.errors)
        client.call("FlushSas")

    def unprivileged_may_only_ask(self):
        nobody = Client(self.path, self.interface, uid=65534)
        nobody.call("Capabilities")
        nobody.call(f"{SERVICE}.GetInfo")
        nobody.call(f"{SERVICE}.GetInterfaceDescription", {"interface": self.interface.name})
        for name in self.interface.methods:
            if name != "Capabilities":
                assert nobody.error(name, {}).name == "PermissionDenied", name

    def every_member_of_replies_was_seen(self):
        members = set()
        for name, (_, reply) in self.interface.methods.items():
            members |= set(self.interface.members(reply, name))
        missing = {pair for pair in members - self.interface.seen if pair[0] != "Event"} - set(UNSEEN)
        assert not missing, sorted(missing)
        assert not set(UNSEEN) & self.interface.seen, "a member of UNSEEN was seen"


def main():
    check = Check(*sys.argv[1:5])
    for name in (
        "description_is_the_file", "every_method_is_implemented", "every_implemented_method_is_described",
        "every_type_is_used", "replies_are_as_described", "events_are_as_described",
        "every_error_comes_and_no_other", "unprivileged_may_only_ask", "every_member_of_replies_was_seen",
    ):  # fmt: skip
        try:
            getattr(check, name)()
            print("ok", name.replace("_", " "), sep="\t")
        except (Mismatch, CallError, AssertionError, OSError) as error:
            print("not ok", name.replace("_", " "), f"{type(error).__name__}: {error}", sep="\t")


if __name__ == "__main__":
    main()
