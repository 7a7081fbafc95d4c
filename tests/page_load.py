"""Many clients at once for the web page: for its test and its benchmark. Only ever against this machine."""
import http.client
import json
import threading
import time
from urllib.parse import urlsplit


def load(url, photo, clients=50, seconds=10):
    """`clients` threads send `photo` again and again.

    Returns the seconds that each answer took, a list of what went wrong, and the answers a second.
    """
    address, took, wrong = urlsplit(url), [], []
    assert address.hostname == '127.0.0.1'
    start = time.perf_counter()
    def client():
        connection = http.client.HTTPConnection(address.hostname, address.port, timeout=60)
        while time.perf_counter() - start < seconds:
            begin = time.perf_counter()
            try:
                connection.request('POST', '/predict', photo)
                response = connection.getresponse()
                said = json.loads(response.read())
                took.append(time.perf_counter() - begin)
                if response.status != 200:
                    wrong.append(said)
            except Exception as error:
                wrong.append(repr(error))
        connection.close()
    threads = [threading.Thread(target=client) for _ in range(clients)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    return sorted(took), wrong, len(took)/(time.perf_counter() - start)
