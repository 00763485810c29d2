"""Does SIGTERM end the daemon within a second, whatever its peers do? Needs no root.

Of the tests with a daemon the only one that an optimised build runs, too: there the second counts.
"""

import os
import signal
import time
import unittest

from daemon_run import Run  # (puts tests/support into the path)
from milter_client import MilterClient, packet, texts

# Sanitized programs are slow, and look for leaks before they end.
WITHIN_S = 1.0 if os.environ["TLSRPT_BUILD_TYPE"] == "Release" else 5.0
PEERS = 20
LINES = 500


def stop_in_packets(place):
    """Peers that send the first octets of a packet, and no more."""
    peers = [MilterClient(place) for _ in range(PEERS)]
    for client in peers[::2]:
        client.negotiate()
    for client in peers:
        client.link.sendall(packet(b"M", texts("<x@a.test>"))[:6])
    return peers


class Stop(unittest.TestCase):
    def test_peers_within_a_packet_do_not_hold_it_up_and_all_is_committed(self):
        with Run() as run:
            daemon = run.start()
            peers = stop_in_packets(run.socket)
            run.deliver("a.test", LINES)
            begin = time.monotonic()
            daemon.signal(signal.SIGTERM)
            self.assertEqual(daemon.process.wait(60), 0, daemon.output())
            self.assertLess(time.monotonic() - begin, WITHIN_S)
            self.assertEqual(run.counts(), {"a.test": LINES})
            self.assertFalse(os.path.exists(run.socket))
            for client in peers:
                client.link.close()


if __name__ == "__main__":
    unittest.main()
