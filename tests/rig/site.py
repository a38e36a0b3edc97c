"""Where everything of the site is: addresses, ports, folders.

All addresses lie in 198.18.0.0/15, which RFC 2544 sets aside for tests, but for the node's own,
which is a second address on the loopback device.
"""

from __future__ import annotations

import os
from pathlib import Path

NODE = "198.20.0.1"
NODE_NAME = "node1"
POD_RANGE = "198.18.0.0/16"
SERVICE_RANGE = "198.19.0.0/17"
API_SERVICE = "198.19.0.1"
ADDRESS_POOLS = {
    "sdf-services": "198.19.200.0/25",
    "sdf-rubin-ingest": "198.19.200.128/25",
}
"""MetalLB pools, named as at USDF."""

API_PORT = 6443
DNS_PORT = 53
RGW_PORT = 7480
EMBARGO_PORT = 7481
VAULT_PORT = 8200
POSTGRES_PORT = 5432
LISTENER_PORT = 8090
FORWARDER_PORT = 8091
KAFKA_PORT = 9092
KAFKA_CONTROLLER_PORT = 9093

API_URL = f"https://{NODE}:{API_PORT}"
RGW_URL = f"http://{NODE}:{RGW_PORT}"
VAULT_URL = f"http://{NODE}:{VAULT_PORT}"
LISTENER_URL = f"http://{NODE}:{LISTENER_PORT}"
FORWARDER_URL = f"http://{NODE}:{FORWARDER_PORT}"
KAFKA = f"{NODE}:{KAFKA_PORT}"

STATE = Path("/var/lib/embargo-butler-rig")
LOGS = STATE / "log"
KUBECONFIG = STATE / "kubeconfig"
CACHE = Path(
    os.environ.get("EMBARGO_BUTLER_CACHE") or Path.home() / ".cache" / "embargo-butler"
).absolute()
PROJECT = Path(__file__).resolve().parents[2]
