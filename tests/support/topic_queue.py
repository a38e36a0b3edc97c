"""The queue of a persistent topic, as the gateway keeps it: an object in RADOS.

No version lets anybody set its size (128 MiB), so a test makes a smaller one in its place.
"""

from __future__ import annotations

from pathlib import Path

from tests.rig.store import Store

# In Ceph's own encoding (version, oldest reader, length): size, room for urgent data, no such data.
_SCRIPT = """
import struct, sys, rados
configuration, name, size = sys.argv[1:]
with rados.Rados(conffile=configuration, name="client.admin") as cluster:
    with cluster.open_ioctx("default.rgw.log") as pool:
        pool.set_namespace("notif")
        # Ceph 20 puts the tenant before the name.
        [name] = {name, f":{name}"} & {each.key for each in pool.list_objects()}
        pool.remove_object(name)
        body = struct.pack("<QQI", int(size), 0, 0)
        order = struct.pack("<BBI", 1, 1, len(body)) + body
        pool.execute(name, "2pc_queue", "2pc_queue_init", order)
"""


def shrink(store: Store, topic: str, size: int) -> None:
    """Give a topic's queue, which has to be empty, another size in bytes."""
    store.run("python3", "-c", _SCRIPT, Path(store.config), topic, str(size))
