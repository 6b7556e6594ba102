"""A client of the lab: asks again and again, each time over a connection of its own, and prints when and who answered as JSON.

client.py ADDRESS count N | seconds S PATIENCE | hold N S
"""

import json
import socket
import sys
import time

ADDRESS, MODE, *NUMBERS = sys.argv[1:]
FAMILY = socket.AF_INET6 if ":" in ADDRESS else socket.AF_INET
HOST = f"[{ADDRESS}]" if FAMILY == socket.AF_INET6 else ADDRESS


def connect(path, patience):
    """A connection on which a request was sent."""
    connection = socket.socket(FAMILY, socket.SOCK_STREAM)
    connection.settimeout(patience)
    connection.connect((ADDRESS, 80))
    connection.sendall(f"GET {path} HTTP/1.0\r\nHost: {HOST}\r\n\r\n".encode())
    return connection


def ask(patience):
    """Who answers; None: nobody."""
    try:
        with connect("/whoami", patience) as connection:
            answer = b""
            while chunk := connection.recv(4096):
                answer += chunk
            return answer.rpartition(b"\r\n\r\n")[2].decode() or None
    except OSError:
        return None


def name_of(connection):
    """The first three letters of an answer's body."""
    answer = b""
    while len(answer.partition(b"\r\n\r\n")[2]) < 3:
        answer += connection.recv(4096)
    return answer.partition(b"\r\n\r\n")[2][:3].decode()


def hold(count, seconds):
    """Many connections that go on: who is at the other end of each, and how many bytes came in the last second."""
    held = [connect("/slow", 3) for _ in range(count)]
    names = [name_of(connection) for connection in held]
    time.sleep(seconds)
    late = []
    for connection in held:
        connection.setblocking(False)
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass
    time.sleep(1)
    for connection in held:
        try:
            late.append(len(connection.recv(65536)))
        except OSError:
            late.append(0)
    return list(zip(names, late))


def main():
    """As the arguments say."""
    if MODE == "hold":
        return hold(int(NUMBERS[0]), float(NUMBERS[1]))
    answers = []
    number, patience = float(NUMBERS[0]), 2 if MODE == "count" else float(NUMBERS[1])
    end = time.monotonic() + number
    while len(answers) < number if MODE == "count" else time.monotonic() < end:
        begun = time.monotonic()
        who = ask(patience)
        answers.append((time.monotonic() if who else begun, who))
        if MODE == "seconds":
            time.sleep(max(0, begun + 0.01 - time.monotonic()))
    return answers


print(json.dumps(main()))
