"""What no good client sends: each is dropped with a reason that is counted, and hurts nobody else."""

import ipaddress
import struct
import time

from sextantlab import wait_until
from sextantlab.dhcp6 import Dhclient
from sextantlab.site import expect

from . import wiring

PORTS = ["sf1", "sf3"]
SOLICIT, ADVERTISE, REQUEST, CONFIRM, RELEASE, DECLINE, INFORMATION, RELAY = 1, 2, 3, 4, 8, 9, 11, 12
CLIENT_ID, SERVER_ID, IA_NA, IAADDR = 1, 2, 3, 5
DUID = b"\x00\x03\x00\x01\x02\x02\x02\x02\x02\x02"

SEND = """
mac = get_if_hwaddr('eth0')
own = 'fe80::' + in6_mactoifaceid(mac)
wait = %r
for payload in %r:
    head = Ether(src=mac, dst='33:33:00:01:00:02') / IPv6(src=own, dst='ff02::1:2', hlim=1) / UDP(sport=546, dport=547)
    answers = AsyncSniffer(iface='eth0', count=1, timeout=3, lfilter=lambda p: UDP in p and p[UDP].sport == 547)
    if wait:
        answers.start()
        time.sleep(0.3)
    sendp(head / Raw(bytes.fromhex(payload)), iface='eth0')
    time.sleep(0.02)
    if wait:
        answers.join()
        print(bytes(answers.results[0][UDP].payload).hex())
"""


def option(code, data=b""):
    """An option."""
    return struct.pack("!HH", code, len(data)) + data


def message(kind, *options):
    """A message, its options as bytes."""
    return bytes([kind]) + b"\xab\xcd\xef" + b"".join(options)


def association(iaid=1, *options):
    """An IA_NA."""
    return option(IA_NA, struct.pack("!III", iaid, 0, 0) + b"".join(options))


def address(text_bytes=bytes(16), *options):
    """An IA Address."""
    return option(IAADDR, text_bytes + struct.pack("!II", 0, 0) + b"".join(options))


def nested(levels):
    """Associations in one another."""
    inner = b""
    for _ in range(levels):
        inner = association(1, inner)
    return inner


def wrong():
    """What is wrong, its bytes, and the reason that it is to be counted by."""
    me, good = option(CLIENT_ID, DUID), association()
    server = option(SERVER_ID, b"\x00\x03\x00\x01\x02\x00\x00\x00\x00\x01")
    return [
        ("shorter than a message's head", b"\x01\xab", "malformed"),
        ("a kind that does not exist", message(200, me, good), "not_a_clients"),
        ("an option longer than what is left", message(SOLICIT, me, b"\x00\x03\x00\xff\x00"), "malformed"),
        ("half an option's head", message(SOLICIT, me, good, b"\x00\x03\x00"), "malformed"),
        ("an address that ends beyond its association", message(SOLICIT, me, association(1, address()[:20])), "malformed"),
        ("associations in one another without end", message(SOLICIT, me, nested(60)), "malformed"),
        ("more options than anybody needs", message(SOLICIT, me, option(99) * 300), "malformed"),
        ("a solicit of nobody", message(SOLICIT, good), "names_no_client"),
        ("a solicit to one server", message(SOLICIT, me, server, good), "names_a_server"),
        ("a solicit for nothing", message(SOLICIT, me), "names_no_association"),
        ("a request to another server", message(REQUEST, me, server, good), "for_another_server"),
        ("a request to no server", message(REQUEST, me, good), "names_no_server"),
        ("a release to another server", message(RELEASE, me, server, good), "for_another_server"),
        ("a confirm without addresses", message(CONFIRM, me, good), "names_no_address"),
        ("settings and an address at once", message(INFORMATION, me, good), "asks_for_both"),
        ("a server's message", message(ADVERTISE, me, server, good), "not_a_clients"),
        ("a client's name of 65,000 bytes", message(SOLICIT, struct.pack("!HH", CLIENT_ID, 65000) + DUID), "malformed"),
        ("a client's name of 300 bytes", message(SOLICIT, option(CLIENT_ID, bytes(300)), good), "names_no_client"),
        ("nothing but options without content", message(REQUEST, *(option(code) for code in range(1, 200))), "names_no_server"),
        ("a relay's message", bytes([RELAY, 0]) + bytes(32) + option(9, message(SOLICIT, me, good)), "from_a_relay"),
    ]


def show(site):
    """Wrong messages one by one, a decline, and floods while a neighbour asks."""
    dropped(site)
    declined(site)
    flooded(site)


def dropped(site):
    """Each counted by its reason, once."""
    cases = wrong()
    before, leases = site.punts(), site.leases("sf1")
    wanted = dict(before)
    for _, _, reason in cases:
        wanted[reason] = wanted.get(reason, 0) + 1
    site.host("sf1").scapy(SEND % (False, [payload.hex() for _, payload, _ in cases]))
    wait_until("all were counted", lambda: sum(site.punts().values()) >= sum(wanted.values()), timeout=5)
    found = site.punts()
    differ = {reason: (wanted.get(reason), found.get(reason)) for reason in wanted | found if wanted.get(reason) != found.get(reason)}
    expect(not differ, f"counts by reason, wanted and found: {differ}")
    expect(site.controller.running, "the controller has ended")
    expect(site.leases("sf1") == leases, f"leases were {leases}, are {site.leases('sf1')}")
    told = [line for line in site.controller.call("events").splitlines() if "dhcp6.drop" in line and "acme/sf1" in line]
    expect(1 <= len(told) <= 3, f"events of what was dropped, one in ten seconds: {told}")
    for what, _, reason in cases:
        site.say(f"{reason:21} {what}")


def declined(site):
    """A client that finds its address taken says so: answered, counted, and its lease is gone."""
    client = Dhclient(site.host("sf1"))
    client.start()
    client.wait(wiring.BY_NETWORK["stateful"].prefix)
    client.vanish()
    lease = site.leases("sf1")[0]
    server = option(SERVER_ID, bytes.fromhex(server_of(client)))
    decline = message(DECLINE, option(CLIENT_ID, bytes.fromhex(lease["client"])), server,
                      association(int(lease["association"].removeprefix("na-")), address(packed(lease["leased"][0]))))
    before = site.punts().get("decline", 0)
    answer = bytes.fromhex(site.host("sf1").scapy(SEND % (True, [decline.hex()])).strip())
    expect(answer[:4] == b"\x07\xab\xcd\xef" and option(13, b"\x00\x00") in answer, f"the answer to a decline: {answer.hex()}")
    expect(site.punts()["decline"] == before + 1 and site.leases("sf1") == [], f"after a decline: {site.leases('sf1')}")
    site.say("a decline is answered and counted, and its lease is gone")


def flooded(site):
    """Floods and fuzz from one port; meanwhile another gets its address, and afterwards that port too."""
    attacker, neighbour = site.host("sf1"), Dhclient(site.host("sf3"))
    prefix = wiring.BY_NETWORK["stateful"].prefix
    flood = attacker.popen(["timeout", "8", "atk6-flood_dhcpc6", "-N", "eth0"])
    try:
        time.sleep(1)
        begin = time.monotonic()
        neighbour.start()
        got = neighbour.wait(prefix)
        site.say(f"while its neighbour floods, sf3 got {got} in {time.monotonic() - begin:.1f} s")
        expect(got == site.assigned("sf3"), f"sf3 got {got}")
    finally:
        flood.terminate()
        flood.wait()
    for kind in range(1, 9):
        attacker.run("timeout", "0.7", "atk6-fuzz_dhcps6", f"-{kind}", "eth0")
    expect(site.controller.running, "the controller has ended")
    found = {reason: count for reason, count in sorted(site.punts().items())}
    site.say(f"after a flood and fuzzed messages of all kinds: {found}")
    client = Dhclient(attacker)
    client.forget()
    client.start()
    got = client.wait(prefix)
    expect(got == site.assigned("sf1") and len(site.leases("sf1")) == 1, f"sf1 got {got}, leases {site.leases('sf1')}")
    client.vanish()
    neighbour.vanish()


def server_of(client):
    """The server's DUID, as dhclient prints it."""
    said = client.said(60)
    return said.split("Server ID: ")[-1].split()[0].replace(":", "")


def packed(text):
    """An address' 16 bytes."""
    return ipaddress.ip_address(text).packed
